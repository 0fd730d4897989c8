import { cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { grammarFiles } from "../../src/repository/grammars.ts";

/** Puts the parser's engine and its grammars where the bundle looks for them; returns where they were. */
export function copyGrammars({ root, target }: { root: string; target: string }): string[] {
  const require = createRequire(join(root, "package.json"));
  const engine = join(dirname(require.resolve("web-tree-sitter")), "web-tree-sitter.wasm");
  cpSync(engine, join(target, basename(engine)));
  const folder = join(target, "repository/grammars");
  mkdirSync(folder, { recursive: true });
  const grammars = Object.values(grammarFiles).map((file) => {
    const path = find(file);
    cpSync(path, join(folder, basename(path)));
    return path;
  });
  return [engine, ...grammars];

  function find(file: string): string {
    try {
      return require.resolve(file);
    } catch {
      throw new Error(
        `The grammar ${file} is not installed: npm ci --include=optional. Without it the bundle would differ.`,
      );
    }
  }
}
