import { showHidden } from "../templates/reports/show-hidden.ts";

/** A text from outside as one line of at most so many characters; what is left out is marked. The cost does not grow with the text. */
export function cutLine(text: string, longest: number): string {
  const read = showHidden(text.slice(0, 4 * longest))
    .replace(/\s+/g, " ")
    .trim();
  if (read.length <= longest && text.length <= 4 * longest) return read;
  return `${read.slice(0, longest).toWellFormed().trimEnd()}…`;
}

/**
 * The same for every text in a value of plain objects and lists, and lists to so many entries. Addresses (`href`) stay
 * as they are, or go where they are longer than any that a person follows.
 */
export function cutLinesIn<T>(value: T, longest: number, entries: number): T {
  return cutIn(value, longest, entries, "") as T;
}

const longestAddress = 1000;

function cutIn(value: unknown, longest: number, entries: number, key: string): unknown {
  if (typeof value === "string" && key === "href") return value.length > longestAddress ? null : value;
  if (typeof value === "string") return cutLine(value, longest);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.slice(0, entries).map((each) => cutIn(each, longest, entries, ""));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cutIn(each, longest, entries, name)]));
}

/**
 * A text from outside for places that are not Markdown but where GitHub still looks for mentions, references and words
 * that close issues: titles and commit messages. A character of no width parts them.
 */
export function plainLine(text: string, longest: number): string {
  return cutLine(text, longest)
    .replace(/@/g, `@${parting}`)
    .replace(/#(?=\d)/g, `#${parting}`)
    .replace(/\b(GH-)(?=\d)/gi, `$1${parting}`)
    .replace(/:\/\//g, `:${parting}//`)
    .replace(/\bwww\./gi, (www) => `${www.slice(0, 3)}${parting}.`);
}

const parting = "\u200b";

/** An address for a link in Markdown: http or https, without credentials, plain in Markdown; null for anything else. */
export function linkAddress(address: string | null): string | null {
  if (!address || address.length > longestAddress || !URL.canParse(address)) return null;
  const url = new URL(address);
  if (!["https:", "http:"].includes(url.protocol) || url.username || url.password) return null;
  return url.href.replace(/[()'*!~<>]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
