import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Names of the packages of Modal's SDK that a script loads, which is given what the command line is given. */
function loadedBy(script: string, ...argv: string[]): string[] {
  const watched = `
    import { registerHooks } from "node:module";
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        const [, name] = /node_modules\\/(modal|nice-grpc)\\//.exec(found.url) ?? [];
        if (name) process.stderr.write(\`loads \${name}\\n\`);
        return found;
      },
    });
    ${script}`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", watched, "command", ...argv], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  return [...new Set([...stderr.matchAll(/^loads (\S+)$/gm)].flatMap(([, name]) => name ?? []))];
}

describe("Modal's SDK", () => {
  it("is loaded only where it is used", () => {
    const commandLine = `const { main } = await import(${JSON.stringify(new URL("../../src/cli.ts", import.meta.url))});
      await main();`;
    for (const argument of ["--version", "--help"]) expect(loadedBy(commandLine, argument)).toEqual([]);
    expect(loadedBy('await import("modal");')).toEqual(["modal", "nice-grpc"]);
  });
});
