import { markdownCode, neutraliseMarkdown } from "./neutralise-markdown.ts";

/** Prose in which what stands between back-ticks is code; inert whoever wrote it. */
export function proseWithCode(text: string): string {
  const parts = text.split("`");
  // Two pieces of code side by side would become one, and a tick without its fellow is no code.
  if (parts.length % 2 === 0 || parts.slice(1, -1).includes("")) return neutraliseMarkdown(text);
  return parts
    .map((part, index) => {
      if (index % 2 === 1) return markdownCode(part);
      const [start, end] = [/^\s/.test(part) ? " " : "", /\S\s$/.test(part) ? " " : ""];
      return start + neutraliseMarkdown(part) + end;
    })
    .join("");
}
