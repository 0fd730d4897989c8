import { estimateTokens } from "../../models/tokens.ts";
import { findPythonModules } from "../../repository/modules.ts";
import type { FileOutline } from "../../repository/outline.ts";
import { parsePython } from "../../repository/python-source.ts";
import type { Survey, SurveyFile } from "../../repository/survey.ts";
import type { WritingContext } from "../author.ts";
import { closeOverImports } from "../import-closure.ts";
import { quoteData } from "./quoted-data.ts";

/** Shares of the budget: one file must not push out all others. */
const readmeShare = 0.25;
const fileShare = 0.35;
const outlineShare = 0.2;
const maxDataHeads = 4;
const dataHeadCharacters = 500;

/**
 * The repository's text that a writer is shown, within a budget of tokens: the README, the files that define or use the core
 * functions (whole where they fit, else the core functions' own lines and an outline), notebooks as cells, outlines of
 * what those files import, and the first lines of data files. The same repository gives the same text.
 */
export async function selectContext(context: WritingContext, mark: string, budgetTokens: number): Promise<string> {
  const room = new Room(budgetTokens);
  const blocks: string[] = [];
  const add = (path: string, kind: string, text: string | null): boolean => {
    if (text === null || text.trim() === "") return false;
    const block = quoteData(mark, { path, kind }, text);
    if (!room.take(block)) return false;
    blocks.push(block);
    return true;
  };
  const { survey, readText } = context;
  if (survey.readme !== null)
    add(survey.readme, "readme", cutToTokens(cleanReadme(await readText(survey.readme)), budgetTokens * readmeShare));
  const ranked = rankFiles(context);
  const keptForOutlines = new Room(budgetTokens * outlineShare);
  const shown = new Set<string>();
  for (const file of ranked) {
    const limit = Math.min(budgetTokens * fileShare, room.left - keptForOutlines.left);
    const text = limit > 150 ? await showFile(file, context, limit) : null;
    if (text && add(file.path, text.kind, text.text)) shown.add(file.path);
  }
  const near = await importsOf(ranked.slice(0, 12), context);
  for (const outline of survey.outlines)
    if (near.has(outline.path) && !shown.has(outline.path)) add(outline.path, "outline", showOutline(outline));
  for (const { path } of survey.files.filter(({ type, bytes }) => type === "data" && bytes > 0).slice(0, maxDataHeads))
    add(path, "first lines", ((await readText(path)) ?? "").slice(0, dataHeadCharacters));
  return blocks.join("\n\n");
}

class Room {
  left: number;

  constructor(tokens: number) {
    this.left = tokens;
  }

  take(text: string): boolean {
    const tokens = estimateTokens(text);
    if (tokens > this.left) return false;
    this.left -= tokens;
    return true;
  }
}

/** Files worth showing, most relevant first: what was rated, then what defines or uses core functions. */
function rankFiles({ survey, classification, summary }: WritingContext): SurveyFile[] {
  const ratings = new Map(classification.map(({ path, how_relevant_rating }) => [path, how_relevant_rating]));
  const weight = new Map<string, number>();
  const add = (path: string, value: number): void => void weight.set(path, (weight.get(path) ?? 0) + value);
  survey.coreFunctions.forEach(({ path, usedIn }, index) => {
    add(path, 6 / (index + 1));
    for (const user of usedIn.slice(0, 4)) add(user, 2 / (index + 1));
  });
  for (const path of summary.highlyRelevantFiles) add(path, 2);
  const rank = ({ path, type }: SurveyFile): number =>
    (ratings.get(path) ?? 0) + (weight.get(path) ?? 0) + (typeWeight[type] ?? 0);
  return survey.files
    .filter(({ path, type }) => path !== survey.readme && readableTypes.has(type) && !/changelog|history/i.test(path))
    .filter((file) => rank(file) >= 3)
    .sort((a, b) => rank(b) - rank(a) || (a.path < b.path ? -1 : 1))
    .slice(0, 60);
}

/** Tests show how something is called, and much else. */
const typeWeight: Partial<Record<SurveyFile["type"], number>> = { example: 1, notebook: 1, test: -3 };

const readableTypes = new Set<SurveyFile["type"]>([
  "source",
  "example",
  "notebook",
  "documentation",
  "test",
  "runscript",
]);

async function showFile(
  { path, type }: SurveyFile,
  { survey, readText }: WritingContext,
  limit: number,
): Promise<{ kind: string; text: string } | null> {
  if (type === "notebook") return { kind: "notebook cells", text: cutToTokens(showCells(survey, path), limit) };
  const text = await readText(path);
  if (text === null) return null;
  if (isTable(text)) return { kind: "first lines", text: text.slice(0, dataHeadCharacters) };
  if (estimateTokens(text) <= limit) return { kind: type, text };
  const outline = survey.outlines.find((each) => each.path === path);
  if (!outline) return { kind: `beginning of a ${type} file`, text: cutToTokens(text, Math.min(limit, 1500)) };
  return {
    kind: "excerpt: core functions whole, the rest as an outline",
    text: showCore(text, outline, survey, limit),
  };
}

/** Whether a text is mostly numbers: its beginning says what they are. */
function isTable(text: string): boolean {
  const beginning = text.slice(0, 4000);
  return beginning.length > dataHeadCharacters && (beginning.match(/[A-Za-z_]/g)?.length ?? 0) < beginning.length * 0.3;
}

export function showCells({ snippets }: Survey, path: string): string {
  return snippets
    .filter((snippet) => snippet.path === path)
    .map(({ cell, prose, code }) => `# cell ${cell}${prose ? `: ${prose.slice(0, 200)}` : ""}\n${code.trimEnd()}`)
    .join("\n\n");
}

/** The lines of a file's core functions, as many as fit, and signatures of all else. */
function showCore(text: string, outline: FileOutline, { coreFunctions }: Survey, limit: number): string {
  const lines = text.split("\n");
  const parts = [showOutline(outline, Math.floor(limit * 0.4))];
  let left = limit - estimateTokens(parts[0] ?? "");
  for (const { path, qualifiedName } of coreFunctions) {
    const symbol = path === outline.path && outline.symbols.find((each) => each.qualifiedName === qualifiedName);
    if (!symbol) continue;
    const body = cutToTokens(lines.slice(symbol.line - 1, symbol.endLine).join("\n"), Math.min(left, limit / 2));
    left -= estimateTokens(body);
    if (left > 0) parts.push(`# line ${symbol.line}\n${body}`);
  }
  return parts.join("\n\n");
}

/** Signatures with their first line of documentation; private ones are left out. */
export function showOutline({ doc, symbols }: FileOutline, maxTokens = 1200): string {
  const lines = symbols
    .filter(({ qualifiedName }) => !/(^|\.)_(?!_init__)/.test(qualifiedName))
    .map(
      ({ kind, signature, doc: said, line }) =>
        `${kind === "method" ? "    " : ""}${kind === "class" ? "" : "def "}${signature}${said ? `  # ${said.slice(0, 120)}` : ""}  (line ${line})`,
    );
  return cutToTokens([...(doc ? [`"""${doc}"""`] : []), ...lines].join("\n"), maxTokens);
}

/** What the shown files import of the repository. */
async function importsOf(files: readonly SurveyFile[], { survey, readText }: WritingContext): Promise<Set<string>> {
  const modules = findPythonModules(
    survey.files.map(({ path }) => path),
    survey.packaging,
  );
  const sources = [];
  for (const { path, language } of files)
    if (language === "Python") sources.push({ path, source: await parsePython((await readText(path)) ?? "") });
  return (await closeOverImports(sources, modules, readText)).files;
}

/** A README without badges, pictures and HTML, which say nothing about how to use it. */
export function cleanReadme(text: string | null): string {
  return (text ?? "")
    .replace(/\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)/g, "")
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(
      /<\/?(img|p|div|a|br|h\d|picture|source|details|summary|center|sup|sub|table|tr|td|th|tbody)\b[^>]*>/gi,
      "",
    )
    .replace(/^\.\. (image|figure|raw)::.*(\n {2,}.*)*/gm, "")
    .replace(/\n{3,}/g, "\n\n");
}

/** Whole lines from the beginning, as many as fit. */
export function cutToTokens(text: string, maxTokens: number): string {
  if (estimateTokens(text) <= maxTokens) return text;
  const lines = text.split("\n");
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (estimateTokens(lines.slice(0, middle).join("\n")) <= maxTokens - 15) low = middle;
    else high = middle - 1;
  }
  return low === 0
    ? cutLine(text, maxTokens)
    : `${lines.slice(0, low).join("\n")}\n[... ${lines.length - low} more lines ...]`;
}

function cutLine(text: string, maxTokens: number): string {
  let length = Math.max(0, Math.floor(maxTokens * 2));
  while (length > 0 && estimateTokens(text.slice(0, length)) > maxTokens) length = Math.floor(length * 0.8);
  return text.slice(0, length);
}
