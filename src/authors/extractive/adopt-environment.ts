import type { Draft } from "../../example/example.ts";
import { normalizeName, parseRequirement } from "../../repository/requirement.ts";
import type { AuthorContext, ProvenEnvironment } from "../author.ts";
import { assembleExample } from "./assemble-example.ts";
import { searchOf } from "./candidate.ts";
import { Decisions } from "./decisions.ts";
import { isWellKnown } from "./distributions.ts";
import { findCandidates } from "./find-candidates.ts";

/** The same examples in an environment that worked before; null where nothing of it is for this draft. */
export async function adoptEnvironment(
  context: AuthorContext,
  draft: Draft,
  proven: ProvenEnvironment,
): Promise<Draft | null> {
  const search = searchOf(context);
  const decisions = adoptInDecisions(Decisions.parse(draft.memory), proven);
  return assembleExample(context, search, await findCandidates(search), decisions);
}

/** The decisions from which the rules go on once the environment was tried. */
export function adoptInDecisions(decisions: Decisions, proven: ProvenEnvironment): Decisions {
  const lines = linesOf(proven).map((line) => ({ line, why: "with this version it worked before" }));
  const names = new Set(lines.map(({ line }) => nameOf(line)));
  return {
    ...decisions,
    requirements: [...decisions.requirements.filter(({ line }) => !names.has(nameOf(line))), ...lines],
    systemPackages: [...new Set([...decisions.systemPackages, ...proven.systemPackages])].sort(),
    indexes: [...new Set([...decisions.indexes, ...proven.indexes])],
    python: proven.python.path,
    pythonVersion: proven.python.version,
  };
}

/** Requirement lines, pinned. Another repository's run asked for what was added: only what everybody knows is taken over. */
export function linesOf({ pins, additions }: ProvenEnvironment): string[] {
  return [...pins, ...additions.filter(({ name }) => isWellKnown(name))].map(
    ({ name, extras, version }) => `${name}${extras}==${version}`,
  );
}

function nameOf(line: string): string {
  return normalizeName(parseRequirement(line)?.name ?? line);
}
