import { createRequire } from "node:module";
import { Language, Parser, type Tree } from "web-tree-sitter";

/**
 * Tree-sitter grammars by language, loaded once when first asked for. A grammar that is not installed
 * (the optional ones) makes its language unknown, never an error. No Fortran grammar is published as a package.
 */
export type GrammarName = "python" | "cpp" | "r" | "julia";

const grammarFiles: Record<GrammarName, string> = {
  python: "@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm",
  cpp: "@vscode/tree-sitter-wasm/wasm/tree-sitter-cpp.wasm",
  r: "@davisvaughan/tree-sitter-r/tree-sitter-r.wasm",
  julia: "tree-sitter-julia/tree-sitter-julia.wasm",
};

let started: Promise<void> | undefined;
const languages = new Map<GrammarName, Promise<Language | null>>();

function loadGrammar(name: GrammarName): Promise<Language | null> {
  let language = languages.get(name);
  if (!language) {
    language = (async () => {
      started ??= Parser.init();
      await started;
      try {
        return await Language.load(createRequire(import.meta.url).resolve(grammarFiles[name]));
      } catch {
        return null;
      }
    })();
    languages.set(name, language);
  }
  return language;
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
  read: (tree: Tree, language: Language) => T,
): Promise<T | null> {
  const language = await loadGrammar(name);
  if (!language) return null;
  const parser = new Parser();
  parser.setLanguage(language);
  const deadline = performance.now() + longestParse;
  const tree = parser.parse(text, null, { progressCallback: () => performance.now() > deadline });
  try {
    return tree ? read(tree, language) : null;
  } finally {
    tree?.delete();
    parser.delete();
  }
}
