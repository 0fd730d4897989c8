/** GitHub's bound on the body of a comment, an issue or a pull request, in characters. */
export const maxBodyCharacters = 65_536;

/**
 * Markdown that fits with `ending` as its last line. What is too much is cut at a line; code blocks and `<details>` that the cut
 * leaves open are closed, and a sentence says that something is missing.
 */
export function fitMarkdown(markdown: string, { limit, ending = "" }: { limit: number; ending?: string }): string {
  const tail = ending && `\n\n${ending}`;
  const whole = markdown.trimEnd();
  if (whole.length + tail.length <= limit) return `${whole}${tail}`;
  const notice = `_The rest is left out: GitHub takes no more than ${limit.toLocaleString("en")} characters here._`;
  let room = limit - tail.length - notice.length - 2;
  for (;;) {
    const kept = cutAtLine(whole, room);
    const cut = `${kept}${closeBlocks(kept)}\n\n${notice}${tail}`;
    if (cut.length <= limit) return cut;
    room -= cut.length - limit;
  }
}

function cutAtLine(text: string, room: number): string {
  const head = text.slice(0, Math.max(0, room));
  const end = text[head.length] === "\n" ? head.length : head.lastIndexOf("\n");
  // A first line that is too long itself is cut between characters.
  return end > 0 ? head.slice(0, end).trimEnd() : head.replace(/[\uD800-\uDBFF]$/, "");
}

/** What closes the code block and the `<details>` that are open at the end of a text. */
function closeBlocks(text: string): string {
  let fence: string | null = null;
  let details = 0;
  for (const line of text.split("\n")) {
    const [, marks = "", rest = ""] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (fence !== null) {
      if (marks.startsWith(fence) && rest.trim() === "") fence = null;
    } else if (marks && !(marks.startsWith("`") && rest.includes("`"))) fence = marks;
    else details += (line.match(/<details\b/gi)?.length ?? 0) - (line.match(/<\/details>/gi)?.length ?? 0);
  }
  return (fence === null ? "" : `\n${fence}`) + "\n\n</details>".repeat(Math.max(0, details));
}
