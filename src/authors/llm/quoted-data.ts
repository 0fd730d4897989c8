import { createHash } from "node:crypto";
import type { Repository } from "../../repository/repository.ts";
import type { Survey } from "../../repository/survey.ts";

/**
 * The mark that our tags carry in one run: `<file-4f1c09 path="main.py">`. It follows from the commit, so that prompts are the
 * same every time, and no file of that commit can hold it on purpose.
 */
export function markOf({ name, commit }: Repository, { files }: Survey): string {
  const hash = createHash("sha256").update(`${name}\0${commit ?? ""}`);
  if (commit === null) for (const { path, bytes } of files) hash.update(`\0${path}\0${bytes}`);
  return hash.digest("hex").slice(0, 6);
}

/** Text from a repository or a program, marked as data: nothing in it can end its block, and nothing in it is hidden. */
export function quoteData(mark: string, attributes: Readonly<Record<string, string>>, text: string): string {
  const shown = Object.entries(attributes).map(([name, value]) => ` ${name}="${cleanAttribute(value)}"`);
  return `<data-${mark}${shown.join("")}>\n${cleanData(mark, text).trimEnd()}\n</data-${mark}>`;
}

/** Without what a reader cannot see, without comments of Markdown and HTML, and without any provider's control words. */
export function cleanData(mark: string, text: string): string {
  return stripHidden(text)
    .replace(/<!--[\s\S]*?(-->|$)/g, "")
    .replaceAll(mark, "*".repeat(mark.length))
    .replace(/<(\||｜)/g, "< |");
}

/** Control characters but tab and line feed, and characters without width or that turn the direction of text. */
function stripHidden(text: string): string {
  return text
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/gu,
      "",
    )
    .toWellFormed();
}

function cleanAttribute(text: string): string {
  return stripHidden(text)
    .replace(/["<>\n\t]/g, "?")
    .slice(0, 300);
}
