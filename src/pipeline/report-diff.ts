import { structuredPatch } from "diff";
import type { Draft } from "../example/example.ts";

/** Edits after which two files count as rewritten, and lines shown of one diff. */
const maxEdits = 3000;
const maxLines = 400;
const maxCharacters = 300_000;

export interface FileDiff {
  name: string;
  added: number;
  removed: number;
  lines: Array<{ kind: "added" | "removed" | "context" | "hunk"; text: string }>;
  note: string | null;
}

/** The unified diff of every file that two drafts do not share; `main.py` first. */
export function diffDrafts(before: Pick<Draft, "files">, after: Pick<Draft, "files">): FileDiff[] {
  const names = [...new Set([...Object.keys(before.files), ...Object.keys(after.files)])];
  return names
    .filter((name) => before.files[name] !== after.files[name])
    .sort((a, b) => rankFile(a) - rankFile(b) || (a < b ? -1 : 1))
    .map((name) => diffFile(name, before.files[name] ?? "", after.files[name] ?? ""));
}

/** Files in the order in which they are read. */
export function rankFile(name: string): number {
  const index = ["main.py", "requirements.txt", "runscript.sh", "run.sh"].indexOf(name);
  return index < 0 ? 9 : index;
}

function diffFile(name: string, before: string, after: string): FileDiff {
  const diff: FileDiff = { name, added: 0, removed: 0, lines: [], note: null };
  const patch =
    before.length + after.length > maxCharacters
      ? undefined
      : structuredPatch(name, name, before, after, "", "", { context: 3, maxEditLength: maxEdits });
  if (!patch) return { ...diff, note: "Rewritten: too much differs to show it line by line." };
  for (const { oldStart, oldLines, newStart, newLines, lines } of patch.hunks) {
    diff.lines.push({ kind: "hunk", text: `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@` });
    for (const text of lines) {
      const kind = text.startsWith("+") ? "added" : text.startsWith("-") ? "removed" : "context";
      if (kind === "added") diff.added++;
      if (kind === "removed") diff.removed++;
      diff.lines.push({ kind, text: text.slice(0, 1000).toWellFormed() });
    }
  }
  if (diff.lines.length > maxLines) {
    diff.note = `Cut: ${diff.lines.length - maxLines} of ${diff.lines.length} lines are left out.`;
    diff.lines.length = maxLines;
  }
  return diff;
}
