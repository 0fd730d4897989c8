import { parsePython } from "../../repository/python-source.ts";
import type { AuthorContext } from "../author.ts";
import type { Candidate, CandidateContext } from "./candidate.ts";
import { type Decisions, reject } from "./decisions.ts";
import { findUnknownModules } from "./find-requirements.ts";
import { reasonOfNeed } from "./give-up.ts";
import { resolveSession } from "./resolve-session.ts";

const maxExamples = 3;

/** After so many revisions, an example that runs is worth more than another one that might. */
const revisionsWithNewCandidates = 2;
/** After so many, what has not run yet is let go. */
const revisionsWithUnproven = 5;

/** Adds the best candidates that call core functions which those chosen do not; rejects on the way what cannot be tried. */
export async function chooseCandidates(
  context: AuthorContext,
  search: CandidateContext,
  candidates: readonly Candidate[],
  given: Decisions,
): Promise<Decisions> {
  let decisions = given;
  const best =
    candidates.find(({ id, needs }) => needs.length === 0 && !decisions.rejected.some((rejected) => rejected.id === id))
      ?.score ?? 0;
  const proven = decisions.chosen.filter((id) => decisions.proven.includes(id));
  if (proven.length > 0 && decisions.revisions > revisionsWithUnproven) return { ...decisions, chosen: proven };
  if (proven.length > 0 && decisions.revisions > revisionsWithNewCandidates) return decisions;
  for (const candidate of candidates) {
    if (decisions.chosen.length >= maxExamples) break;
    if (decisions.chosen.includes(candidate.id) || decisions.rejected.some(({ id }) => id === candidate.id)) continue;
    const chosen = candidates.filter(({ id }) => decisions.chosen.includes(id));
    const covered = new Set(
      chosen.flatMap(({ coreCalls }) => coreCalls.map(({ path, qualifiedName }) => `${path}:${qualifiedName}`)),
    );
    const adds = candidate.coreCalls.some(({ path, qualifiedName }) => !covered.has(`${path}:${qualifiedName}`));
    if (
      chosen.length > 0 &&
      (!adds || candidate.score < best * 0.4 || candidate.kind === "test" || candidate.kind === "script")
    )
      continue;
    if (candidate.needs.length > 0) {
      decisions = reject(
        decisions,
        candidate.id,
        `it needs what a sandbox does not have: ${candidate.needs.join(", ")}`,
        reasonOfNeed(candidate.needs[0] ?? ""),
      );
      continue;
    }
    const unknown = await unknownModules(context, search, candidate, decisions);
    if (unknown) {
      decisions = reject(decisions, candidate.id, unknown, "missing-module");
      continue;
    }
    decisions = { ...decisions, chosen: [...decisions.chosen, candidate.id] };
  }
  return decisions;
}

/** A sentence where the candidate imports a module that can be had nowhere, or has no block left; null where it can be tried. */
async function unknownModules(
  context: AuthorContext,
  search: CandidateContext,
  candidate: Candidate,
  decisions: Decisions,
): Promise<string | null> {
  if (candidate.script) {
    const source = await parsePython((await context.readText(candidate.script.path)) ?? "");
    const [unknown] = await findUnknownModules(context, search, [{ path: candidate.script.path, source }]);
    return unknown ? `${unknown.path} imports ${unknown.module}: ${unknown.why}` : null;
  }
  const { blocks } = await resolveSession(candidate, decisions, context.survey, search.modules);
  if (blocks.length === 0) return "nothing of it is left that can run";
  const [unknown] = await findUnknownModules(
    context,
    search,
    blocks.map(({ block, source }) => ({ path: block.path, source })),
  );
  return unknown ? `${unknown.path} imports ${unknown.module}: ${unknown.why}` : null;
}
