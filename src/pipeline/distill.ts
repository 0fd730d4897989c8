import type { Author } from "../authors/author.ts";
import { reproduceBest, reviewBest, sendBack, settleBest } from "./check-best.ts";
import { concludeRun, stopForBudget } from "./conclude-run.ts";
import { focusOf } from "./feedback.ts";
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
  const reading = await run.createAuthorContext(repository, survey);
  const focus = focusOf(run.state, author);

  try {
    const summary = await summarizeRepository(run, author, reading);
    const classification = await classifyFiles(run, author, reading, summary);
    const context = { ...reading, summary, classification, focus };

    let iteration = await draftExample(run, author, context);
    if (run.dryRun) return await writePlan(run, iteration);

    while (iteration) {
      await executeIteration(run, context, iteration);
      if (!needsRevision(run, iteration)) {
        await reproduceBest(run, context);
        await reviewBest(run, author, context);
        if (!sendBack(run, author, iteration)) break;
      }
      iteration = await reviseExample(run, author, context, iteration);
    }
    await settleBest(run, author, context);
  } catch (error) {
    await stopForBudget(run, error);
    await reproduceBest(run, { ...reading, focus });
  }
  await concludeRun(run, reading);
}
