import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Author, AuthorContext, GivingUp } from "../authors/author.ts";
import type { Draft } from "../example/example.ts";
import { stepSucceeded } from "../example/execution.ts";
import type { Repository } from "../repository/repository.ts";
import { assessExecution } from "./assess-execution.ts";
import { rankAttempt } from "./decide-outcome.ts";
import { executeExample, writeExampleFiles } from "./execute-example.ts";
import type { Run } from "./run.ts";
import type { Iteration } from "./run-state.ts";

/** The first draft, or the iteration that a resumed run stands at; null when the author has nothing to draft. */
export async function draftExample(run: Run, author: Author, context: AuthorContext): Promise<Iteration | null> {
  const { distiller } = run.state;
  const last = distiller.iterations.at(-1);
  if (last || distiller.gaveUp) return last ?? null;
  return run.stage("draft", async () => {
    const outcome = await author.draft(context);
    if (outcome.kind === "gave-up") return giveUp(run, outcome);
    for (const { example, title, path, place } of outcome.draft.provenance)
      run.note("draft", `${example}: ${title} (${path}, ${place})`);
    return addIteration(run, outcome.draft, [], []);
  });
}

/** `--dry-run`: leaves what would be run where it would have been run. */
export async function writePlan(run: Run, iteration: Iteration | null): Promise<void> {
  if (iteration) await writeExampleFiles(run.path(iteration.folder), iteration.draft.files);
}

export async function executeIteration(run: Run, context: AuthorContext, iteration: Iteration): Promise<void> {
  if (iteration.execution && iteration.verdict) return;
  await run.stage(
    "execute",
    async () => {
      const started = performance.now();
      const { repository, survey } = context;
      iteration.execution = await executeExample({
        provider: run.provider,
        draft: iteration.draft,
        repositoryFolder: repository.folder,
        sourceKey: await keyOfSource(
          repository,
          survey.files.map(({ path }) => path),
        ),
        modules: survey.modules.map(({ name }) => name),
        folder: run.path(iteration.folder),
        outputFolder: outputFolderOf(run),
        config: run.config,
        onOutput: run.outputListener("execute"),
        signal: run.signal,
      });
      iteration.verdict = assessExecution(iteration.execution, survey.coreFunctions);
      iteration.seconds = Math.round((performance.now() - started) / 10) / 100;
      recordIteration(run, iteration);
      const { executed, grounded } = iteration.verdict;
      run.note("execute", executed.result === "passed" ? grounded.evidence : executed.evidence);
    },
    iteration.index,
  );
}

export function needsRevision(run: Run, { index, verdict }: Iteration): boolean {
  if (verdict?.executed.result === "passed" && verdict.grounded.result === "passed") return false;
  return index < run.config.max_debug_iterations;
}

/** Asks the author for the next draft; null when it gives up. */
export async function reviseExample(
  run: Run,
  author: Author,
  context: AuthorContext,
  { draft, execution, verdict, index }: Iteration,
): Promise<Iteration | null> {
  const { distiller } = run.state;
  if (distiller.gaveUp || !execution || !verdict) return null;
  return run.stage(
    "revise",
    async () => {
      const shortcomings = [verdict.executed, verdict.grounded].flatMap(({ result, evidence }) =>
        result === "failed" ? [evidence] : [],
      );
      const revision = await author.revise(context, { draft, execution, shortcomings });
      if (revision.kind === "gave-up") return giveUp(run, revision);
      for (const change of revision.changesMade) run.note("revise", change);
      run.state.change_log.push({
        iteration: index,
        error_information: {
          environment: execution.environment.exitCode,
          program: execution.program?.exitCode ?? null,
        },
        issues_identified: revision.issuesIdentified,
        changes_made: revision.changesMade,
      });
      return addIteration(run, revision.draft, revision.issuesIdentified, revision.changesMade);
    },
    index,
  );
}

/** The reference system names the folder of what a sandbox leaves after the sandbox. */
export function outputFolderOf({ config }: Run): string {
  return `${config.sandbox}-output`;
}

async function addIteration(
  run: Run,
  draft: Draft,
  issuesIdentified: string[],
  changesMade: string[],
): Promise<Iteration> {
  const { distiller } = run.state;
  const now = new Date();
  const stamp = now.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const base = `${run.config.sandbox}-python-${stamp}`;
  const folder = distiller.iterations.some((known) => known.folder === base)
    ? `${base}-${distiller.iterations.length}`
    : base;
  const iteration: Iteration = {
    index: distiller.iterations.length,
    folder,
    draft,
    execution: null,
    verdict: null,
    issuesIdentified,
    changesMade,
    startedAt: now.toISOString(),
    seconds: 0,
  };
  distiller.iterations.push(iteration);
  await run.save();
  return iteration;
}

async function giveUp(run: Run, { outcome, reasonCode, explanation }: GivingUp): Promise<null> {
  run.state.distiller.gaveUp = { outcome, reasonCode, explanation };
  run.note("revise", explanation);
  await run.save();
  return null;
}

/** Keeps the best attempt in the state, under the reference system's keys. */
function recordIteration(run: Run, iteration: Iteration): void {
  const { state } = run;
  const { distiller } = state;
  const best = distiller.best === null ? undefined : distiller.iterations[distiller.best];
  if (!best || rankAttempt(iteration) > rankAttempt(best)) distiller.best = iteration.index;
  const chosen = distiller.iterations[distiller.best ?? iteration.index] ?? iteration;
  state.reflection_idx = iteration.index;
  state.code = chosen.draft.files["main.py"] ?? null;
  state.requirements = chosen.draft.files["requirements.txt"] ?? null;
  state.runscript = chosen.draft.files["runscript.sh"] ?? null;
  state.metadata = chosen.draft.metadata;
  const { execution } = chosen;
  state.execution_result = execution && { results: execution.results, files: execution.files, log: execution.log };
  state.error_information =
    execution && !stepSucceeded(execution.program)
      ? { environment: execution.environment, program: execution.program }
      : null;
  if (distiller.sandbox) distiller.sandbox.python = chosen.execution?.evidence.python ?? distiller.sandbox.python;
}

/** What `source/` holds: the commit, or a hash of all files where they differ from it or have none. */
export async function keyOfSource(
  { commit, modified, folder, subdirectory }: Repository,
  paths: readonly string[],
): Promise<string> {
  if (commit && !modified) return `${commit}:${subdirectory ?? ""}`;
  const hash = createHash("sha256");
  for (const path of paths) {
    hash.update(`\0${path}\0`);
    await pipeline(createReadStream(join(folder, path)), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) hash.update(chunk);
    });
  }
  return `files:${hash.digest("hex")}`;
}
