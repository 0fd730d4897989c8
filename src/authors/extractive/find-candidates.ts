import type { Candidate, CandidateContext } from "./candidate.ts";
import { findScripts } from "./find-scripts.ts";
import { findSessions } from "./find-sessions.ts";
import { findMissingFiles } from "./paths-in-code.ts";
import { findTestCandidates } from "./test-candidates.ts";

const maxCandidates = 60;

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
    if (context.hasGpu) candidate.needs = candidate.needs.filter((need) => need !== "gpu");
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
