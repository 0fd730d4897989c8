import { type CoreFunction, createResolver } from "../../repository/core-functions.ts";
import type { PythonModules } from "../../repository/modules.ts";
import { findNeeds } from "../../repository/needs.ts";
import { type PythonSource, parsePython } from "../../repository/python-source.ts";
import type { Snippet } from "../../repository/snippets.ts";
import type { Survey } from "../../repository/survey.ts";
import type { Block, Candidate } from "./candidate.ts";
import { parseCommands } from "./command-line.ts";
import { findTestCandidates } from "./test-candidates.ts";

const maxCandidates = 60;
const maxScriptLines = 400;

/** What kinds of text are worth: documents show usage, tests show it last. */
const kindScore: Record<Candidate["kind"], number> = {
  readme: 14,
  doctest: 8,
  documentation: 8,
  notebook: 7,
  example: 8,
  command: 8,
  script: 4,
  test: 3,
};

export interface CandidateContext {
  survey: Survey;
  modules: PythonModules;
  readText: (path: string) => Promise<string | null>;
  focus: string | null;
}

/** Everything in the repository that could be run as an example, best first. The same repository gives the same list. */
export async function findCandidates(context: CandidateContext): Promise<Candidate[]> {
  const { survey } = context;
  const candidates = [
    ...(await findSessions(context)),
    ...(await findScripts(context)),
    ...(await findTestCandidates(context)),
  ];
  const first = survey.coreFunctions[0]?.score ?? 1;
  for (const candidate of candidates) {
    const weight = candidate.coreCalls.reduce((sum, core) => sum + core.score / first, 0);
    const focus = context.focus ? focusScore(candidate, context.focus) : 0;
    const fails = (candidate.needs.length > 0 ? 25 : 0) + Math.min(findMissingFiles(survey, candidate).length * 3, 9);
    candidate.score =
      Math.round(
        (kindScore[candidate.kind] + 6 * Math.min(weight, 4) + Math.min(candidate.otherCalls, 5) / 2 + focus - fails) *
          100,
      ) / 100;
  }
  return candidates
    .filter(({ coreCalls, otherCalls, script }) => coreCalls.length > 0 || otherCalls > 0 || script !== null)
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, maxCandidates);
}

/** Words of the focus that the candidate's title and code have. */
function focusScore({ title, blocks }: Candidate, focus: string): number {
  const text = `${title} ${blocks.map(({ prose, code }) => `${prose} ${code}`).join(" ")}`.toLowerCase();
  return (
    focus
      .toLowerCase()
      .split(/\W+/)
      .filter((word) => word.length > 2 && text.includes(word)).length * 8
  );
}

/** The Python blocks of one document in reading order: later ones use the names of earlier ones. */
async function findSessions({ survey, modules }: CandidateContext): Promise<Candidate[]> {
  const byPath = new Map<string, Snippet[]>();
  for (const snippet of survey.snippets) {
    if (snippet.kind !== "python" && snippet.kind !== "doctest") continue;
    const list = byPath.get(snippet.path) ?? [];
    list.push(snippet);
    byPath.set(snippet.path, list);
  }
  const candidates: Candidate[] = [];
  for (const [path, snippets] of byPath) {
    const usable: Array<{ block: Block; source: PythonSource }> = [];
    for (const snippet of snippets) {
      const code = dedent(snippet.kind === "doctest" ? doctestSession(snippet.code) : snippet.code);
      const source = await parsePython(code);
      if (source.errorLine !== null || source.statements.length === 0) continue;
      usable.push({ block: blockOf(snippet, code), source });
    }
    if (usable.length === 0) continue;
    const notebook = snippets.some(({ cell }) => cell !== null);
    const kind = notebook
      ? "notebook"
      : path === survey.readme
        ? "readme"
        : snippets.every((each) => each.kind === "doctest")
          ? "doctest"
          : "documentation";
    for (const [index, session] of splitSessions(usable, notebook).entries()) {
      const heading = snippets.find((snippet) => snippet.startLine === session[0]?.block.line)?.heading;
      candidates.push(
        describe(survey, modules, {
          id: `${path}#${index + 1}`,
          kind,
          path,
          title: heading || titleOfPath(path),
          blocks: session.map(({ block }) => block),
          sources: session.map(({ source }) => source),
          workingFolder: findWorkingFolder(
            survey,
            path,
            session.map(({ source }) => source),
          ),
        }),
      );
    }
  }
  return candidates;
}

/** A block that stands on its own and re-imports what it needs begins a new session, so that one failure costs one topic. */
function splitSessions<T extends { source: PythonSource }>(usable: readonly T[], notebook: boolean): T[][] {
  if (notebook) return [[...usable]];
  const sessions: T[][] = [];
  const bound = new Set<string>();
  for (const entry of usable) {
    const current = sessions.at(-1);
    const needsEarlier = [...entry.source.free].some((name) => bound.has(name));
    const fresh = entry.source.imports.length > 0 && !needsEarlier;
    if (!current || (fresh && current.length > 0)) {
      sessions.push([entry]);
      bound.clear();
    } else current.push(entry);
    for (const name of entry.source.bound) bound.add(name);
  }
  return sessions;
}

/** Scripts: in example folders, run by a command that a document gives, or with a `__main__` of their own. */
async function findScripts(context: CandidateContext): Promise<Candidate[]> {
  const { survey, modules, readText } = context;
  const candidates: Candidate[] = [];
  const commanded = new Set<string>();
  for (const snippet of survey.snippets) {
    if (snippet.kind !== "console") continue;
    for (const command of parseCommands(snippet.code, snippet.path, survey)) {
      if (commanded.has(command.id)) continue;
      commanded.add(command.id);
      const text = await readText(command.path);
      if (text === null) continue;
      const source = await parsePython(text);
      const block: Block = { ...blockOf(snippet, command.line), id: command.id };
      const candidate = describe(survey, modules, {
        id: command.id,
        kind: "command",
        path: command.path,
        title: snippet.heading || titleOfPath(command.path),
        blocks: [block],
        sources: [source],
        workingFolder: command.workingFolder,
      });
      candidates.push({
        ...candidate,
        script: { path: command.path, arguments: command.arguments, workingFolder: command.workingFolder },
        needs: needsOf(command.path, text, source, survey),
      });
    }
  }
  for (const { path, type, language } of survey.files) {
    if (language !== "Python" || (type !== "example" && type !== "source") || candidates.length > 200) continue;
    const text = await readText(path);
    if (text === null) continue;
    const source = await parsePython(text);
    if (source.errorLine !== null && !survey.python2.includes(path)) continue;
    if (type === "source" && !source.hasMainGuard && !runsAtTopLevel(source)) continue;
    const folder = path.split("/").slice(0, -1).join("/");
    const inline =
      type === "example" &&
      !source.usesArguments &&
      !source.usesDunderFile &&
      !source.python2 &&
      text.split("\n").length <= maxScriptLines;
    const workingFolder = findWorkingFolder(survey, path, [source]);
    const candidate = describe(survey, modules, {
      id: path,
      kind: type === "example" ? "example" : "script",
      path,
      title: titleOfPath(path),
      blocks: [
        { id: path, path, place: `lines 1-${text.split("\n").length}`, line: 1, prose: "", code: inline ? text : "" },
      ],
      sources: [source],
      workingFolder,
    });
    candidates.push({
      ...candidate,
      script: inline ? null : { path, arguments: [], workingFolder: workingFolder ?? folder },
      needs: needsOf(path, text, source, survey),
    });
  }
  return candidates;
}

/** Doc strings and constants, which the grammar calls expression statements too, run nothing. */
function runsAtTopLevel({ statements, calls }: PythonSource): boolean {
  return statements.some(({ type, startLine, endLine, binds }) =>
    type === "expression_statement"
      ? binds.size === 0 && calls.some(({ line, reference }) => !reference && line >= startLine && line <= endLine)
      : type === "for_statement" || type === "print_statement",
  );
}

interface Description {
  id: string;
  kind: Candidate["kind"];
  path: string;
  title: string;
  blocks: Block[];
  sources: PythonSource[];
  workingFolder: string | null;
}

function describe(
  survey: Survey,
  modules: PythonModules,
  { id, kind, path, title, blocks, sources, workingFolder }: Description,
): Candidate {
  const { core, other } = findTargetCalls(survey, modules, sources);
  const needs = blocks.flatMap(({ code }, index) => {
    const source = sources[index];
    return source ? needsOf(path, code, source, survey) : [];
  });
  return {
    id,
    kind,
    path,
    title,
    blocks,
    script: null,
    tests: null,
    workingFolder,
    coreCalls: core,
    otherCalls: other,
    needs: [...new Set(needs)],
    score: 0,
  };
}

/** Core functions and others of the repository that the sources call, matched by where their names were imported from. */
export function findTargetCalls(
  survey: Survey,
  modules: PythonModules,
  sources: readonly PythonSource[],
): { core: CoreFunction[]; other: number } {
  const merged: PythonSource | undefined = sources[0] && {
    ...sources[0],
    imports: sources.flatMap(({ imports }) => imports),
    calls: sources.flatMap(({ calls }) => calls),
    bound: new Set(sources.flatMap(({ bound }) => [...bound])),
    free: new Set(sources.flatMap(({ free }) => [...free])),
  };
  if (!merged) return { core: [], other: 0 };
  const resolve = createResolver(merged, modules);
  const core = new Map<string, CoreFunction>();
  const other = new Set<string>();
  for (const call of merged.calls) {
    const origin = resolve(call);
    if (origin === "foreign") continue;
    const match = survey.coreFunctions.find(
      ({ name, kind }) => name === call.name && (origin.module !== null || origin.self || kind === "method"),
    );
    if (match) core.set(`${match.path}:${match.qualifiedName}`, match);
    else if (origin.module !== null) other.add(call.path);
  }
  return { core: [...core.values()], other: other.size };
}

function needsOf(path: string, text: string, source: PythonSource, survey: Survey): string[] {
  const needs: string[] = findNeeds(path, text, "code").map(({ kind }) => kind);
  for (const { kind, text: line } of survey.needs) {
    if (kind === "api-key" && source.calls.some(({ name }) => line.includes(name))) needs.push(kind);
  }
  return [...new Set(needs)];
}

/** The folder that the relative paths in the code refer to: the one where most of them exist. */
export function findWorkingFolder(survey: Survey, path: string, sources: readonly PythonSource[]): string | null {
  const files = new Set(survey.files.map((file) => file.path));
  const folders = new Set(survey.files.map((file) => file.path.split("/").slice(0, -1).join("/")));
  const literals = sources
    .flatMap(({ strings }) => strings.map(({ value }) => value))
    .filter((value) => /[./]/.test(value) && value.length < 200 && !value.includes("\n"));
  let best: { folder: string; hits: number } | null = null;
  const parents = path.split("/").slice(0, -1);
  const bases = ["", ...parents.map((_, index) => parents.slice(0, index + 1).join("/"))].reverse();
  for (const folder of bases) {
    const hits = literals.filter((literal) => {
      const resolved = resolvePath(folder, literal);
      return resolved !== null && resolved !== "" && (files.has(resolved) || folders.has(resolved));
    }).length;
    if (hits > (best?.hits ?? 0)) best = { folder, hits };
  }
  return best?.folder ?? null;
}

/** Names of data files in the code that do not lie where it looks for them. */
function findMissingFiles(survey: Survey, { blocks, workingFolder, script }: Candidate): string[] {
  if (script) return [];
  const files = new Set(survey.files.map(({ path }) => path));
  const names = new Set(survey.files.map(({ path }) => path.split("/").at(-1) ?? path));
  const literals = blocks.flatMap(({ code }) =>
    [...code.matchAll(/["']([\w./-]{3,100})["']/g)].map((match) => match[1] ?? ""),
  );
  return [...new Set(literals)].filter((literal) => {
    const isFile = names.has(literal.split("/").at(-1) ?? literal) || /\/.*\.\w{1,5}$/.test(literal);
    return isFile && !files.has(resolvePath(workingFolder ?? "", literal) ?? literal);
  });
}

/** Joins a folder and a relative path; null where it leaves the repository. */
export function resolvePath(folder: string, relative: string): string | null {
  if (relative.startsWith("/") || relative.startsWith("~")) return null;
  const parts = folder ? folder.split("/") : [];
  for (const part of relative.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}

function blockOf(snippet: Snippet, code: string): Block {
  const place = snippet.cell === null ? `lines ${snippet.startLine}-${snippet.endLine}` : `cell ${snippet.cell}`;
  return {
    id: `${snippet.path}:${snippet.cell ?? snippet.startLine}`,
    path: snippet.path,
    place,
    line: snippet.startLine,
    prose: snippet.prose,
    code,
  };
}

/**
 * A console session as statements: a lone expression is printed, as the console does, expected outputs become comments, and
 * a statement that is shown to fail is left as a comment too.
 */
function doctestSession(code: string): string {
  const lines: string[] = [];
  const statements = code.split(/^(?=[ \t]*>>>(?: |$))/m).filter((part) => /^\s*>>>/.test(part));
  for (const part of statements) {
    const all = part.replace(/\n+$/, "").split("\n");
    const source = all.filter((line) => prompt.test(line)).map((line) => line.replace(prompt, ""));
    const expected = all.filter((line) => !prompt.test(line) && line.trim() !== "").map((line) => `# ${line.trim()}`);
    const fails = expected.some((line) => line.startsWith("# Traceback"));
    const text = source.join("\n");
    if (fails) lines.push(...source.map((line) => `# ${line}`));
    else lines.push(isExpression(text) ? `print(repr(${text}))` : text);
    lines.push(...expected);
  }
  return lines.join("\n");
}

const prompt = /^\s*(>>>|\.\.\.)( |$)/;

/** Whether a statement is a lone expression that the console would show. */
function isExpression(text: string): boolean {
  if (
    text.trim() === "" ||
    text.length > 5000 ||
    /^(import|from|def|class|for|while|if|with|try|return|raise|assert|del|pass|print|global|async|@|#)\b|^[@#]/.test(
      text,
    )
  )
    return false;
  return (
    !/^[^=!<>()[\]{}"']*[^=!<>]=[^=]/.test(text) &&
    !/^[\w., *[\]'":()-]+\s*[-+*/%&|^]?=[^=]/.test(text.split("(")[0] ?? "") &&
    !text.includes("  #")
  );
}

export function dedent(code: string): string {
  const lines = code.split("\n");
  const margins = lines.filter((line) => line.trim() !== "").map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0);
  const margin = Math.min(...margins);
  return Number.isFinite(margin) && margin > 0 ? lines.map((line) => line.slice(margin)).join("\n") : code;
}

function titleOfPath(path: string): string {
  const name =
    path
      .split("/")
      .at(-1)
      ?.replace(/\.\w+$/, "") ?? path;
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
