import { type Author, type AuthorContext, objects, type WritingContext } from "../authors/author.ts";
import { notMade } from "./assess-execution.ts";
import type { Check } from "./outcome.ts";
import { publishExample } from "./publish-example.ts";
import { reproduceExample } from "./reproduce-example.ts";
import { retrySandbox } from "./retry-sandbox.ts";
import type { Run } from "./run.ts";
import type { Iteration } from "./run-state.ts";
import { hasRevisionsLeft, keyOfSource, outputFolderOf, recordBest, usesGpu } from "./write-example.ts";

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
    focus: context.focus,
    outputFolder: run.path(best.folder, outputFolderOf(best)),
  });
  if (best.verdict.grounded.result !== "passed" || best.reproduction) return;
  await run.stage("verify", async () => {
    const options = {
      provider: run.provider,
      files,
      draft: best.draft,
      expected: execution.results,
      repositoryFolder: context.repository.folder,
      sourceKey: `clean-room:${run.state.distiller.runId}:${await keyOfSource(
        context.repository,
        context.survey.files.map(({ path }) => path),
      )}`,
      fresh: true,
      modules: context.survey.modules.map(({ name }) => name),
      folder: run.path("clean-room"),
      outputFolder: `${run.provider.name}-output`,
      // Whether it is as fast on a busier machine is not the question.
      config: { ...run.config, max_runtime_mins: run.config.max_runtime_mins * 2 },
      gpu: usesGpu(run.config, context.survey, best.draft),
      onOutput: run.outputListener("verify"),
      signal: run.signal,
    };
    const { reproduction } = await retrySandbox(() => reproduceExample(options), run.retrying("verify"));
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
    best.review = await judge(context, { draft, execution });
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

/** Sends an iteration back to its author where the clean room or the judge objects to it; once a run. */
export function sendBack(run: Run, author: Author, iteration: Iteration): boolean {
  const { distiller } = run.state;
  if (distiller.sentBack !== null) return distiller.sentBack === iteration.index;
  const objected =
    iteration.reproduction?.check.result === "failed" ||
    (iteration.review?.kind === "judged" && objects(iteration.review.judgement));
  if (!author.answersObjections || !objected || distiller.best !== iteration.index || !hasRevisionsLeft(run))
    return false;
  distiller.sentBack = iteration.index;
  return true;
}

/** What the judge made of an iteration; one that says nothing usable takes nothing away. */
export function describeReview({ review }: Iteration): Check {
  if (!review) return notMade("this author has no judge, or there was nothing to judge");
  if (review.kind === "not-judged") return notMade(review.why);
  const { critical_issues, issues, faithfulness_accurate_completeness_statement: statement } = review.judgement;
  if (!objects(review.judgement))
    return { result: "passed", evidence: statement || "The judge found no critical issue." };
  const evidence =
    critical_issues.join(" ") || statement || issues.join(" ") || "The judge does not take it for right.";
  return { result: "failed", evidence };
}

export function bestIteration({ state: { distiller } }: Run): Iteration | null {
  return distiller.best === null ? null : (distiller.iterations[distiller.best] ?? null);
}
