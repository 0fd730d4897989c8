import { showHidden } from "./show-hidden.ts";

/** A character of no width, as an entity: it parts what GitHub would take for a mention, a reference or an address. */
const parting = "&#8203;";

/**
 * Text from outside as one line of Markdown that GitHub shows as it stands. A backslash stops Markdown but not what
 * GitHub does after it (mentions, references and addresses are found in the rendered text), so those are parted.
 * A pipe becomes an entity: no run of backslashes before it can end a table cell.
 */
export function neutraliseMarkdown(text: string): string {
  return showHidden(text)
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*_[\]<>~&#$]/g, "\\$&")
    .replace(/\|/g, "&#124;")
    .replace(/^([-+=]|\d+(?=[.)](?: |$)))/, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start}`))
    .replace(/@/g, `@${parting}`)
    .replace(/\\#(?=\d)/g, `\\#${parting}`)
    .replace(/\b(GH-)(?=\d)/gi, `$1${parting}`)
    .replace(/:\/\//g, `:${parting}//`)
    .replace(/\bwww\./gi, (www) => `${www.slice(0, 3)}${parting}.`);
}

/** A code span; nothing in it is a mention or a reference. Not for a table, where a pipe would end it. */
export function markdownCode(text: string): string {
  const flat = showHidden(text).replace(/\s+/g, " ").trim() || " ";
  const longest = [...flat.matchAll(/`+/g)].reduce((length, [run]) => Math.max(length, run.length), 0);
  const ticks = "`".repeat(longest + 1);
  const padding = flat.startsWith("`") || flat.endsWith("`") ? " " : "";
  return ticks + padding + flat + padding + ticks;
}

/** Code inside a table cell. */
export function markdownCellCode(text: string): string {
  return `<code>${neutraliseMarkdown(text)}</code>`;
}
