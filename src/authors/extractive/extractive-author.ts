import { stepSucceeded } from "../../example/execution.ts";
import type { Attempt, Author, AuthorContext, DraftOutcome, Revision } from "../author.ts";
import { adoptEnvironment } from "./adopt-environment.ts";
import { assembleExample } from "./assemble-example.ts";
import { type Candidate, type CandidateContext, searchOf } from "./candidate.ts";
import { chooseCandidates } from "./choose-candidates.ts";
import { createInitialDecisions, Decisions, reject } from "./decisions.ts";
import { findCandidates } from "./find-candidates.ts";
import { projectProse } from "./find-requirements.ts";
import { describeForeignLanguage, explainNothing, giveUp } from "./give-up.ts";
import { chooseInitialPython, lastErrorLine, repairEnvironment } from "./repair-environment.ts";
import { proposeRepair, readFailures } from "./repair-program.ts";
import { classifyFiles, summarizeRepository } from "./summarize.ts";
import { adviseSystemPackages } from "./system-packages.ts";

/**
 * The author that asks no model: it takes the examples a repository already holds, makes them run by rule, and drops
 * what does not. Every line that calls the repository was written by its authors.
 */
export function createExtractiveAuthor(): Author {
  return {
    name: "builtin/extract",
    summarize: summarizeRepository,
    classify: async ({ survey }) => classifyFiles(survey),
    draft: draftExample,
    adopt: adoptEnvironment,
    revise: reviseExample,
    judge: null,
    answersObjections: false,
    spending: () => [],
    dispose: async () => undefined,
  };
}

async function draftExample(context: AuthorContext): Promise<DraftOutcome> {
  const { sandbox } = context;
  const python = chooseInitialPython(context);
  if (!python)
    return giveUp(
      "skipped",
      "environment-not-buildable",
      `The ${sandbox.provider} sandbox has no Python 3. Install python3.`,
    );
  const notPython = describeForeignLanguage(context);
  if (notPython) return giveUp("skipped", "not-python", notPython);
  const search = searchOf(context);
  const candidates = await findCandidates(search);
  return chooseAndAssemble(context, search, candidates, createInitialDecisions(context, python));
}

async function reviseExample(context: AuthorContext, { draft, execution, shortcomings }: Attempt): Promise<Revision> {
  const search = searchOf(context);
  const candidates = await findCandidates(search);
  let decisions = Decisions.parse(draft.memory);
  decisions = { ...decisions, revisions: decisions.revisions + 1 };
  const issues: string[] = [];
  const changes: string[] = [];
  if (!stepSucceeded(execution.environment)) {
    const repair = repairEnvironment(execution.environment, decisions, context, [decisions.python]);
    if (!repair)
      return giveUp(
        "failed",
        "environment-not-buildable",
        explainUnbuildable(`${execution.environment.stdout}\n${execution.environment.stderr}`, context),
      );
    decisions = repair.decisions;
    issues.push(...repair.issues);
    changes.push(...repair.changes);
  } else {
    // Each example is judged by the decisions it ran with: two that fail for one cause get one repair, not a repair and a rejection.
    const ranWith = decisions;
    const { failed, unfinished, finished } = readFailures(execution);
    const prose = await projectProse(context);
    const ended = ranWith.chosen.filter((_, index) => finished.has(`example${index + 1}`));
    decisions = { ...decisions, proven: [...new Set([...decisions.proven, ...ended])] };
    ranWith.chosen.forEach((id, index) => {
      const name = `example${index + 1}`;
      const candidate = candidates.find((each) => each.id === id);
      const error = failed.get(name);
      if (!candidate) return;
      if (error) {
        const proposal = proposeRepair(
          { candidate, error, main: draft.files["main.py"] ?? "" },
          ranWith,
          context,
          search,
          prose,
        );
        issues.push(`${name} (${candidate.path}): ${error.type}: ${error.message.slice(0, 300)}`);
        if (proposal.kind === "change" && changes.includes(proposal.change)) return;
        if (proposal.kind === "change") decisions = proposal.apply(decisions);
        else decisions = reject(decisions, id, proposal.why, proposal.reasonCode);
        changes.push(
          proposal.kind === "change" ? proposal.change : `${name} (${candidate.path}) dropped: ${proposal.why}`,
        );
      } else if (
        name === unfinished ||
        (execution.program?.status !== "exited" && !finished.has(name) && unfinished === null)
      ) {
        const why =
          execution.program?.status === "timed-out"
            ? `it did not end within ${context.maxProgramSeconds} seconds`
            : `the program was ended (${execution.program?.status ?? "unknown"})`;
        issues.push(`${name} (${candidate.path}): ${why}`);
        changes.push(`${name} (${candidate.path}) dropped: ${why}`);
        decisions = reject(decisions, id, why, "too-slow");
      }
    });
    if (changes.length === 0) {
      const neverBegan = !stepSucceeded(execution.program) && execution.log.length === 0;
      for (const id of decisions.chosen)
        decisions = reject(
          decisions,
          id,
          neverBegan ? "the program ended before it began" : shortcomings.join("; "),
          neverBegan ? "examples-fail" : "core-not-reached",
        );
      issues.push(...shortcomings);
      changes.push("taken other examples of the repository instead");
    }
  }
  const outcome = await chooseAndAssemble(context, search, candidates, decisions);
  return outcome.kind === "gave-up"
    ? outcome
    : { kind: "revised", draft: outcome.draft, issuesIdentified: issues, changesMade: changes };
}

function explainUnbuildable(output: string, { sandbox }: AuthorContext): string {
  const advice = adviseSystemPackages(output, sandbox);
  return `The environment cannot be built: ${lastErrorLine(output)}${advice && ` It ${advice}.`}`;
}

/** Fills the free places with the best candidates that add core functions, and writes the draft. */
async function chooseAndAssemble(
  context: AuthorContext,
  search: CandidateContext,
  candidates: readonly Candidate[],
  given: Decisions,
): Promise<DraftOutcome> {
  let decisions: Decisions = {
    ...given,
    chosen: given.chosen.filter((id) => !given.rejected.some((rejected) => rejected.id === id)),
  };
  for (let attempts = 0; attempts < 30; attempts++) {
    decisions = await chooseCandidates(context, search, candidates, decisions);
    if (decisions.chosen.length === 0) return explainNothing(context, candidates, decisions);
    const draft = await assembleExample(context, search, candidates, decisions);
    if (draft) return { kind: "drafted", draft };
    for (const id of decisions.chosen)
      decisions = reject(decisions, id, "nothing of it is left that can run", "examples-fail");
  }
  return explainNothing(context, candidates, decisions);
}
