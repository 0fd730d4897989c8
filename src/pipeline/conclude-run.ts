import { rm, writeFile } from "node:fs/promises";
import { type Author, type AuthorContext, objects, type WritingContext } from "../authors/author.ts";
import { BudgetError } from "../errors.ts";
import { notMade } from "./assess-execution.ts";
import { decideOutcome } from "./decide-outcome.ts";
import { type Check, ReasonCode } from "./outcome.ts";
import { publishExample } from "./publish-example.ts";
import { reproduceExample } from "./reproduce-example.ts";
import type { Run } from "./run.ts";
import type { Iteration } from "./run-state.ts";
import { hasRevisionsLeft, keyOfSource, outputFolderOf, recordBest } from "./write-example.ts";
import { renderExampleReadme, writeReport } from "./write-report.ts";

/** Runs the published folder again in new sandboxes, where it ran and called what it should. */
export async function reproduceBest(run: Run, context: AuthorContext): Promise<void> {
  const best = bestIteration(run);
  if (!best?.execution || best.verdict?.executed.result !== "passed") return;
  const { execution } = best;
  const files = await publishExample({
    folder: run.exampleFolder,
    draft: best.draft,
    execution,
    repository: context.repository,
    survey: context.survey,
    outputFolder: run.path(best.folder, outputFolderOf(run)),
  });
  if (best.verdict.grounded.result !== "passed" || best.reproduction) return;
  await run.stage("verify", async () => {
    const { reproduction } = await reproduceExample({
      provider: run.provider,
      files,
      draft: best.draft,
      expected: execution.results,
      repositoryFolder: context.repository.folder,
      sourceKey: `clean-room:${run.state.distiller.runId}:${await keyOfSource(
        context.repository,
        context.survey.files.map(({ path }) => path),
      )}`,
      keepEnvironment: false,
      modules: context.survey.modules.map(({ name }) => name),
      folder: run.path("clean-room"),
      outputFolder: outputFolderOf(run),
      // Whether it is as fast on a busier machine is not the question.
      config: { ...run.config, max_runtime_mins: run.config.max_runtime_mins * 2 },
      onOutput: run.outputListener("verify"),
      signal: run.signal,
    });
    best.reproduction = reproduction;
    run.note("verify", reproduction.check.evidence);
  });
}

/** A judge can take `verified` away; where an author has none, the report says that nobody reviewed. */
export async function reviewBest(run: Run, author: Author, context: WritingContext): Promise<void> {
  const best = bestIteration(run);
  if (!author.judge || !best?.execution || best.review || best.reproduction?.check.result !== "passed") return;
  const { judge } = author;
  const { draft, execution } = best;
  await run.stage("judge", async () => {
    best.review = await judge(context, { draft, execution, shortcomings: [], differences: [] });
    run.note("judge", describeReview(best).evidence);
  });
}

/** Checks the best attempt; where something objects to it, the next best takes its place and is checked as well. */
export async function settleBest(run: Run, author: Author, context: WritingContext): Promise<void> {
  for (let checked: Iteration | null = null; bestIteration(run) !== checked; recordBest(run)) {
    checked = bestIteration(run);
    await reproduceBest(run, context);
    await reviewBest(run, author, context);
  }
}

/**
 * Whether the clean room or the judge objects to what ran, and its author may answer: once a run, and only one that has
 * a judge of its own can answer anything.
 */
export function isSentBack(run: Run, author: Author, iteration: Iteration): boolean {
  const { distiller } = run.state;
  if (distiller.sentBack !== null) return distiller.sentBack === iteration.index;
  const objected =
    iteration.reproduction?.check.result === "failed" ||
    (iteration.review?.kind === "judged" && objects(iteration.review.judgement));
  if (!author.judge || !objected || distiller.best !== iteration.index || !hasRevisionsLeft(run)) return false;
  distiller.sentBack = iteration.index;
  return true;
}

/** Ends the writing where the next call could cost more than is left; any other error goes on. */
export async function stopForBudget(run: Run, error: unknown): Promise<void> {
  if (!(error instanceof BudgetError)) throw error;
  run.state.distiller.gaveUp = { outcome: "failed", reasonCode: "budget", explanation: error.userMessage };
  await run.save();
}

/** The verdict, the outcome, and the reports; the run is finished when this returns. */
export async function concludeRun(run: Run, { survey }: AuthorContext): Promise<void> {
  const { state } = run;
  const { distiller } = state;
  await run.stage("report", async () => {
    const best = bestIteration(run);
    if (best?.verdict) {
      distiller.verdict = {
        ...best.verdict,
        reproduced:
          best.reproduction?.check ?? notMade("only an example that ran and called the core functions is run again"),
        reviewed: describeReview(best),
      };
    }
    const gaveUp = distiller.gaveUp && {
      ...distiller.gaveUp,
      reasonCode: ReasonCode.parse(distiller.gaveUp.reasonCode),
    };
    const need = survey.needs.find(({ kind }) => kind === "api-key" || kind === "gpu");
    distiller.outcome = decideOutcome(
      distiller.verdict,
      (best?.execution?.evidence.functions.length ?? 0) > 0,
      gaveUp,
      need ? `needs ${need.kind === "gpu" ? "a GPU" : "an API key"} (${need.path}:${need.line})` : null,
    );
    const { outcome, explanation } = distiller.outcome;
    state.status = outcome === "verified" ? "COMPLETED" : "FAILED";
    state.status_message = explanation;
    state.is_finished = outcome === "verified";
    distiller.finishedAt = new Date().toISOString();
    if (best?.verdict?.executed.result === "passed")
      await writeFile(run.path("example", "README.md"), renderExampleReadme(state));
    // Before the outcome is saved: a run that has one is never gone on with.
    await writeReport({ runFolder: run.folder, state, survey });
  });
  await rm(run.repositoryFolder, { recursive: true, force: true });
}

/** What the judge made of an iteration; one that says nothing usable takes nothing away. */
function describeReview({ review }: Iteration): Check {
  if (!review) return notMade("this author has no judge, or there was nothing to judge");
  if (review.kind === "not-judged") return notMade(review.why);
  return {
    result: objects(review.judgement) ? "failed" : "passed",
    evidence: review.judgement.faithfulness_accurate_completeness_statement,
  };
}

function bestIteration({ state: { distiller } }: Run): Iteration | null {
  return distiller.best === null ? null : (distiller.iterations[distiller.best] ?? null);
}
