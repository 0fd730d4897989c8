import type { Node } from "web-tree-sitter";
import { readImport } from "./python-import.ts";

export interface NameUse {
  binds: Set<string>;
  reads: Set<string>;
}

/** Names bound and read by one statement. Function bodies read late and bind their own names only. */
export function collectNames(node: Node, use: NameUse): void {
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
