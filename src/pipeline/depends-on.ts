import { createHash } from "node:crypto";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { throwIfCancelled } from "../errors.ts";
import { type Draft, environmentFolder, sourceFolder } from "../example/example.ts";
import type { Execution } from "../example/execution.ts";
import { typeOf } from "../repository/file-types.ts";
import { readRepositoryText } from "../repository/read-text.ts";
import { openRegularFile } from "../repository/regular-file.ts";
import type { Survey, SurveyFile } from "../repository/survey.ts";
import { evidenceBounds } from "./read-evidence.ts";
import { exampleFolder } from "./run-in-sandbox.ts";

/** More is said as "everything": a list that nobody can read costs more in a pull request than a run too many. */
const mostFiles = 2000;
/** Of all paths; GitHub's answers and our own readers take `metadata.json` up to 1 MB. */
const mostPathCharacters = 200_000;

const isPlainPath = (path: string): boolean =>
  !path.includes("\0") && path.split("/").every((part) => !["", ".", ".."].includes(part));

/** A file of the repository by its content. */
const Dependency = z.object({
  /** Relative to the repository's root, `/`-separated. */
  path: z.string().refine(isPlainPath),
  /** Hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
type Dependency = z.infer<typeof Dependency>;

/** What an example depends on, sorted by path; null for everything in its repository. */
export const DependsOn = z.array(Dependency).max(mostFiles).nullable();
export type DependsOn = z.infer<typeof DependsOn>;

export interface ListDependenciesOptions {
  draft: Pick<Draft, "files" | "provenance">;
  execution: Pick<Execution, "evidence">;
  /** Host folder with the repository's files that the example was made from. */
  repositoryFolder: string;
  survey: Pick<Survey, "files" | "packaging" | "modules">;
}

/**
 * The files of the repository that a change of would make the example another one: what was seen to run, what it was
 * taken from, what decides the environment, and the data that any of these name. In doubt a file is in: one too many
 * costs a run, one too few keeps an example that is no longer true.
 */
export async function listDependencies(options: ListDependenciesOptions): Promise<DependsOn> {
  const { draft, execution, repositoryFolder, survey } = options;
  const { functions, modules } = execution.evidence;
  // Where nothing was seen, or not all of it was kept, nobody knows.
  if (functions.length === 0 || functions.length >= evidenceBounds.functions) return null;
  if (modules.length >= evidenceBounds.modules) return null;
  const ran = listRun(options);
  const paths = new Set([...ran, ...draft.provenance.map(({ path }) => path)]);
  for (const { path } of survey.files) if (decidesEnvironment(path)) paths.add(path);
  for (const path of listBesideModules(ran, survey)) paths.add(path);
  if (isCompiled(options)) for (const { path } of survey.files) if (isBuilt(path)) paths.add(path);
  for (const path of await listNamed(paths, options)) paths.add(path);
  return hashFiles([...paths].filter(isPlainPath).sort(), repositoryFolder);
}

export interface FindChangedDependenciesOptions {
  dependsOn: DependsOn;
  /** Host folder with the repository's files as they are now. */
  repositoryFolder: string;
  signal?: AbortSignal | undefined;
}

export interface ChangedDependencies {
  /** Files that are gone, hold other bytes, or decide the environment and are new. */
  changed: string[];
  /** Nobody knows what the example depends on: whatever changed may matter. */
  everything: boolean;
}

export async function findChangedDependencies({
  dependsOn,
  repositoryFolder,
  signal,
}: FindChangedDependenciesOptions): Promise<ChangedDependencies> {
  if (dependsOn === null) return { changed: [], everything: true };
  const changed: string[] = [];
  for (const { path, sha256 } of dependsOn) {
    throwIfCancelled(signal);
    if ((await hashFile(repositoryFolder, path)) !== sha256) changed.push(path);
  }
  const known = new Set(dependsOn.map(({ path }) => path));
  for (const entry of await readdir(repositoryFolder, { withFileTypes: true }))
    if (entry.isFile() && decidesEnvironment(entry.name) && !known.has(entry.name)) changed.push(entry.name);
  return { changed: changed.sort(), everything: false };
}

/** Where the repository's functions ran and its modules came from; an installed file lies where its distribution puts it. */
function listRun({ execution, survey }: ListDependenciesOptions): Set<string> {
  const { functions, modules } = execution.evidence;
  const roots = new Set(["", "src/", "lib/", "python/"]);
  for (const { folder } of survey.modules) if (folder) roots.add(`${folder}/`);
  const known = new Set(survey.files.map(({ path }) => path));
  const paths = new Set(functions.map(({ path }) => path));
  for (const { file } of modules) {
    if (file?.startsWith(`${exampleFolder}/${sourceFolder}/`))
      paths.add(file.slice(exampleFolder.length + sourceFolder.length + 2));
    if (!file?.startsWith(`${exampleFolder}/${environmentFolder}/`)) continue;
    const installed = file.split("/site-packages/")[1];
    for (const root of roots) if (known.has(`${root}${installed}`)) paths.add(`${root}${installed}`);
  }
  return paths;
}

/** Lists of what developers, tests and documents need, and what other installers than pip read, decide nothing here. */
const unusedPackaging =
  /(^|[/_.-])(dev|develop|test|tests|testing|doc|docs|lint|ci|optional|extra)([/_.-]|$)|(^|\/)(tox\.ini|description|pipfile|dockerfile[^/]*|[^/]+\.lock)$/i;

function decidesEnvironment(path: string): boolean {
  return typeOf(path) === "packaging" && path.split("/").length <= 2 && !unusedPackaging.test(path);
}

const tests = /(^|\/)(tests?|testing)\//i;

/** What lies in the packages that ran and is no Python: tables and settings that a package reads by itself. */
function listBesideModules(ran: ReadonlySet<string>, { files, modules }: ListDependenciesOptions["survey"]): string[] {
  const folders = modules
    .map(({ name, folder }) => `${folder ? `${folder}/` : ""}${name}/`)
    .filter((folder) => [...ran].some((path) => path.startsWith(folder)));
  return files
    .filter(({ type }) => ["data", "other", "source", "runscript"].includes(type))
    .map(({ path }) => path)
    .filter((path) => !path.endsWith(".py") && !tests.test(path) && folders.some((folder) => path.startsWith(folder)));
}

const extensionModule = /\.(so|pyd|dylib)$/;
const compilers = /\b(make|cmake|meson|ninja|cc|gcc|g\+\+|gfortran|f2py|cythonize|cargo|build_ext|nvcc)\b/;

/** Whether compilers made something of what ran. */
function isCompiled({ draft, execution, survey }: ListDependenciesOptions): boolean {
  const { functions, modules } = execution.evidence;
  const own = new Set(survey.modules.map(({ name }) => name));
  return (
    survey.packaging.compiled ||
    functions.some(({ compiled }) => compiled) ||
    modules.some(({ name, file }) => own.has(name.split(".")[0] ?? "") && extensionModule.test(file ?? "")) ||
    compilers.test(draft.files["runscript.sh"] ?? "")
  );
}

/** What compilers and their build systems read, with the templates that some sources are made from. */
function isBuilt(path: string): boolean {
  return (
    /\.(pyx|pxd|pxi|c|cc|cpp|cxx|cu|cuh|h|hh|hpp|hxx|inc|f|f77|f90|f95|f03|f08|for|pyf|rs|cmake)(\.\w+)?$/i.test(
      path,
    ) ||
    /(^|\/)(makefile[^/]*|cmakelists\.txt|meson\.build|meson_options\.txt|cargo\.(toml|lock)|build\.(py|rs)|setup\.py)$/i.test(
      path,
    )
  );
}

/**
 * Files that main.py and the scripts name, data that the repository's code names, and data in folders that main.py
 * names: a name put together while the program runs leaves at least its folder.
 */
async function listNamed(
  paths: ReadonlySet<string>,
  { draft, repositoryFolder, survey }: ListDependenciesOptions,
): Promise<string[]> {
  const example = Object.values(draft.files).join("\n");
  const namedByExample = wordsOf(example);
  const namedByCode = new Set<string>();
  for (const path of [...paths].slice(0, mostFiles)) {
    if (!isPlainPath(path)) continue;
    for (const word of wordsOf((await readRepositoryText(repositoryFolder, path)) ?? "")) namedByCode.add(word);
  }
  // Every example has files of these names itself.
  const common = new Set([...Object.keys(draft.files), "results.json", "log.json", "run.sh"]);
  const folders = foldersNamed(draft.files["main.py"] ?? "");
  const isNamed = ({ path, type }: SurveyFile): boolean => {
    const parts = path.split("/");
    const name = lastWord(parts.pop() ?? "");
    if (!name.includes(".") || name === "__init__.py") return false;
    if (["packaging", "readme", "licence"].includes(type) || common.has(name))
      return namedByExample.has(name) && example.includes(parts.length > 0 ? path : `${sourceFolder}/${path}`);
    if (namedByExample.has(name)) return true;
    if (/\.(py|md|rst)$/i.test(path)) return false;
    return namedByCode.has(name) || (type === "data" && parts.some((part) => folders.has(part)));
  };
  return survey.files.filter(isNamed).map(({ path }) => path);
}

function wordsOf(text: string): Set<string> {
  return new Set(text.split(/[^\p{L}\p{N}_.+@~-]+/u).map((word) => word.replace(/\.+$/, "")));
}

/** Of a name with spaces what a list of words can hold. */
function lastWord(name: string): string {
  return [...wordsOf(name)].at(-1) ?? name;
}

/** All parts of all texts in quotes, of which some may be folders. */
function foldersNamed(code: string): Set<string> {
  const quoted = [...code.matchAll(/(["'])([^"'\n]{1,300})\1/g)].flatMap((match) => match[2]?.split(/[/\\]/) ?? []);
  return new Set(quoted.filter((part) => part !== "" && part !== sourceFolder));
}

async function hashFiles(paths: readonly string[], folder: string): Promise<DependsOn> {
  const dependsOn: Dependency[] = [];
  let characters = 0;
  for (const path of paths) {
    const sha256 = await hashFile(folder, path);
    if (sha256 === null) continue;
    dependsOn.push({ path, sha256 });
    characters += path.length;
    if (dependsOn.length > mostFiles || characters > mostPathCharacters) return null;
  }
  return dependsOn;
}

/** Null where no regular file is there by that very path, without links on the way. */
async function hashFile(folder: string, path: string): Promise<string | null> {
  const full = join(folder, path);
  try {
    if ((await realpath(full)) !== join(await realpath(folder), path)) return null;
    await using file = await openRegularFile(full, new AbortController().signal);
    if (file === null) return null;
    const hash = createHash("sha256");
    for await (const chunk of file.chunks()) hash.update(chunk);
    return hash.digest("hex");
  } catch {
    return null;
  }
}
