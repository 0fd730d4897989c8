import { type PythonSource, parsePython } from "../../repository/python-source.ts";
import type { Snippet } from "../../repository/snippets.ts";
import type { Block, Candidate, CandidateContext } from "./candidate.ts";
import { blockOf, dedent, describe, titleOfPath } from "./describe-candidate.ts";
import { doctestSession } from "./doctest-session.ts";
import { findWorkingFolder } from "./paths-in-code.ts";

/** The Python blocks of one document in reading order: later ones use the names of earlier ones. */
export async function findSessions({ survey, modules }: CandidateContext): Promise<Candidate[]> {
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
