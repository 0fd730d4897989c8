import type { FileOutline } from "./outline.ts";
import type { Snippet } from "./snippets.ts";

const maxExamples = 40;

/**
 * The console sessions in a module's doc strings: from each line that begins with `>>>` to the next blank line, as Python's
 * doctest reads them. Sessions of one function come together, because later ones use names of earlier ones.
 */
export function readDocstringExamples(path: string, text: string, outline: FileOutline | null): Snippet[] {
  if (!text.includes(">>> ")) return [];
  const lines = text.split("\n");
  const examples: Snippet[] = [];
  for (let index = 0; index < lines.length && examples.length < maxExamples; index++) {
    const margin = /^([ \t]*)>>> /.exec(lines[index] ?? "")?.[1];
    if (margin === undefined) continue;
    let end = index;
    while (end < lines.length && (lines[end] ?? "").trim() !== "" && !/^\s*("""|''')/.test(lines[end] ?? "")) end++;
    const owner =
      outline?.symbols.filter(({ line, endLine }) => line <= index + 1 && index + 1 <= endLine).at(-1)?.qualifiedName ??
      "";
    const code = lines
      .slice(index, end)
      .map((line) => (line.startsWith(margin) ? line.slice(margin.length) : line.trimStart()))
      .join("\n");
    const last = examples.at(-1);
    if (last && last.heading === owner) {
      last.code += `\n${code}`;
      last.endLine = end;
    } else
      examples.push({
        path,
        startLine: index + 1,
        endLine: end,
        cell: null,
        kind: "doctest",
        heading: owner,
        prose: "",
        code,
      });
    index = end;
  }
  return examples;
}
