import type { Node } from "web-tree-sitter";
import { hasGrammar, withTree } from "./grammars.ts";
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

interface PythonImport {
  /** Dotted module as written, without leading dots. */
  module: string;
  /** Number of leading dots; 0 for an absolute import. */
  level: number;
  /** `import m as alias`: null. `from m import a as b`: the names. */
  names: Array<{ name: string; alias: string }> | null;
  alias: string | null;
  star: boolean;
  line: number;
  /** Inside `try`, `if` or a function: may be optional. */
  conditional: boolean;
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

function readImport(node: Node, conditional: boolean): PythonImport[] {
  const line = node.startPosition.row + 1;
  const pair = (child: Node): { name: string; alias: string | null } => {
    if (child.type === "aliased_import") {
      return {
        name: child.childForFieldName("name")?.text ?? "",
        alias: child.childForFieldName("alias")?.text ?? null,
      };
    }
    return { name: child.text, alias: null };
  };
  if (node.type === "import_statement") {
    return node.childrenForFieldName("name").flatMap((child) => {
      if (!child) return [];
      const { name, alias } = pair(child);
      return [{ module: name, level: 0, names: null, alias, star: false, line, conditional }];
    });
  }
  const moduleText =
    node.type === "future_import_statement" ? "__future__" : (node.childForFieldName("module_name")?.text ?? "");
  const level = /^\.*/.exec(moduleText)?.[0].length ?? 0;
  const names = node.childrenForFieldName("name").flatMap((child) => {
    if (!child) return [];
    const { name, alias } = pair(child);
    return [{ name, alias: alias ?? name }];
  });
  const star = node.namedChildren.some((child) => child?.type === "wildcard_import");
  return [{ module: moduleText.slice(level), level, names, alias: null, star, line, conditional }];
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

interface NameUse {
  binds: Set<string>;
  reads: Set<string>;
}

/** Names bound and read by one statement. Function bodies read late and bind their own names only. */
function collectNames(node: Node, use: NameUse): void {
  switch (node.type) {
    case "identifier":
      if (!use.binds.has(node.text)) use.reads.add(node.text);
      return;
    case "import_statement":
    case "import_from_statement":
    case "future_import_statement":
      for (const imported of readImport(node, false)) {
        if (imported.names) for (const { alias } of imported.names) use.binds.add(alias);
        else use.binds.add(imported.alias ?? imported.module.split(".")[0] ?? imported.module);
      }
      return;
    case "attribute":
      visit(node.childForFieldName("object"), use);
      return;
    case "keyword_argument":
      visit(node.childForFieldName("value"), use);
      return;
    case "assignment":
    case "augmented_assignment":
      visit(node.childForFieldName("right"), use);
      visit(node.childForFieldName("type"), use);
      if (node.type === "augmented_assignment") visit(node.childForFieldName("left"), use);
      bindTargets(node.childForFieldName("left"), use);
      return;
    case "named_expression":
      visit(node.childForFieldName("value"), use);
      bindTargets(node.childForFieldName("name"), use);
      return;
    case "for_statement":
      visit(node.childForFieldName("right"), use);
      bindTargets(node.childForFieldName("left"), use);
      visit(node.childForFieldName("body"), use);
      visit(node.childForFieldName("alternative"), use);
      return;
    case "for_in_clause":
      bindTargets(node.childForFieldName("left"), use);
      visit(node.childForFieldName("right"), use);
      return;
    case "list_comprehension":
    case "set_comprehension":
    case "dictionary_comprehension":
    case "generator_expression":
      readScope(node, use, (inner) => {
        for (const clause of node.namedChildren) if (clause?.type === "for_in_clause") collectNames(clause, inner);
        for (const child of node.namedChildren) if (child && child.type !== "for_in_clause") collectNames(child, inner);
      });
      return;
    case "as_pattern_target":
      bindTargets(node, use);
      return;
    case "as_pattern":
      for (const child of node.namedChildren) if (child) collectNames(child, use);
      return;
    case "function_definition":
    case "lambda": {
      const name = node.childForFieldName("name");
      if (name) use.binds.add(name.text);
      visit(node.childForFieldName("return_type"), use);
      readScope(node, use, (inner) => {
        const parameters = node.childForFieldName("parameters");
        if (parameters) bindParameters(parameters, inner, use);
        visit(node.childForFieldName("body"), inner);
      });
      return;
    }
    case "class_definition": {
      visit(node.childForFieldName("superclasses"), use);
      const name = node.childForFieldName("name");
      if (name) use.binds.add(name.text);
      readScope(node, use, (inner) => visit(node.childForFieldName("body"), inner));
      return;
    }
    case "global_statement":
    case "nonlocal_statement":
    case "comment":
      return;
    default:
      for (const child of node.namedChildren) if (child) collectNames(child, use);
  }
}

function visit(node: Node | null, use: NameUse): void {
  if (node) collectNames(node, use);
}

/** Reads an inner scope: what it binds stays inside, what it reads and does not bind comes out. */
function readScope(_node: Node, use: NameUse, read: (inner: NameUse) => void): void {
  const inner: NameUse = { binds: new Set(), reads: new Set() };
  read(inner);
  for (const name of inner.reads) if (!inner.binds.has(name) && !use.binds.has(name)) use.reads.add(name);
}

function bindTargets(node: Node | null, use: NameUse): void {
  if (!node) return;
  if (node.type === "identifier") use.binds.add(node.text);
  else if (node.type === "attribute" || node.type === "subscript") collectNames(node, use);
  else for (const child of node.namedChildren) bindTargets(child, use);
}

function bindParameters(parameters: Node, inner: NameUse, outer: NameUse): void {
  for (const parameter of parameters.namedChildren) {
    if (!parameter) continue;
    visit(parameter.childForFieldName("value"), outer);
    visit(parameter.childForFieldName("type"), outer);
    if (parameter.type === "identifier") inner.binds.add(parameter.text);
    else {
      const name =
        parameter.childForFieldName("name") ??
        parameter.namedChildren.find((child) => child?.type === "identifier") ??
        null;
      if (name?.type === "identifier") inner.binds.add(name.text);
      else for (const child of parameter.namedChildren) if (child?.type !== "type") bindTargets(child, inner);
    }
  }
}
