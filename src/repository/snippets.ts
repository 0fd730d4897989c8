import type { Nodes, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { z } from "zod";
import { parsePython } from "./python-source.ts";

/** Code that a document shows. Lines count from 1 in the document; in a notebook they count in the cell. */
export const Snippet = z.object({
  path: z.string(),
  startLine: z.number().int(),
  endLine: z.number().int(),
  /** Number of the notebook cell, from 1; null elsewhere. */
  cell: z.number().int().nullable(),
  kind: z.enum(["python", "doctest", "console", "other"]),
  /** Nearest heading above; empty where there is none. */
  heading: z.string(),
  /** The text just before, folded to one line. */
  prose: z.string(),
  code: z.string(),
});
export type Snippet = z.infer<typeof Snippet>;

/** Longest document read, in characters. */
const longestDocument = 400_000;
const maxSnippets = 400;

interface RawSnippet {
  line: number;
  endLine: number;
  language: string | null;
  code: string;
  heading: string;
  prose: string;
}

/** Snippets of a document in reading order; the format follows from the file's name. */
export async function readSnippets(path: string, text: string): Promise<Snippet[]> {
  if (/\.ipynb$/i.test(path)) return readNotebook(path, text);
  if (text.length > longestDocument) return [];
  const raw = /\.(rst|txt)$/i.test(path) || !/\.[a-z]+$/i.test(path) ? readStructuredText(text) : readMarkdown(text);
  const snippets: Snippet[] = [];
  for (const { line, endLine, language, code, heading, prose } of raw.slice(0, maxSnippets)) {
    const kind = await classifyCode(code, language);
    snippets.push({ path, startLine: line, endLine, cell: null, kind, heading, prose, code });
  }
  return snippets;
}

const pythonLanguages = /^\{?\.?(python3?|py|py3|ipython3?|pycon|sage|code-cell)\b/i;
const shellLanguages = /^\{?\.?(bash|sh|shell|console|zsh|terminal|shell-session|cmd|commandline)\b/i;
const shellLine =
  /^\s*(\$ |>\s*python|python[\d.]*\s|\.\/[\w./-]+\.py|pip3?\s|conda\s|git\s|cd\s|bash\s|sh\s|make\b|export\s)/;

/** What a block of code is, by its declared language or, without one, by what it looks like. */
async function classifyCode(code: string, language: string | null): Promise<Snippet["kind"]> {
  if (/^[ \t]*>>> /m.test(code)) return "doctest";
  if (language && pythonLanguages.test(language)) return "python";
  if (language && shellLanguages.test(language)) return "console";
  if (language) return "other";
  const first = code.split("\n").find((line) => line.trim() !== "") ?? "";
  if (shellLine.test(first)) return "console";
  const source = await parsePython(code);
  const active = source.imports.length > 0 || source.calls.length > 0;
  return source.errorLine === null && active ? "python" : "other";
}

/** Line at which a document's text stands for code even without a fence: `python x.py` between back-ticks. */
const inlineCommand = /^(\$ )?(python[\d.]*|\.\/)\s*[\w./-]+\.py(\s|$)/;

/** Plain texts set a command off by a margin alone. */
const indentedCommand = /^[ \t]{2,}(\$ )?(python[\d.]*[ \t]+|\.\/)[\w./-]+\.py([ \t]|$)/;

function readMarkdown(text: string): RawSnippet[] {
  const found: RawSnippet[] = [];
  let heading = "";
  let prose = "";
  const visit = (node: Nodes): void => {
    if (found.length >= maxSnippets) return;
    if (node.type === "heading") {
      heading = fold(textOf(node));
      prose = "";
    } else if (node.type === "code") {
      const start = node.position?.start.line ?? 1;
      const end = node.position?.end.line ?? start;
      const fenced = /^\s*(`{3,}|~{3,})/.test(text.split("\n", start)[start - 1] ?? "");
      found.push({
        line: fenced ? start + 1 : start,
        endLine: fenced ? end - 1 : end,
        language: node.lang ?? null,
        code: node.value,
        heading,
        prose,
      });
      prose = "";
    } else if (node.type === "inlineCode" && inlineCommand.test(node.value)) {
      const line = node.position?.start.line ?? 1;
      found.push({ line, endLine: line, language: "sh", code: node.value, heading, prose });
    } else if (node.type === "paragraph") {
      prose = fold(textOf(node));
      for (const child of node.children) visit(child);
    } else if ("children" in node) {
      for (const child of node.children) visit(child);
    }
  };
  visit(parseMarkdown(text));
  return found;
}

/** Emphasis and links cost the square of their number: where a text has more of their signs than this, they stay as text. */
const maxInlineSigns = 3000;

/** A text whose nesting is beyond the parser counts as one without snippets. */
function parseMarkdown(text: string): Root {
  const shallow = text.replace(/^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*){20,}/gm, "");
  const signs = shallow.match(/[*_[\]<]/g)?.length ?? 0;
  const disable = signs > maxInlineSigns ? ["attention", "labelEnd", "autolink", "htmlText"] : [];
  try {
    return fromMarkdown(shallow, { extensions: [{ disable: { null: disable } }] });
  } catch (error) {
    if (error instanceof RangeError) return { type: "root", children: [] };
    throw error;
  }
}

function textOf(node: Nodes): string {
  if ("value" in node) return node.value;
  return "children" in node ? node.children.map(textOf).join("") : "";
}

/**
 * reStructuredText and plain text: `.. code-block::` directives, literal blocks behind `::`, doctest blocks,
 * and fences, which authors use there too.
 */
function readStructuredText(text: string): RawSnippet[] {
  const lines = text.split("\n");
  const found: RawSnippet[] = [];
  let heading = "";
  let prose = "";
  for (let index = 0; index < lines.length && found.length < maxSnippets; index++) {
    const line = lines[index] ?? "";
    const next = lines[index + 1] ?? "";
    if (line.trim() && /^([=\-~^"'#*+.])\1{2,}\s*$/.test(next)) {
      heading = fold(line);
      index++;
      continue;
    }
    const directive = /^(\s*)\.\. +(?:code-block|code|sourcecode|ipython|prompt|jupyter-execute|plot)::\s*(\S*)/.exec(
      line,
    );
    const fence = /^(`{3,})\s*(\S*)\s*$/.exec(line);
    const literal = line.trimEnd().endsWith("::") ? /^(\s*)/.exec(line) : null;
    if (fence) {
      const end = lines.findIndex((later, at) => at > index && later.startsWith(fence[1] ?? "```"));
      const last = end === -1 ? lines.length : end;
      found.push({
        line: index + 2,
        endLine: last,
        language: fence[2] || null,
        code: lines.slice(index + 1, last).join("\n"),
        heading,
        prose,
      });
      index = last;
    } else if (directive || (literal && !line.trimStart().startsWith(".."))) {
      const block = readIndentedBlock(lines, index + 1, (directive?.[1] ?? literal?.[1] ?? "").length);
      if (block) {
        const language = directive ? directive[2] || "python" : null;
        found.push({
          line: block.start + 1,
          endLine: block.end,
          language,
          code: block.code,
          heading,
          prose: prose || fold(line),
        });
        index = block.end - 1;
      }
    } else if (/^\s*>>> /.test(line)) {
      let end = index;
      while (end < lines.length && (lines[end] ?? "").trim() !== "") end++;
      const margin = /^\s*/.exec(line)?.[0].length ?? 0;
      const code = lines
        .slice(index, end)
        .map((each) => each.slice(margin))
        .join("\n");
      found.push({ line: index + 1, endLine: end, language: null, code, heading, prose });
      index = end;
    } else if (indentedCommand.test(line)) {
      found.push({ line: index + 1, endLine: index + 1, language: "sh", code: line.trim(), heading, prose });
    } else if (line.trim()) prose = fold(line);
  }
  return found;
}

function readIndentedBlock(
  lines: string[],
  from: number,
  outer: number,
): { start: number; end: number; code: string } | null {
  let start = from;
  while (start < lines.length && ((lines[start] ?? "").trim() === "" || /^\s+:[\w-]+:/.test(lines[start] ?? "")))
    start++;
  const margin = /^\s*/.exec(lines[start] ?? "")?.[0].length ?? 0;
  if (start >= lines.length || margin <= outer) return null;
  let end = start;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    if (line.trim() !== "" && (/^\s*/.exec(line)?.[0].length ?? 0) < margin) break;
    end++;
  }
  while (end > start && (lines[end - 1] ?? "").trim() === "") end--;
  return {
    start,
    end,
    code: lines
      .slice(start, end)
      .map((line) => line.slice(margin))
      .join("\n"),
  };
}

/** The parts of nbformat 3 and 4 that hold code. Format: https://nbformat.readthedocs.io/en/latest/format_description.html */
const NotebookText = z.union([z.string(), z.array(z.string()).transform((parts) => parts.join(""))]);
const NotebookCell = z.object({
  cell_type: z.string(),
  source: NotebookText.optional(),
  input: NotebookText.optional(),
});
const Notebook = z.object({
  cells: z.array(NotebookCell).optional(),
  worksheets: z.array(z.object({ cells: z.array(NotebookCell) })).optional(),
  metadata: z
    .object({ kernelspec: z.object({ language: z.string().optional(), name: z.string().optional() }).optional() })
    .optional(),
});

function readNotebook(path: string, text: string): Snippet[] {
  let notebook: z.infer<typeof Notebook>;
  try {
    notebook = Notebook.parse(JSON.parse(text));
  } catch {
    return [];
  }
  const kernel = notebook.metadata?.kernelspec;
  const python = /python/i.test(kernel?.language ?? kernel?.name ?? "python");
  const cells = notebook.cells ?? notebook.worksheets?.flatMap((sheet) => sheet.cells) ?? [];
  const snippets: Snippet[] = [];
  let heading = "";
  let prose = "";
  cells.slice(0, maxSnippets).forEach((cell, index) => {
    const code = cell.source ?? cell.input ?? "";
    if (cell.cell_type === "markdown") {
      heading = fold(/^#+\s*(.+)$/m.exec(code)?.[1] ?? heading);
      prose = fold(code.replace(/^#+.*$/gm, ""));
    } else if (cell.cell_type === "code" && code.trim()) {
      const kind = python ? "python" : "other";
      snippets.push({
        path,
        startLine: 1,
        endLine: code.split("\n").length,
        cell: index + 1,
        kind,
        heading,
        prose,
        code: withoutMagics(code),
      });
      prose = "";
    }
  });
  return snippets;
}

/** IPython's own syntax, as comments: the lines keep their numbers. A cell with a foreign cell magic becomes a comment whole. */
function withoutMagics(code: string): string {
  if (/^\s*%%(?!time\b|timeit\b|capture\b)/.test(code)) return code.replace(/^/gm, "# ");
  return code
    .split("\n")
    .map((line) => (/^\s*[%!?]|[^\s=!<>]\?$/.test(line) ? line.replace(/^\s*/, "$&# ") : line))
    .join("\n");
}

function fold(text: string): string {
  const folded = text.replace(/\s+/g, " ").trim();
  return folded.length > 300 ? `${folded.slice(0, 299)}…` : folded;
}
