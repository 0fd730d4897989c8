import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Language, Parser, Query, Tree } from "web-tree-sitter";

/**
 * Tree-sitter grammars by language, loaded once when first asked for. A grammar that is not installed
 * (the optional ones) makes its language unknown, never an error. No Fortran grammar is published as a package.
 */
export type GrammarName = "python" | "cpp" | "r" | "julia";

export const grammarFiles: Record<GrammarName, string> = {
  python: "@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm",
  cpp: "@vscode/tree-sitter-wasm/wasm/tree-sitter-cpp.wasm",
  r: "@davisvaughan/tree-sitter-r/tree-sitter-r.wasm",
  julia: "tree-sitter-julia/tree-sitter-julia.wasm",
};

export interface Grammar {
  compileQuery: (text: string) => Query;
  createParser: () => Parser;
}

/** The engine is loaded with the first grammar: many a command parses nothing. */
let engine: Promise<typeof import("web-tree-sitter")> | undefined;
const grammars = new Map<GrammarName, Promise<Grammar | null>>();

function loadGrammar(name: GrammarName): Promise<Grammar | null> {
  let grammar = grammars.get(name);
  if (!grammar) {
    grammar = (async () => {
      engine ??= startEngine();
      const { Language, Parser, Query } = await engine;
      let language: Language;
      try {
        language = await Language.load(findGrammarFile(name));
      } catch {
        return null;
      }
      return {
        compileQuery: (text) => new Query(language, text),
        createParser: () => new Parser().setLanguage(language),
      };
    })();
    grammars.set(name, grammar);
  }
  return grammar;
}

async function startEngine(): Promise<typeof import("web-tree-sitter")> {
  const loaded = await import("web-tree-sitter");
  await loaded.Parser.init();
  return loaded;
}

/** The Action's bundle has its grammars beside it; otherwise they lie in their packages. */
function findGrammarFile(name: GrammarName): string {
  const bundled = fileURLToPath(new URL(`grammars/${basename(grammarFiles[name])}`, import.meta.url));
  return existsSync(bundled) ? bundled : createRequire(import.meta.url).resolve(grammarFiles[name]);
}

/** Milliseconds that a file may take: 400 kB of source take a tenth of a second, recovery from hostile text takes minutes. */
const longestParse = 3000;

export async function hasGrammar(name: GrammarName): Promise<boolean> {
  return (await loadGrammar(name)) !== null;
}

/**
 * Parses text and hands the tree to `read`; the tree's memory is given back before this returns. Null where there is no
 * grammar, or where parsing takes too long.
 */
export async function withTree<T>(
  name: GrammarName,
  text: string,
  read: (tree: Tree, grammar: Grammar) => T,
): Promise<T | null> {
  const grammar = await loadGrammar(name);
  if (!grammar) return null;
  const parser = grammar.createParser();
  const deadline = performance.now() + longestParse;
  const tree = parser.parse(text, null, { progressCallback: () => performance.now() > deadline });
  try {
    return tree ? read(tree, grammar) : null;
  } finally {
    tree?.delete();
    parser.delete();
  }
}
