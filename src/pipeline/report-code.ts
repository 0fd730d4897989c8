import highlighter from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import python from "highlight.js/lib/languages/python";
import { type TrustedHtml, trustedHtml } from "../templates/render.ts";

highlighter.registerLanguage("python", python);
highlighter.registerLanguage("bash", bash);

/** Longer texts are shown plain, longer lists of lines cut. */
const maxHighlighted = 150_000;
const maxLineLength = 2000;
const maxLines = 3000;

export interface CodeListing {
  name: string;
  lines: Array<{ number: number; html: TrustedHtml }>;
  note: string | null;
}

/** A file as numbered lines of HTML with the highlighter's classes; the text in them is escaped. */
export function listCode(name: string, text: string): CodeListing {
  const whole = text.replace(/\n$/, "").split("\n");
  const short = whole.every((line) => line.length <= maxLineLength);
  const kept = whole
    .slice(0, maxLines)
    .map((line) => (line.length > maxLineLength ? `${line.slice(0, maxLineLength).toWellFormed()} […]` : line));
  const notes = [
    whole.length > maxLines ? `Cut: ${whole.length - maxLines} of ${whole.length} lines are left out.` : "",
    short ? "" : `Lines of more than ${maxLineLength} characters are cut.`,
  ];
  const html = highlight(kept.join("\n"), languageOf(name));
  return {
    name,
    lines: splitLines(html).map((line, index) => ({ number: index + 1, html: trustedHtml(line) })),
    note: notes.filter(Boolean).join(" ") || null,
  };
}

function languageOf(name: string): "python" | "bash" | null {
  if (/\.py$/.test(name)) return "python";
  return /\.sh$/.test(name) ? "bash" : null;
}

function highlight(text: string, language: "python" | "bash" | null): string {
  if (language === null || text.length > maxHighlighted) return escapeHtml(text);
  return highlighter.highlight(text, { language, ignoreIllegals: true }).value;
}

/**
 * The highlighter's elements end with the line and begin again on the next. Nothing but its own `span`s passes as an
 * element, whatever the highlighter was made to say.
 */
function splitLines(html: string): string[] {
  const lines: string[] = [];
  const open: string[] = [];
  let line = "";
  for (const part of html.split(/(<span class="hljs-[\w -]+">|<\/span>|\n)/)) {
    if (part === "\n") {
      lines.push(line + "</span>".repeat(open.length));
      line = open.join("");
    } else if (part === "</span>") {
      if (open.pop() !== undefined) line += part;
    } else if (/^<span class="hljs-[\w -]+">$/.test(part)) {
      open.push(part);
      line += part;
    } else line += part.replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }
  lines.push(line + "</span>".repeat(open.length));
  return lines;
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** The first line that defines a function, from 1; null where there is none. */
export function lineOfFunction(text: string, name: string): number | null {
  const index = text.split("\n").findIndex((line) => line.startsWith(`def ${name}(`));
  return index < 0 ? null : index + 1;
}

/** A text in pieces: those with a line number name that line of `main.py`, as Python's tracebacks do. */
export function linkTraceback(text: string, lineCount: number): Array<{ text: string; line: number | null }> {
  return text.split(/(\bmain\.py", line \d{1,6}\b)/).map((part) => {
    const line = Number(/^main\.py", line (\d+)$/.exec(part)?.[1]);
    return { text: part, line: line >= 1 && line <= lineCount ? line : null };
  });
}
