/** A change of one file: `find` has to stand in it exactly once. */
export interface Edit {
  path: string;
  find: string;
  replace: string;
}

/** What an answer holds beside its prose. */
export interface AnswerBlocks {
  files: Map<string, string>;
  edits: Edit[];
  /** Texts of all other blocks of ours, by name: `metadata`, `issues`, `changes`, `python`, `give-up`. */
  notes: Map<string, string>;
  /** What is wrong with the answer's form, as sentences for its writer. */
  problems: string[];
}

/**
 * Reads the tagged blocks of an answer. A block runs from its tag to the next closing tag of its own name and mark, so its
 * text may hold anything else: back-ticks, fences, other tags. A fence that wraps the whole of a file's text is taken off.
 */
export function readAnswerBlocks(mark: string, answer: string): AnswerBlocks {
  // Bash takes a carriage return for part of a command, and no edit would find its text.
  const text = answer.replaceAll("\r\n", "\n");
  const blocks: AnswerBlocks = { files: new Map(), edits: [], notes: new Map(), problems: [] };
  const opening = new RegExp(`<([a-z-]+?)-${mark}(?:\\s+path="([^"\\n]*)")?\\s*>`, "g");
  for (let found = opening.exec(text); found; found = opening.exec(text)) {
    const [tag, name = "", path] = found;
    const start = found.index + tag.length;
    const closing = `</${name}-${mark}>`;
    const end = text.indexOf(closing, start);
    if (end < 0) {
      blocks.problems.push(`The block ${tag} is not closed by ${closing}.`);
      break;
    }
    const body = text.slice(start, end);
    // With the next block's text in it, it would be a wrong one, and the next one would be lost.
    if (body.includes(`<${name}-${mark}`)) blocks.problems.push(`The block ${tag} is not closed before the next one.`);
    else readBlock(blocks, mark, name, path, body);
    opening.lastIndex = end + closing.length;
  }
  return blocks;
}

function readBlock(blocks: AnswerBlocks, mark: string, name: string, path: string | undefined, body: string): void {
  if (name === "file") {
    if (path === undefined) blocks.problems.push("A file block has no path.");
    else blocks.files.set(path, `${withoutFence(withoutMargins(body)).trimEnd()}\n`);
  } else if (name === "edit") {
    const find = innerBlock(body, mark, "find");
    const replace = innerBlock(body, mark, "replace");
    if (path === undefined || find === null || replace === null || find.trim() === "")
      blocks.problems.push("An edit block needs a path, a find block with text, and a replace block.");
    else blocks.edits.push({ path, find, replace });
  } else blocks.notes.set(name, body.trim());
}

function innerBlock(body: string, mark: string, name: string): string | null {
  const start = body.indexOf(`<${name}-${mark}>`);
  const end = body.indexOf(`</${name}-${mark}>`, start);
  return start < 0 || end < 0 ? null : withoutMargins(body.slice(start + `<${name}-${mark}>`.length, end));
}

/** The line ends that a writer puts after an opening tag and before a closing one are the tag's, not the text's. */
function withoutMargins(text: string): string {
  return text.replace(/^[ \t]*\n/, "").replace(/\n[ \t]*$/, "");
}

function withoutFence(text: string): string {
  const fenced = /^\s*(`{3,}|~{3,})[\w.+-]*[ \t]*\n([\s\S]*)\n\1\s*$/.exec(text);
  return fenced?.[2] ?? text;
}
