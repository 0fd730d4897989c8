import type { Author } from "../authors/author.ts";
import { concludeRun, reproduceBest, reviewBest } from "./conclude-run.ts";
import { classifyFiles, cloneSource, summarizeRepository, surveySource } from "./read-repository.ts";
import type { Run } from "./run.ts";
import { draftExample, executeIteration, needsRevision, reviseExample, writePlan } from "./write-example.ts";

/**
 * The whole product on one page: a repository in, a verified example out. Every step takes its result from the run's state
 * where it is done already, and saves it at once where it is not; so a run that was killed goes on from there.
 */
export async function distill(run: Run, author: Author): Promise<void> {
  const repository = await cloneSource(run);
  const survey = await surveySource(run, repository);
  const context = await run.createAuthorContext(repository, survey);

  const summary = await summarizeRepository(run, author, context);
  await classifyFiles(run, author, context, summary);

  let iteration = await draftExample(run, author, context);
  if (run.dryRun) return writePlan(run, iteration);

  while (iteration) {
    await executeIteration(run, context, iteration);
    if (!needsRevision(run, iteration)) break;
    iteration = await reviseExample(run, author, context, iteration);
  }

  await reproduceBest(run, context);
  await reviewBest(run, author, context);
  await concludeRun(run, context);
}
