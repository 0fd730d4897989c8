import type { Edit } from "./answer-blocks.ts";

export interface EditedFiles {
  files: Map<string, string>;
  /** Edits that could not be made, as sentences for their writer; the files are then as they were before them. */
  problems: string[];
}

/** Makes edits in order. Each has to find its text exactly once; blanks at line ends alone are forgiven. */
export function applyEdits(files: ReadonlyMap<string, string>, edits: readonly Edit[]): EditedFiles {
  const edited: EditedFiles = { files: new Map(files), problems: [] };
  edits.forEach((edit, index) => {
    const text = edited.files.get(edit.path);
    const where = `Edit ${index + 1} of ${edit.path}`;
    if (text === undefined) {
      edited.problems.push(`${where}: there is no such file.`);
      return;
    }
    const changed = applyEdit(text, edit);
    if (typeof changed === "string") edited.files.set(edit.path, changed);
    else {
      const how = changed.found === 0 ? "is not in the file" : `is in the file ${changed.found} times`;
      edited.problems.push(`${where}: the text to find ${how}. It begins with: ${edit.find.trim().slice(0, 80)}`);
    }
  });
  return edited;
}

function applyEdit(text: string, { find, replace }: Edit): string | { found: number } {
  const exact = text.split(find);
  if (exact.length === 2) return exact.join(replace);
  if (exact.length > 2) return { found: exact.length - 1 };
  return applyByLines(text, find, replace);
}

/** The same without regard to blanks at the ends of lines, which writers rarely copy. */
function applyByLines(text: string, find: string, replace: string): string | { found: number } {
  const lines = text.split("\n");
  const wanted = find
    .replace(/^\n+|\n+$/g, "")
    .split("\n")
    .map((line) => line.trimEnd());
  const places: number[] = [];
  for (let start = 0; start + wanted.length <= lines.length; start++)
    if (wanted.every((line, offset) => lines[start + offset]?.trimEnd() === line)) places.push(start);
  const [place] = places;
  if (place === undefined || places.length > 1) return { found: places.length };
  return [...lines.slice(0, place), replace, ...lines.slice(place + wanted.length)].join("\n");
}
