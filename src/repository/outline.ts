import type { Node, Query } from "web-tree-sitter";
import { z } from "zod";
import { type Grammar, type GrammarName, withTree } from "./grammars.ts";

/** A function, class or method that a file defines. Lines count from 1. */
export const CodeSymbol = z.object({
  name: z.string(),
  /** As Python's `__qualname__`: `Class.method`. */
  qualifiedName: z.string(),
  kind: z.enum(["function", "class", "method"]),
  /** Name and parameters as written, one line. */
  signature: z.string(),
  /** First line of the doc string or of the comment above; empty where there is none. */
  doc: z.string(),
  line: z.number().int(),
  endLine: z.number().int(),
});
export type CodeSymbol = z.infer<typeof CodeSymbol>;

export const FileOutline = z.object({
  path: z.string(),
  language: z.string(),
  doc: z.string(),
  symbols: z.array(CodeSymbol),
});
export type FileOutline = z.infer<typeof FileOutline>;

const maxSymbolsPerFile = 2000;
/** Milliseconds that a file's query may take: source takes a few, tens of thousands of nested brackets take seconds. */
const longestQuery = 2000;

const grammarOfLanguage: Partial<Record<string, GrammarName>> = {
  Python: "python",
  Cython: "python",
  C: "cpp",
  "C++": "cpp",
  R: "r",
  Julia: "julia",
};

/** Queries for the languages whose definitions one pattern finds; Python's nesting is walked instead. */
const definitionQueries: Record<Exclude<GrammarName, "python">, string> = {
  cpp: `(function_definition declarator: (_) @head) @function
        (class_specifier name: (_) @head body: (_)) @class
        (struct_specifier name: (_) @head body: (_)) @class`,
  r: "(binary_operator lhs: (identifier) @head rhs: (function_definition)) @function",
  julia: `(function_definition (signature) @head) @function
          (assignment . (call_expression) @head) @function
          (struct_definition (type_head) @head) @class`,
};

/** Outlines a source file; null where its language has no grammar here or its text is beyond the parser. */
export async function outlineFile(path: string, language: string, text: string): Promise<FileOutline | null> {
  const grammar = grammarOfLanguage[language];
  if (!grammar) return null;
  try {
    return await withTree(grammar, text, (tree, loaded) => {
      if (grammar === "python") {
        const symbols: CodeSymbol[] = [];
        walkPython(tree.rootNode, "", symbols);
        return { path, language, doc: docstringOf(tree.rootNode), symbols };
      }
      const query = definitionQuery(grammar, loaded);
      return { path, language, doc: "", symbols: readMatches(query, tree.rootNode, text.split("\n")) };
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Compiling a query for C++ takes longer than parsing most files, so each is compiled once. */
const compiledQueries = new Map<GrammarName, Query>();

function definitionQuery(name: Exclude<GrammarName, "python">, grammar: Grammar): Query {
  let query = compiledQueries.get(name);
  if (!query) {
    query = grammar.compileQuery(definitionQueries[name]);
    compiledQueries.set(name, query);
  }
  return query;
}

function walkPython(scope: Node, prefix: string, symbols: CodeSymbol[]): void {
  for (const child of scope.namedChildren) {
    if (!child || symbols.length >= maxSymbolsPerFile) return;
    const node = child.type === "decorated_definition" ? child.childForFieldName("definition") : child;
    if (!node) continue;
    if (
      node.type === "if_statement" ||
      node.type === "try_statement" ||
      node.type === "block" ||
      node.type === "else_clause"
    ) {
      walkPython(node, prefix, symbols);
      continue;
    }
    const isClass = node.type === "class_definition";
    if (!isClass && node.type !== "function_definition") continue;
    const name = node.childForFieldName("name")?.text ?? "";
    const body = node.childForFieldName("body");
    const parameters = node.childForFieldName(isClass ? "superclasses" : "parameters")?.text ?? "";
    symbols.push({
      name,
      qualifiedName: prefix + name,
      kind: isClass ? "class" : prefix ? "method" : "function",
      signature: oneLine(`${isClass ? "class " : ""}${name}${parameters}`),
      doc: body ? docstringOf(body) : "",
      line: node.startPosition.row + 1,
      endLine: node.endPosition.row + 1,
    });
    if (isClass && body) walkPython(body, `${prefix}${name}.`, symbols);
  }
}

function docstringOf(body: Node): string {
  const first = body.namedChildren.find((child) => child?.type !== "comment");
  const expression = first?.type === "expression_statement" ? first.namedChildren[0] : first;
  if (expression?.type !== "string") return "";
  const content = expression.namedChildren.find((child) => child?.type === "string_content")?.text ?? "";
  return oneLine(content.trim().split("\n", 1)[0] ?? "");
}

function readMatches(query: Query, root: Node, lines: readonly string[]): CodeSymbol[] {
  const symbols: CodeSymbol[] = [];
  const deadline = performance.now() + longestQuery;
  const progressCallback = () => performance.now() > deadline;
  for (const { captures } of query.matches(root, { matchLimit: 10_000, progressCallback })) {
    const head = captures.find(({ name }) => name === "head")?.node;
    const whole = captures.find(({ name }) => name !== "head");
    if (!head || !whole || symbols.length >= maxSymbolsPerFile) continue;
    const signature = oneLine(head.text);
    const qualifiedName = (/^[*&\s]*([\w.:~!]+)/.exec(signature)?.[1] ?? signature).replaceAll("::", ".");
    const name = qualifiedName.split(".").at(-1) ?? qualifiedName;
    const kind = whole.name === "class" ? "class" : qualifiedName === name ? "function" : "method";
    const line = whole.node.startPosition.row + 1;
    symbols.push({
      name,
      qualifiedName,
      kind,
      signature,
      doc: commentAbove(lines, line - 1),
      line,
      endLine: whole.node.endPosition.row + 1,
    });
  }
  return symbols;
}

/** The line above a definition, where it is a comment: tree-sitter's sibling look-up costs the square of a file's length. */
function commentAbove(lines: readonly string[], row: number): string {
  const above = (lines[row - 1] ?? "").trim();
  return /^(\/\/|#|\*|\/\*|!)/.test(above) ? oneLine(above.replace(/^[/*#!'\s]+/, "").replace(/\*\/$/, "")) : "";
}

function oneLine(text: string): string {
  const folded = text.replace(/\s+/g, " ").trim();
  return folded.length > 200 ? `${folded.slice(0, 199)}…` : folded;
}
