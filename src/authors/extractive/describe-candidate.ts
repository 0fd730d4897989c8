import { type CoreFunction, createResolver } from "../../repository/core-functions.ts";
import type { PythonModules } from "../../repository/modules.ts";
import { findNeeds } from "../../repository/needs.ts";
import type { PythonSource } from "../../repository/python-source.ts";
import type { Snippet } from "../../repository/snippets.ts";
import type { Survey } from "../../repository/survey.ts";
import type { Block, Candidate } from "./candidate.ts";

interface Description {
  id: string;
  kind: Candidate["kind"];
  path: string;
  title: string;
  blocks: Block[];
  sources: PythonSource[];
  workingFolder: string | null;
}

/** A candidate with what it calls and needs, as far as its text tells. */
export function describe(
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

export function needsOf(path: string, text: string, source: PythonSource, survey: Survey): string[] {
  const needs: string[] = findNeeds(path, text, "code").map(({ kind }) => kind);
  for (const { kind, text: line } of survey.needs) {
    if (kind === "api-key" && source.calls.some(({ name }) => line.includes(name))) needs.push(kind);
  }
  return [...new Set(needs)];
}

export function blockOf(snippet: Snippet, code: string): Block {
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

export function dedent(code: string): string {
  const lines = code.split("\n");
  const margins = lines.filter((line) => line.trim() !== "").map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0);
  const margin = Math.min(...margins);
  return Number.isFinite(margin) && margin > 0 ? lines.map((line) => line.slice(margin)).join("\n") : code;
}

export function titleOfPath(path: string): string {
  const name =
    path
      .split("/")
      .at(-1)
      ?.replace(/\.\w+$/, "") ?? path;
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
