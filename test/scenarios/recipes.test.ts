import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate } from "../support/command-line.ts";
import { reachesPackages } from "../support/package-index.ts";
import { parseResult, readState } from "../support/run-result.ts";

const hasPackages = canIsolate && reachesPackages();

/** A repository that asks for `packaging`; with a line of its own at the top of its function. */
function repositoryOf(name: string, { line = "", asks = "packaging" } = {}): Record<string, string> {
  return {
    "README.md": `# ${name}\n\nOrders releases.\n\n\`\`\`python\nfrom ${name} import newest\n\nlatest = newest(["1.9", "1.10"])\nprint(latest)\n\`\`\`\n`,
    "setup.py": `from setuptools import setup\n\nsetup(name="${name}", version="1.0", py_modules=["${name}"], install_requires=["${asks}"])\n`,
    [`${name}.py`]: `"""Orders releases."""
import importlib

from packaging.version import Version


def newest(releases):
    """The newest of some releases."""
${line && `    ${line}\n`}    return max(releases, key=Version)
`,
  };
}

/** A need that nobody sees by reading: the module is imported by a computed name. */
const hiddenNeed = 'assert importlib.import_module("s" + "ix").PY3';
const note = "packaging: versions that worked before, from the memory of recipes";

describe.runIf(hasPackages)("the memory of recipes", () => {
  const commandLine = new CommandLine();
  afterAll(() => commandLine[Symbol.dispose]());

  async function distil(name: string, repository: Record<string, string>, argv: readonly string[] = []) {
    writeTree(commandLine.path(name), repository);
    const ended = await commandLine.run(["distill", name, "--out", `${name}-out`, "--json", ...argv], {
      withPackages: true,
      timeoutSeconds: 180,
    });
    const result = parseResult(ended);
    expect(result.outcome, ended.stderr).toBe("verified");
    const { iterations } = readState(result.runFolder ?? "").distiller;
    const requirements = readFileSync(join(result.exampleFolder ?? "", "requirements.txt"), "utf8");
    return { ended, iterations, requirements };
  }

  it("lets the second repository of a set begin where the first one ended", async () => {
    const first = await distil("first", repositoryOf("first", { line: hiddenNeed }));
    expect(first.iterations).toHaveLength(2);
    expect(first.requirements).toMatch(/^six==[\d.]+$/m);
    expect(first.ended.stderr).not.toContain("memory of recipes");

    const second = await distil("second", repositoryOf("second", { line: hiddenNeed }));
    expect(second.iterations).toHaveLength(1);
    expect(second.iterations[0]?.changesMade).toEqual([note]);
    expect(second.requirements).toMatch(/^six==[\d.]+$/m);

    const without = await distil("without", repositoryOf("without", { line: hiddenNeed }), ["--no-recipes"]);
    expect(without.iterations).toHaveLength(2);
    const held = readdirSync(join(commandLine.cache, "recipes")).map((name) =>
      readFileSync(join(commandLine.cache, "recipes", name), "utf8"),
    );
    expect(held).toHaveLength(2);
    for (const text of held) expect(text).not.toMatch(/first|second|without|source|https?:/i);
  }, 300_000);

  it("leaves a version alone that the repository asks for", async () => {
    const { iterations, requirements } = await distil("pinned", repositoryOf("pinned", { asks: "packaging==21.3" }));
    expect(iterations).toHaveLength(1);
    expect(iterations[0]?.changesMade).toEqual([]);
    expect(requirements).toMatch(/^packaging==21\.3$/m);
  }, 120_000);

  it("costs no iteration where what worked before cannot be built, and is told so", async () => {
    const folder = join(commandLine.cache, "recipes");
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), "utf8");
      writeFileSync(join(folder, name), text.replace(/"packaging":"[^"]*"/, '"packaging":"999.0"'));
    }
    const { iterations } = await distil("gone", repositoryOf("gone"), ["--max-debug-iterations", "0"]);
    expect(iterations).toHaveLength(2);
    expect(iterations[1]?.changesMade).toEqual([
      "The author's own requirements instead of those from the memory of recipes.",
    ]);
    // What ran then is what is remembered now.
    const again = await distil("again", repositoryOf("again"));
    expect(again.iterations).toHaveLength(1);
    expect(again.iterations[0]?.changesMade).toEqual([note]);
  }, 300_000);
});
