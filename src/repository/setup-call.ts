import type { Node } from "web-tree-sitter";
import { withTree } from "./grammars.ts";

/** The literal arguments of the `setup()` call in a setup.py; what is computed is not known. The file is never run. */
export interface SetupCall {
  text(keyword: string): string | undefined;
  texts(keyword: string): string[];
  nestedText(keyword: string, key: string): string | undefined;
  nestedTexts(keyword: string, key: string): string[];
}

type Literal = string | Literal[] | Map<string, Literal> | null;

export async function readSetupCall(text: string): Promise<SetupCall | null> {
  const found = await withTree("python", text, (tree) => {
    const variables = new Map<string, Literal>();
    const call = findSetup(tree.rootNode, variables);
    if (!call) return null;
    const keywords = new Map<string, Literal>();
    for (const argument of call.childForFieldName("arguments")?.namedChildren ?? []) {
      if (argument?.type !== "keyword_argument") continue;
      const value = argument.childForFieldName("value");
      if (value) keywords.set(argument.childForFieldName("name")?.text ?? "", readLiteral(value, variables));
    }
    return keywords;
  });
  if (!found) return null;
  const nested = (keyword: string, key: string): Literal => {
    const value = found.get(keyword);
    return value instanceof Map ? (value.get(key) ?? null) : null;
  };
  return {
    text: (keyword) => asText(found.get(keyword) ?? null),
    texts: (keyword) => asTexts(found.get(keyword) ?? null),
    nestedText: (keyword, key) => asText(nested(keyword, key)),
    nestedTexts: (keyword, key) => asTexts(nested(keyword, key)),
  };
}

function asText(value: Literal): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function asTexts(value: Literal): string[] {
  if (typeof value === "string") return value.split("\n");
  return Array.isArray(value) ? value.flatMap((each) => asText(each) ?? []) : [];
}

/** The last call of `setup`, and on the way there the module's literal assignments. */
function findSetup(root: Node, variables: Map<string, Literal>): Node | null {
  let found: Node | null = null;
  const visit = (node: Node): void => {
    if (node.type === "assignment") {
      const left = node.childForFieldName("left");
      const right = node.childForFieldName("right");
      if (left?.type === "identifier" && right) variables.set(left.text, readLiteral(right, variables));
    }
    if (node.type === "call" && /(^|\.)setup$/.test(node.childForFieldName("function")?.text ?? "")) found = node;
    for (const child of node.namedChildren) if (child) visit(child);
  };
  visit(root);
  return found;
}

function readLiteral(node: Node, variables: ReadonlyMap<string, Literal>): Literal {
  switch (node.type) {
    case "string":
      if (node.namedChildren.some((child) => child?.type === "interpolation")) return null;
      return node.namedChildren
        .filter((child) => child?.type === "string_content")
        .map((child) => child?.text ?? "")
        .join("");
    case "concatenated_string":
      return node.namedChildren.map((child) => asText(child ? readLiteral(child, variables) : null) ?? "").join("");
    case "list":
    case "tuple":
    case "set":
      return node.namedChildren.flatMap((child) => (child ? [readLiteral(child, variables)] : []));
    case "dictionary": {
      const map = new Map<string, Literal>();
      for (const pair of node.namedChildren) {
        const key = pair?.childForFieldName("key");
        const value = pair?.childForFieldName("value");
        const name = key ? asText(readLiteral(key, variables)) : undefined;
        if (name !== undefined && value) map.set(name, readLiteral(value, variables));
      }
      return map;
    }
    case "identifier":
      return variables.get(node.text) ?? null;
    case "parenthesized_expression": {
      const inner = node.namedChildren[0];
      return inner ? readLiteral(inner, variables) : null;
    }
    default:
      return null;
  }
}
