import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { throwIfCancelled } from "../errors.ts";
import { CoreFunction, findCoreFunctions, type UsageText, usageWeights } from "./core-functions.ts";
import { readDocstringExamples } from "./docstring-examples.ts";
import { FileType, languageOf, typeOf } from "./file-types.ts";
import { findPythonModules, isTargetSource } from "./modules.ts";
import { findNeeds, looksLikePython2, Need } from "./needs.ts";
import { FileOutline, outlineFile } from "./outline.ts";
import { Packaging, readPackaging } from "./packaging.ts";
import { findPublishedFolders } from "./published-folders.ts";
import { standardLibraryModules } from "./python-names.ts";
import { parsePython } from "./python-source.ts";
import { readRepositoryText } from "./read-text.ts";
import { readSnippets, Snippet } from "./snippets.ts";

export const SurveyFile = z.object({
  /** Relative to the root, `/`-separated. */
  path: z.string(),
  bytes: z.number().int(),
  type: FileType,
  language: z.string().nullable(),
});
export type SurveyFile = z.infer<typeof SurveyFile>;

/** What a reading of every file, without running any, says about a repository. */
export const Survey = z.object({
  files: z.array(SurveyFile),
  readme: z.string().nullable(),
  licence: z.object({ path: z.string(), name: z.string() }).nullable(),
  /** Bytes of source by language. */
  languages: z.record(z.string(), z.number()),
  packaging: Packaging,
  /** Top-level Python modules that belong to the repository. */
  modules: z.array(z.object({ name: z.string(), folder: z.string() })),
  outlines: z.array(FileOutline),
  snippets: z.array(Snippet),
  coreFunctions: z.array(CoreFunction),
  needs: z.array(Need),
  /** Python files whose syntax is Python 2. */
  python2: z.array(z.string()),
  /** Top-level modules that sources import and that neither the repository nor the standard library has, with one place. */
  foreignImports: z.array(
    z.object({ module: z.string(), path: z.string(), line: z.number().int(), conditional: z.boolean() }),
  ),
  /** Names that sources import from other packages, for rules that know which names have changed. */
  importedNames: z.array(z.string()),
  /** What was passed over, as sentences for a report. */
  notes: z.array(z.string()),
});
export type Survey = z.infer<typeof Survey>;

/** Bounds that keep a survey of any repository within seconds and a few hundred MiB. */
const limits = {
  files: 100_000,
  outlineBytes: 30_000_000,
  outlineFileBytes: 400_000,
  outlines: 4000,
  symbols: 40_000,
  usageTexts: 400,
  documents: 150,
  /** A Markdown tree takes hundreds of times its text; what a long document shows, it shows early. */
  documentCharacters: 30_000,
  snippets: 600,
  /** Most of a notebook are the pictures that it printed. */
  notebookBytes: 10_000_000,
};

export interface SurveyOptions {
  folder: string;
  /** Only this part, relative to the root; README and packaging of the root are read as well. */
  subdirectory?: string | null;
  signal?: AbortSignal;
}

export async function surveyRepository({ folder, subdirectory, signal }: SurveyOptions): Promise<Survey> {
  const notes: string[] = [];
  const read = (path: string, maxBytes?: number): Promise<string | null> => readRepositoryText(folder, path, maxBytes);
  const files = await leaveOutPublished(await listFiles(folder, subdirectory ?? "", notes, signal), subdirectory, read);
  const paths = files.map(({ path }) => path);

  const packaging = await readPackaging(
    await readTexts(
      files.filter(isPackagingFile).map(({ path }) => path),
      read,
    ),
    files.some(({ language }) => language === "Cython" || language === "C" || language === "C++"),
  );
  const modules = findPythonModules(paths, packaging);
  const readme = findReadme(files);
  const needs: Need[] = [];
  const snippets = await readDocuments(files, readme, needs, read, signal);

  const outlines: FileOutline[] = [];
  const usages: UsageText[] = [];
  const python2: string[] = [];
  const importedNames = new Set<string>();
  const foreign = new Map<string, Survey["foreignImports"][number]>();
  const commands = runCommands(snippets, readme);
  let bytes = 0;
  let symbols = 0;
  for (const file of [...files].sort(byReadingOrder)) {
    if (file.language === null || !["source", "example", "test"].includes(file.type)) continue;
    throwIfCancelled(signal);
    if (bytes > limits.outlineBytes || outlines.length >= limits.outlines || symbols > limits.symbols) {
      notes.push(`Outlines stop at ${outlines.length} files: the rest of the sources was listed, not read.`);
      break;
    }
    const text = await read(file.path, limits.outlineFileBytes);
    if (text === null) continue;
    bytes += text.length;
    const outline = await outlineFile(file.path, file.language, text);
    if (outline) {
      outlines.push(outline);
      symbols += outline.symbols.length;
    }
    if (file.language !== "Python") continue;
    if (file.type === "source" && snippets.length < limits.snippets)
      snippets.push(...readDocstringExamples(file.path, text, outline));
    const source = await parsePython(text);
    if (source.python2 || (source.errorLine !== null && looksLikePython2(text))) python2.push(file.path);
    if (needs.length < 200) needs.push(...findNeeds(file.path, text, "code"));
    for (const { module, level, line, conditional, names } of source.imports) {
      if (level === 0 && importedNames.size < 2000) for (const { name } of names ?? []) importedNames.add(name);
      const top = module.split(".")[0] ?? "";
      if (level > 0 || !top || modules.topLevel.has(top) || foreign.has(top) || file.type === "test") continue;
      if (standardLibraryModules.has(top)) continue;
      foreign.set(top, { module: top, path: file.path, line, conditional });
    }
    if (usages.length < limits.usageTexts)
      usages.push({ path: file.path, weight: usageWeight(file, source.hasMainGuard, commands), source });
  }
  for (const snippet of snippets) {
    if (snippet.kind !== "python" && snippet.kind !== "doctest") continue;
    const source = await parsePython(snippet.kind === "doctest" ? doctestCode(snippet.code) : snippet.code);
    const weight =
      snippet.path === readme
        ? usageWeights.readme
        : snippet.cell === null
          ? usageWeights.documentation
          : usageWeights.notebook;
    usages.push({ path: snippet.path, weight, source });
  }

  const sources = outlines.filter(({ path }) => isTargetSource(path));
  // What opens a window is not what an example can call, unless there is nothing else.
  const windows = new Set(needs.filter(({ kind }) => kind === "gui").map(({ path }) => path));
  const withoutWindow = sources.filter(({ path }) => !windows.has(path));
  const target = withoutWindow.length > 0 ? withoutWindow : sources;
  return {
    files,
    readme,
    licence: await findLicence(files, read),
    languages: sumLanguages(files),
    packaging,
    modules: [...modules.topLevel].map((name) => ({ name, folder: modules.folderOfTopLevel.get(name) ?? "" })),
    outlines,
    snippets,
    coreFunctions: findCoreFunctions(target, mergeByPath(usages), modules),
    needs,
    python2,
    foreignImports: [...foreign.values()],
    importedNames: [...importedNames].sort(),
    notes,
  };
}

/** The statements of a console session: what stands behind `>>>` and `...`; outputs become comments. */
function doctestCode(code: string): string {
  return code
    .split("\n")
    .map((line) =>
      /^\s*(>>>|\.\.\.)( |$)/.test(line)
        ? line.replace(/^\s*(>>>|\.\.\.) ?/, "")
        : line.trim()
          ? `# ${line.trim()}`
          : "",
    )
    .join("\n");
}

async function listFiles(
  folder: string,
  subdirectory: string,
  notes: string[],
  signal?: AbortSignal,
): Promise<SurveyFile[]> {
  const files: SurveyFile[] = [];
  const pending = [""];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    throwIfCancelled(signal);
    for await (const entry of await opendir(join(folder, next))) {
      // A name that is no UTF-8 does not lead back to its file.
      if (entry.name.includes("\ufffd")) continue;
      const path = next ? `${next}/${entry.name}` : entry.name;
      if (entry.isDirectory()) {
        if (entry.name !== ".git") pending.push(path);
        continue;
      }
      if (!entry.isFile()) continue;
      if (files.length >= limits.files) {
        notes.push(`Only the first ${limits.files} files were listed.`);
        return files;
      }
      if (subdirectory && !path.startsWith(`${subdirectory}/`) && path.includes("/")) continue;
      const { size } = await lstat(join(folder, path));
      const isScript = !entry.name.includes(".") && size < 200_000 && (await hasPythonShebang(folder, path));
      files.push({
        path,
        bytes: size,
        type: isScript ? "source" : typeOf(path),
        language: isScript ? "Python" : languageOf(path),
      });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whoever names such a folder for the part to distill means it. */
async function leaveOutPublished(
  files: readonly SurveyFile[],
  subdirectory: string | null | undefined,
  read: (path: string) => Promise<string | null>,
): Promise<SurveyFile[]> {
  const published = await findPublishedFolders(
    files.map(({ path }) => path),
    read,
  );
  const others = published.filter((each) => !`${subdirectory ?? ""}/`.startsWith(each));
  return files.filter(({ path }) => !others.some((each) => path.startsWith(each)));
}

/** Command-line programs often have no suffix: their first line says what they are. */
async function hasPythonShebang(folder: string, path: string): Promise<boolean> {
  const text = await readRepositoryText(folder, path, 200_000);
  return text !== null && /^#!.*\bpython/.test(text.slice(0, 100));
}

function isPackagingFile({ path, type }: SurveyFile): boolean {
  return type === "packaging" && path.split("/").length <= 2;
}

async function readTexts(
  paths: readonly string[],
  read: (path: string) => Promise<string | null>,
): Promise<Array<{ path: string; text: string }>> {
  const texts: Array<{ path: string; text: string }> = [];
  for (const path of paths.slice(0, 40)) {
    const text = await read(path);
    if (text !== null) texts.push({ path, text });
  }
  return texts;
}

/** The README nearest to the root; among equals Markdown, then reStructuredText, then the rest. */
function findReadme(files: readonly SurveyFile[]): string | null {
  const rank = (path: string): number =>
    path.split("/").length * 10 + (/\.(md|markdown)$/i.test(path) ? 0 : /\.rst$/i.test(path) ? 1 : 2);
  const readmes = files.filter(({ type }) => type === "readme").map(({ path }) => path);
  return readmes.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))[0] ?? null;
}

/** README first, then documents near the root; changelogs and the like show nothing. */
async function readDocuments(
  files: readonly SurveyFile[],
  readme: string | null,
  needs: Need[],
  read: (path: string, maxBytes?: number) => Promise<string | null>,
  signal?: AbortSignal,
): Promise<Snippet[]> {
  const dull = /(^|\/)(change(s|log)?|history|news|contributing|code_of_conduct|authors|release)[\w.-]*\.\w+$/i;
  const documents = files
    .filter(
      ({ type, path }) =>
        ["readme", "documentation", "notebook"].includes(type) && !dull.test(path) && !/\.(html?|tex)$/i.test(path),
    )
    .sort(
      (a, b) =>
        Number(b.path === readme) - Number(a.path === readme) ||
        documentRank(a.path) - documentRank(b.path) ||
        a.path.split("/").length - b.path.split("/").length ||
        (a.path < b.path ? -1 : 1),
    )
    .slice(0, limits.documents);
  const snippets: Snippet[] = [];
  for (const { path, type } of documents) {
    throwIfCancelled(signal);
    const text = await read(path, type === "notebook" ? limits.notebookBytes : undefined);
    if (text === null) continue;
    if (type !== "notebook") needs.push(...findNeeds(path, text.slice(0, 200_000), "prose"));
    const isWhole = type === "notebook" || path === readme;
    snippets.push(...(await readSnippets(path, isWhole ? text : text.slice(0, limits.documentCharacters))));
    if (snippets.length >= limits.snippets) break;
  }
  return snippets.slice(0, limits.snippets);
}

function documentRank(path: string): number {
  return /quick|start|tutorial|usage|intro|example|basic/i.test(path) ? 0 : 1;
}

/** Scripts that the README tells to run say as much as its own code. */
function runCommands(snippets: readonly Snippet[], readme: string | null): Set<string> {
  const scripts = new Set<string>();
  for (const { path, kind, code } of snippets) {
    if (path !== readme || kind !== "console") continue;
    for (const word of code.split(/[^\w./-]+/)) if (word.endsWith(".py")) scripts.add(word.replace(/^\.\//, ""));
  }
  return scripts;
}

function usageWeight({ path, type }: SurveyFile, hasMainGuard: boolean, commands: ReadonlySet<string>): number {
  if (commands.has(path)) return usageWeights.readme;
  if (type === "example") return usageWeights.example;
  if (type === "test") return usageWeights.test;
  return hasMainGuard ? usageWeights.script : usageWeights.internal;
}

/** Several snippets of one document count as one text, so that a long tutorial does not outvote the README. */
function mergeByPath(usages: readonly UsageText[]): UsageText[] {
  const merged = new Map<string, UsageText>();
  for (const usage of usages) {
    const known = merged.get(usage.path);
    if (!known) merged.set(usage.path, { ...usage, source: { ...usage.source } });
    else {
      known.source.imports = [...known.source.imports, ...usage.source.imports];
      known.source.calls = [...known.source.calls, ...usage.source.calls];
      known.source.free = new Set([...known.source.free, ...usage.source.free]);
      known.source.bound = new Set([...known.source.bound, ...usage.source.bound]);
    }
  }
  return [...merged.values()];
}

/** Shallow sources first, then examples and tests: what is cut off by a bound is what matters least. */
function byReadingOrder(a: SurveyFile, b: SurveyFile): number {
  const rank = ({ path, type, language }: SurveyFile): number =>
    (type === "source" ? 0 : type === "example" ? 1 : 2) +
    (language === "Python" ? 0 : 3) +
    path.split("/").length / 20;
  return rank(a) - rank(b) || (a.path < b.path ? -1 : 1);
}

async function findLicence(
  files: readonly SurveyFile[],
  read: (path: string) => Promise<string | null>,
): Promise<Survey["licence"]> {
  const file = files
    .filter(({ type }) => type === "licence")
    .sort((a, b) => a.path.split("/").length - b.path.split("/").length)[0];
  if (!file) return null;
  const text = ((await read(file.path)) ?? "").slice(0, 3000);
  const known: Array<[RegExp, string]> = [
    [/Apache License\s+Version 2\.0/i, "Apache-2.0"],
    [/GNU AFFERO GENERAL PUBLIC LICENSE/i, "AGPL-3.0"],
    [/GNU LESSER GENERAL PUBLIC LICENSE/i, "LGPL"],
    [/GNU GENERAL PUBLIC LICENSE\s+Version 3/i, "GPL-3.0"],
    [/GNU GENERAL PUBLIC LICENSE\s+Version 2/i, "GPL-2.0"],
    [/Mozilla Public License/i, "MPL-2.0"],
    [/Permission is hereby granted, free of charge/i, "MIT"],
    [
      /Redistribution and use in source and binary forms/i,
      /Neither the name/i.test(text) ? "BSD-3-Clause" : "BSD-2-Clause",
    ],
    [/CC0|public domain/i, "public domain"],
  ];
  return { path: file.path, name: known.find(([pattern]) => pattern.test(text))?.[1] ?? "see the file" };
}

function sumLanguages(files: readonly SurveyFile[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { language, bytes } of files) if (language) sums[language] = (sums[language] ?? 0) + bytes;
  return Object.fromEntries(Object.entries(sums).sort(([, a], [, b]) => b - a));
}
