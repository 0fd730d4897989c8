const opening = "<!-- codedistiller:index -->";
const closing = "<!-- /codedistiller:index -->";
const newFile = `# Examples\n\nPrograms that show what the code here does; each was run before it was put here.\n\n${opening}\n${closing}\n`;

export interface IndexEntry {
  slug: string;
  /** One line of Markdown that begins with a link to the folder: `[<slug>](<slug>/)`. */
  text: string;
}

export interface UpdateIndexOptions {
  /** The file as it is; null where there is none. */
  text: string | null;
  entry: IndexEntry;
  /** The folders beside this one; the lines of others, which are gone, go too. */
  slugs: ReadonlySet<string>;
}

/** The list of examples between our two markers, a line each, by name. Whatever stands around it stays as it is. */
export function updateIndex({ text, entry, slugs }: UpdateIndexOptions): string {
  const { before, lines, after, newline } = findBlock(text ?? newFile);
  const kept = lines.filter((line) => {
    const named = slugOf(line);
    return named !== entry.slug && (named === null || slugs.has(named));
  });
  const ours = `- ${entry.text.replace(/\s+/g, " ").trim()}`;
  const sorted = [...kept, ours].sort((a, b) => compare(slugOf(a) ?? a, slugOf(b) ?? b));
  return `${before}${[opening, ...sorted, closing].join(newline)}${after}`;
}

function findBlock(text: string): { before: string; lines: string[]; after: string; newline: string } {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const end = text.indexOf(closing);
  // The last one before the end, so that a marker without an end takes no foreign text with it.
  const start = end < 0 ? -1 : text.lastIndexOf(opening, end);
  if (start < 0) return { before: `${text.trimEnd()}${newline}${newline}`, lines: [], after: newline, newline };
  const lines = text
    .slice(start + opening.length, end)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  return { before: text.slice(0, start), lines, after: text.slice(end + closing.length), newline };
}

function slugOf(line: string): string | null {
  return /^- \[[^\]]*\]\(([^()/]+)\/\)/.exec(line)?.[1] ?? null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
