import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  type Attempt,
  type Author,
  type AuthorContext,
  type GivingUp,
  type Judgement,
  objects,
  type WritingContext,
} from "../authors/author.ts";
import type { Config } from "../config.ts";
import type { Draft } from "../example/example.ts";
import { stepSucceeded } from "../example/execution.ts";
import type { Repository } from "../repository/repository.ts";
import type { Survey } from "../repository/survey.ts";
import { assessExecution } from "./assess-execution.ts";
import { compareAttempts } from "./decide-outcome.ts";
import { executeExample, writeExampleFiles } from "./execute-example.ts";
import { currentIterations, iterationToRevise, pendingFeedback } from "./feedback.ts";
import { learnRecipe, leaveRecipe, offerRecipe, recipeFailed } from "./offer-recipe.ts";
import { retrySandbox } from "./retry-sandbox.ts";
import type { Run } from "./run.ts";
import type { Iteration } from "./run-state.ts";

/**
 * The first draft, the iteration that a resumed run stands at, or the one that a person's words are about; null when the
 * author has nothing to draft.
 */
export async function draftExample(run: Run, author: Author, context: WritingContext): Promise<Iteration | null> {
  const { distiller } = run.state;
  const feedback = pendingFeedback(run.state);
  const standing = feedback ? iterationToRevise(run.state, feedback, author) : distiller.iterations.at(-1);
  if (standing || distiller.gaveUp) return standing ?? null;
  return run.stage("draft", async () => {
    if (feedback && !author.answersObjections) tellHowWordsAreTaken(run, author);
    const outcome = await author.draft(context);
    if (outcome.kind === "gave-up") return giveUp(run, outcome);
    for (const { example, title, path, place } of outcome.draft.provenance)
      run.note("draft", `${example}: ${title} (${path}, ${place})`);
    const offer = await offerRecipe(run, author, context, outcome.draft);
    if (!offer) return addIteration(run, { draft: outcome.draft });
    run.note("draft", offer.note);
    const { draft, note, recipe } = offer;
    return addIteration(run, { draft, changesMade: [note], recipe: { offered: recipe, ownDraft: outcome.draft } });
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
      await renameForSandbox(run, iteration);
      const started = performance.now();
      const { repository, survey } = context;
      const options = {
        provider: run.provider,
        draft: iteration.draft,
        repositoryFolder: repository.folder,
        sourceKey: await keyOfSource(
          repository,
          survey.files.map(({ path }) => path),
        ),
        modules: survey.modules.map(({ name }) => name),
        folder: run.path(iteration.folder),
        outputFolder: outputFolderOf(iteration),
        config: run.config,
        gpu: usesGpu(run.config, survey, iteration.draft),
        onOutput: run.outputListener("execute"),
        signal: run.signal,
      };
      iteration.execution = await retrySandbox(() => executeExample(options), run.retrying("execute"));
      iteration.verdict = assessExecution(iteration.execution, survey.coreFunctions, iteration.draft.changesSource);
      iteration.seconds = Math.round((performance.now() - started) / 10) / 100;
      run.state.reflection_idx = iteration.index;
      recordBest(run);
      await learnRecipe(run, iteration);
      const { executed, grounded } = iteration.verdict;
      run.note("execute", executed.result === "passed" ? grounded.evidence : executed.evidence);
    },
    iteration.index,
  );
}

/** The GPU that a configuration allows is for what needs one: by the repository's own word or its author's. */
export function usesGpu(
  { gpu }: Pick<Config, "gpu">,
  { needs }: Pick<Survey, "needs">,
  { metadata }: Pick<Draft, "metadata">,
): boolean {
  const { gpu_required, gpu_normally_recommended } = metadata.compute_requirements;
  const needed = needs.some(({ kind }) => kind === "gpu") || gpu_required || gpu_normally_recommended;
  return gpu !== null && needed === true;
}

/** A preliminary draft is always followed by another, and counts as none. */
export function needsRevision(run: Run, { draft, verdict }: Iteration): boolean {
  if (draft.preliminary || pendingFeedback(run.state)) return true;
  if (verdict?.executed.result === "passed" && verdict.grounded.result === "passed") return false;
  return hasRevisionsLeft(run);
}

export function hasRevisionsLeft({ config, state }: Run): boolean {
  const counted = currentIterations(state).filter((each) => !each.draft.preliminary && !recipeFailed(each));
  return counted.length <= config.max_debug_iterations;
}

/** Asks the author for the next draft, or takes its own where a recipe failed; null when it gives up. */
export async function reviseExample(
  run: Run,
  author: Author,
  context: WritingContext,
  iteration: Iteration,
): Promise<Iteration | null> {
  const { draft, execution, verdict, index } = iteration;
  const { distiller } = run.state;
  const feedback = pendingFeedback(run.state);
  if (distiller.gaveUp || !execution || !verdict) return null;
  return run.stage(
    "revise",
    async () => {
      const ownDraft = feedback ? null : await leaveRecipe(run, iteration, context.sandbox);
      if (ownDraft) return addIteration(run, { draft: ownDraft, ...leftRecipe });
      const objections = describeObjections(iteration);
      const requested = feedback ? [feedback.text] : [];
      const revision = await author.revise(context, { draft, execution, ...objections, requested });
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
      const { issuesIdentified, changesMade } = revision;
      return addIteration(run, { draft: revision.draft, issuesIdentified, changesMade });
    },
    index,
  );
}

const leftRecipe = {
  issuesIdentified: ["What worked before does not work for this repository."],
  changesMade: ["The author's own requirements instead of those from the memory of recipes."],
};

/** What the verdict still asks for, and what the clean room and the judge objected to. */
function describeObjections({
  verdict,
  reproduction,
  review,
}: Iteration): Pick<Attempt, "shortcomings" | "differences"> {
  const failed = [verdict?.executed, verdict?.grounded, reproduction?.check].flatMap((check) =>
    check?.result === "failed" ? [check.evidence] : [],
  );
  const objections = review?.kind === "judged" && objects(review.judgement) ? listObjections(review.judgement) : [];
  const differences = (reproduction?.differences ?? []).slice(0, 8);
  return {
    shortcomings: [...failed, ...objections],
    differences: differences.map(
      ({ key, first, second }) => `${key}: first ${first.slice(0, 100)}, then ${second.slice(0, 100)}`,
    ),
  };
}

/** All that a judge said against an example; the statement counts where it is all there is, or the reason for a no. */
function listObjections({
  critical_issues,
  issues,
  is_faithful,
  is_accurate,
  faithfulness_accurate_completeness_statement: statement,
}: Judgement): string[] {
  const named = [...critical_issues, ...issues];
  const explains = named.length === 0 || !is_faithful || !is_accurate;
  return explains && statement ? [...named, statement] : named;
}

/** Drafted for another kind of sandbox (a plan, or before a run was gone on with elsewhere), it has that one's name. */
async function renameForSandbox(run: Run, iteration: Iteration): Promise<void> {
  if (iteration.folder.startsWith(`${run.provider.name}-python-`)) return;
  await rm(run.path(iteration.folder), { recursive: true, force: true });
  iteration.folder = chooseFolder(run);
  await run.save();
}

/** The reference system names the folder of what a sandbox leaves after the sandbox, as it does the folder above. */
export function outputFolderOf({ folder }: Iteration): string {
  return `${folder.split("-python-")[0]}-output`;
}

async function addIteration(
  run: Run,
  {
    draft,
    issuesIdentified = [],
    changesMade = [],
    recipe = null,
  }: Pick<Iteration, "draft"> & Partial<Pick<Iteration, "issuesIdentified" | "changesMade" | "recipe">>,
): Promise<Iteration> {
  const { distiller } = run.state;
  const iteration: Iteration = {
    index: distiller.iterations.length,
    folder: chooseFolder(run),
    draft,
    execution: null,
    verdict: null,
    reproduction: null,
    review: null,
    recipe,
    issuesIdentified,
    changesMade,
    startedAt: new Date().toISOString(),
    seconds: 0,
  };
  // What an author remembers may be a whole conversation. The newest draft is gone on from; what may be published, where a
  // person asks for changes.
  for (const earlier of distiller.iterations) {
    if (earlier.index !== distiller.best && !earlier.draft.preliminary) earlier.draft.memory = null;
    if (earlier.recipe) earlier.recipe.ownDraft = { ...earlier.recipe.ownDraft, memory: null };
  }
  distiller.iterations.push(iteration);
  await run.save();
  return iteration;
}

function chooseFolder({ provider, state: { distiller } }: Run): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const base = `${provider.name}-python-${stamp}`;
  const isTaken = distiller.iterations.some(({ folder }) => folder === base);
  return isTaken ? `${base}-${distiller.iterations.length}` : base;
}

async function giveUp(run: Run, { outcome, reasonCode, explanation }: GivingUp): Promise<null> {
  run.state.distiller.gaveUp = { outcome, reasonCode, explanation };
  run.note("revise", explanation);
  await run.save();
  return null;
}

/** Says what an author makes of a person's words that can only choose from what a repository holds. */
function tellHowWordsAreTaken(run: Run, author: Author): void {
  const note = `${author.name} cannot follow what was asked for: it takes the examples of the repository that share most words with it.`;
  const { notes } = run.state.distiller;
  run.note("draft", note);
  if (!notes.includes(note)) notes.push(note);
}

/** Keeps the best attempt in the state, under the reference system's keys. */
export function recordBest({ state }: Run): void {
  const { distiller } = state;
  const [first, ...others] = currentIterations(state);
  if (!first) return;
  const chosen = others.reduce((best, each) => (compareAttempts(each, best) > 0 ? each : best), first);
  distiller.best = chosen.index;
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
