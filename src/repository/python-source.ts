import type { Node } from "web-tree-sitter";
import { hasGrammar, withTree } from "./grammars.ts";
import { collectNames, type NameUse } from "./name-use.ts";
import { type PythonImport, readImport } from "./python-import.ts";
import { pythonBuiltins } from "./python-names.ts";

/** What a piece of Python text says, as far as the product asks: syntax only, nothing is run. Lines count from 1. */
export interface PythonSource {
  imports: PythonImport[];
  calls: PythonCall[];
  statements: PythonStatement[];
  /** Names bound anywhere at module level or below it in loops, comprehensions and `with`; an over-estimate. */
  bound: Set<string>;
  /** Names read that nothing here binds and that are not built in. */
  free: Set<string>;
  strings: PythonString[];
  /** Lines inside a multi-line string, first line excluded: they must not be indented. */
  stringLines: Set<number>;
  hasMainGuard: boolean;
  /** First line that is not valid Python 3; null where all is. */
  errorLine: number | null;
  /** Has `print` or `exec` statements, which only Python 2 knows. */
  python2: boolean;
  usesDunderFile: boolean;
  usesArguments: boolean;
}

export interface PythonCall {
  /** Dotted callee as far as it is made of names, for example `sc.lattice` or `.set_vectors` behind a call. */
  path: string;
  /** First name of the path, null where the call hangs on an expression. */
  root: string | null;
  /** Last name of the path. */
  name: string;
  line: number;
  /** Named without being called, as in `pool.map(ga.GA, jobs)`. */
  reference: boolean;
}

interface PythonStatement {
  type: string;
  startLine: number;
  endLine: number;
  binds: Set<string>;
  /** Names read that the statement itself does not bind before. */
  reads: Set<string>;
}

interface PythonString {
  value: string;
  line: number;
  startIndex: number;
  endIndex: number;
}

/** Longer texts, and ones nested deeper than the stack, count as unreadable: `errorLine` is 1 and nothing else is known. */
const longestText = 1_000_000;

export async function parsePython(text: string): Promise<PythonSource> {
  if (text.length > longestText) return { ...emptySource(), errorLine: 1 };
  try {
    const source = await withTree("python", text, (tree) => readModule(tree.rootNode));
    if (source) return source;
  } catch (error) {
    if (error instanceof RangeError) return { ...emptySource(), errorLine: 1 };
    throw error;
  }
  if (await hasGrammar("python")) return { ...emptySource(), errorLine: 1 };
  throw new Error("The Python grammar is missing from the installation.");
}

function emptySource(): PythonSource {
  return {
    imports: [],
    calls: [],
    statements: [],
    bound: new Set(),
    free: new Set(),
    strings: [],
    stringLines: new Set(),
    hasMainGuard: false,
    errorLine: null,
    python2: false,
    usesDunderFile: false,
    usesArguments: false,
  };
}

function readModule(root: Node): PythonSource {
  const source = emptySource();
  if (root.hasError) source.errorLine = findErrorLine(root);
  for (const child of root.namedChildren) {
    if (!child || child.type === "comment") continue;
    const names: NameUse = { binds: new Set(), reads: new Set() };
    collectNames(child, names);
    source.statements.push({
      type: child.type,
      startLine: child.startPosition.row + 1,
      endLine: child.endPosition.row + 1,
      binds: names.binds,
      reads: names.reads,
    });
    if (
      child.type === "if_statement" &&
      /__name__\s*==|==\s*__name__/.test(child.childForFieldName("condition")?.text ?? "")
    ) {
      source.hasMainGuard = true;
    }
  }
  for (const statement of source.statements) for (const name of statement.binds) source.bound.add(name);
  for (const statement of source.statements) {
    for (const name of statement.reads) {
      if (!source.bound.has(name) && !pythonBuiltins.has(name)) source.free.add(name);
    }
  }
  collectFacts(root, source, false);
  return source;
}

function findErrorLine(node: Node): number {
  let current = node;
  for (;;) {
    const next = current.children.find((child) => child?.hasError || child?.isMissing);
    if (!next || current.isError) return current.startPosition.row + 1;
    current = next;
  }
}

/** Imports, calls and strings of the whole tree. */
function collectFacts(node: Node, source: PythonSource, conditional: boolean): void {
  switch (node.type) {
    case "import_statement":
    case "import_from_statement":
    case "future_import_statement":
      source.imports.push(...readImport(node, conditional));
      return;
    case "call": {
      const call = readCall(node);
      if (call) source.calls.push(call);
      break;
    }
    case "string":
      readString(node, source);
      break;
    case "identifier":
      if (node.text === "__file__") source.usesDunderFile = true;
      break;
    case "print_statement":
    case "exec_statement":
      source.python2 = true;
      source.errorLine ??= node.startPosition.row + 1;
      break;
    case "attribute":
      readReference(node, source);
      break;
    default:
  }
  if (
    node.type === "call" &&
    /(^|\.)(ArgumentParser|OptionParser|parse_args|getopt)$/.test(node.childForFieldName("function")?.text ?? "")
  ) {
    source.usesArguments = true;
  }
  const inner = conditional || ["try_statement", "if_statement", "function_definition"].includes(node.type);
  for (const child of node.namedChildren) if (child) collectFacts(child, source, inner);
}

function readCall(node: Node): PythonCall | null {
  const callee = node.childForFieldName("function");
  if (!callee) return null;
  const parts: string[] = [];
  let current: Node | null = callee;
  while (current?.type === "attribute") {
    parts.unshift(current.childForFieldName("attribute")?.text ?? "");
    current = current.childForFieldName("object");
  }
  const root = current?.type === "identifier" ? current.text : null;
  const path = root === null ? `.${parts.join(".")}` : [root, ...parts].join(".");
  const name = parts.at(-1) ?? root;
  if (!name) return null;
  return { path, root, name, line: node.startPosition.row + 1, reference: false };
}

/** An attribute of a name that is not the callee of a call, nor part of a longer attribute. */
function readReference(node: Node, source: PythonSource): void {
  const parent = node.parent;
  if (parent?.type === "attribute" || (parent?.type === "call" && parent.childForFieldName("function")?.id === node.id))
    return;
  const object = node.childForFieldName("object");
  const name = node.childForFieldName("attribute")?.text;
  if (object?.type !== "identifier" || !name) return;
  if (object.text === "sys" && name === "argv") source.usesArguments = true;
  source.calls.push({
    path: `${object.text}.${name}`,
    root: object.text,
    name,
    line: node.startPosition.row + 1,
    reference: true,
  });
}

function readString(node: Node, source: PythonSource): void {
  for (let line = node.startPosition.row + 2; line <= node.endPosition.row + 1; line++) source.stringLines.add(line);
  const content = node.namedChildren.filter((child) => child?.type === "string_content");
  const only = content[0];
  if (content.length > 1 || node.namedChildren.some((child) => child?.type === "interpolation")) return;
  if (only && only.text.length > 4096) return;
  source.strings.push({
    value: only?.text ?? "",
    line: node.startPosition.row + 1,
    startIndex: only?.startIndex ?? node.startIndex,
    endIndex: only?.endIndex ?? node.endIndex,
  });
}
