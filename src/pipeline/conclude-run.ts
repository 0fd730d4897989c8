import { rm, writeFile } from "node:fs/promises";
import type { Author, AuthorContext } from "../authors/author.ts";
import { AuthorReason } from "../authors/author.ts";
import { notMade } from "./assess-execution.ts";
import { decideOutcome } from "./decide-outcome.ts";
import { publishExample } from "./publish-example.ts";
import { reproduceExample } from "./reproduce-example.ts";
import type { Run } from "./run.ts";
import type { Iteration } from "./run-state.ts";
import { keyOfSource, outputFolderOf } from "./write-example.ts";
import { renderExampleReadme, writeReport } from "./write-report.ts";

/** Runs the published folder again in new sandboxes, where it ran and called what it should. */
export async function reproduceBest(run: Run, context: AuthorContext): Promise<void> {
  const best = bestIteration(run);
  const { distiller } = run.state;
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
  if (best.verdict.grounded.result !== "passed" || distiller.reproduction) return;
  await run.stage("verify", async () => {
    const { reproduction } = await reproduceExample({
      provider: run.provider,
      files,
      draft: best.draft,
      expected: execution.results,
      repositoryFolder: context.repository.folder,
      sourceKey: `clean-room:${distiller.runId}:${await keyOfSource(
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
    distiller.reproduction = reproduction;
    run.note("verify", reproduction.check.evidence);
  });
}

/** A judge can take `verified` away; where an author has none, the report says that nobody reviewed. */
export async function reviewBest(run: Run, author: Author, context: AuthorContext): Promise<void> {
  const best = bestIteration(run);
  const { distiller } = run.state;
  if (!author.judge || distiller.judgement || !best?.execution || distiller.reproduction?.check.result !== "passed")
    return;
  distiller.judgement = await author.judge(context, { draft: best.draft, execution: best.execution, shortcomings: [] });
  await run.save();
}

/** The verdict, the outcome, and the reports; the run is finished when this returns. */
export async function concludeRun(run: Run, { survey }: AuthorContext): Promise<void> {
  const { state } = run;
  const { distiller } = state;
  await run.stage("report", async () => {
    const best = bestIteration(run);
    const { judgement, reproduction } = distiller;
    if (best?.verdict) {
      distiller.verdict = {
        ...best.verdict,
        reproduced:
          reproduction?.check ?? notMade("only an example that ran and called the core functions is run again"),
        reviewed: judgement
          ? {
              result: judgement.critical_issues.length === 0 ? "passed" : "failed",
              evidence: judgement.faithfulness_accurate_completeness_statement,
            }
          : notMade("this author has no judge"),
      };
    }
    const gaveUp = distiller.gaveUp && {
      kind: "gave-up" as const,
      ...distiller.gaveUp,
      reasonCode: AuthorReason.parse(distiller.gaveUp.reasonCode),
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

function bestIteration({ state: { distiller } }: Run): Iteration | null {
  return distiller.best === null ? null : (distiller.iterations[distiller.best] ?? null);
}
