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
  if (find.trim() === "") return { found: 0 };
  const found = countPlaces(text, find);
  if (found === 0) return applyByLines(text, find, replace);
  return found > 1 ? { found } : text.split(find).join(replace);
}

/** The same without regard to blanks at the ends of lines, which writers rarely copy. */
function applyByLines(text: string, find: string, replace: string): string | { found: number } {
  const lines = text.split("\n");
  const wanted = withoutBlankEnds(find.split("\n").map((line) => line.trimEnd()));
  const searched = `\n${lines.map((line) => line.trimEnd()).join("\n")}\n`;
  const sought = `\n${wanted.join("\n")}\n`;
  const found = countPlaces(searched, sought);
  if (found !== 1) return { found };
  const place = searched.slice(0, searched.indexOf(sought)).split("\n").length - 1;
  return [...lines.slice(0, place), replace, ...lines.slice(place + wanted.length)].join("\n");
}

function withoutBlankEnds(lines: readonly string[]): string[] {
  const isFilled = (line: string): boolean => line !== "";
  return lines.slice(lines.findIndex(isFilled), lines.findLastIndex(isFilled) + 1);
}

/** Of two places that overlap, too, nobody can tell which is meant. */
function countPlaces(text: string, sought: string): number {
  const apart = text.split(sought).length - 1;
  return apart === 1 && text.indexOf(sought) !== text.lastIndexOf(sought) ? 2 : apart;
}
