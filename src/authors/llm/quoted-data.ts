import { createHash } from "node:crypto";
import type { Repository } from "../../repository/repository.ts";
import type { Survey } from "../../repository/survey.ts";

/**
 * The mark that our tags carry in one run: `<file-4f1c09 path="main.py">`. It follows from the commit, so that prompts are the
 * same every time. Where a text holds it all the same, it is taken out before it is quoted.
 */
export function markOf({ name, commit }: Repository, { files }: Survey): string {
  const hash = createHash("sha256").update(`${name}\0${commit ?? ""}`);
  if (commit === null) for (const { path, bytes } of files) hash.update(`\0${path}\0${bytes}`);
  return hash.digest("hex").slice(0, 6);
}

/** Text from a repository or a program, marked as data: nothing in it can end its block, and nothing in it is hidden. */
export function quoteData(mark: string, attributes: Readonly<Record<string, string>>, text: string): string {
  const shown = Object.entries(attributes).map(([name, value]) => ` ${name}="${cleanAttribute(value)}"`);
  const isDocument = attributes.kind === "purpose" || documentPath.test(attributes.path ?? "");
  const cleaned = isDocument ? cleanData(mark, text) : disarm(mark, stripHidden(text));
  return `<data-${mark}${shown.join("")}>\n${cleaned.trimEnd()}\n</data-${mark}>`;
}

/** Whose comments no reader sees. In code and in what a program prints the same characters are text like any other. */
const documentPath = /(^|\/)readme[^/]*$|\.(md|markdown|rst|txt|html?|ipynb)$/i;

/** Without what a reader cannot see, without comments of Markdown and HTML, and without any provider's control words. */
export function cleanData(mark: string, text: string): string {
  return disarm(mark, stripHidden(text).replace(/<!--[\s\S]*?(-->|$)/g, ""));
}

/** A name from outside in a line of our own: what is no part of a path or an identifier goes, and so every sentence. */
export function plainName(text: string): string {
  return text.replace(/[^\p{L}\p{N}_./-]/gu, "?").slice(0, 120);
}

/** Takes out the mark, and parts what the templates of open models and of providers take for the ends of turns. */
function disarm(mark: string, text: string): string {
  return text.replaceAll(mark, "*".repeat(mark.length)).replace(controlWord, "$& ");
}

const controlWord = /<(?=[|｜]|\/?s>|(?:start|end)_of_turn>|<\/?SYS>>)|\[(?=\/?INST\])/g;

/** Control characters but tab and line feed, and characters without width or that turn the direction of text. */
function stripHidden(text: string): string {
  return text
    .replace(/(?![\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu, "")
    .toWellFormed();
}

function cleanAttribute(text: string): string {
  return stripHidden(text)
    .replace(/["<>\n\t]/g, "?")
    .slice(0, 300);
}
