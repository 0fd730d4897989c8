import type { Node } from "web-tree-sitter";

export interface PythonImport {
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

/** The imports of one statement: `import a, b as c` is two. */
export function readImport(node: Node, conditional: boolean): PythonImport[] {
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
