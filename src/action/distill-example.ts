import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { extractiveModel } from "../config.ts";
import { advanceProgress } from "../jobs/advance-progress.ts";
import { advise } from "../jobs/advise.ts";
import { bringExample, figureUrl, folderOf } from "../jobs/bring-example.ts";
import { describeEnding } from "../jobs/describe-ending.ts";
import { explainPublication, isOpen } from "../jobs/explain-publication.ts";
import type { JobResult } from "../jobs/job.ts";
import { type ExampleFile, readExample } from "../jobs/read-example.ts";
import { runJob } from "../jobs/run-job.ts";
import { createFolderFiles } from "../store/run-files.ts";
import { nothingDone, type RunEnding, type ToldRun } from "../store/run-record.ts";
import type { ActionContext } from "./action-context.ts";
import type { ExampleResult } from "./action-result.ts";
import { composeResult, endInterrupted } from "./compose-result.ts";
import { explainError } from "./describe-failure.ts";
import type { Wanted } from "./find-wanted.ts";
import { isPullRequestEvent } from "./read-workflow.ts";

export interface DistillExampleOptions {
  wanted: Wanted;
  /** As `beginRun` made it; it is changed as the run goes on. */
  run: ToldRun;
  /** Where its words are read: as comments on GitHub, or with the workflow. */
  door: "workflow-comment" | "workflow";
  /** Whether a person asked for it by name: only then does it follow a pull request that was declined. */
  explicit: boolean;
  /** Told of every step. */
  onProgress?: (run: ToldRun) => void;
  context: ActionContext;
}

/** Writes one example and brings it to its pull request. Never throws: what goes wrong is the result. */
export async function distillExample(options: DistillExampleOptions): Promise<ExampleResult> {
  const { wanted, run, context, door, onProgress } = options;
  const tell = (change: Partial<ToldRun>): void => {
    Object.assign(run, change);
    onProgress?.(run);
  };
  const files = createFolderFiles({ root: context.folder });
  const job = await runJob({
    request: {
      kind: "new",
      source: wanted.source?.url ?? context.repository.cloneUrl,
      config: wanted.config,
      dryRun: run.dryRun,
      folder: files.folderOf(run.id),
      runId: run.id,
    },
    adapters: context.createAdapters(wanted.source ? wanted.source.facts : context.repository),
    emit: (event) => {
      context.emit(event);
      const progress = advanceProgress(run.progress, event);
      if (progress !== run.progress) tell({ progress, costUsd: progress.costUsd });
    },
    signal: context.signal,
  });
  const ending = job.error?.cancelled
    ? describeInterrupted(job, door)
    : describeEnding(job, { feedback: run.feedback, door });
  tell({ costUsd: job.state?.total_cost ?? 0 });
  const example = await readExample(files, run.id);
  const { ending: told, pullRequest, place } = await publish({ ...options, job, ending, example });
  tell({ ending: told, pullRequest, status: "finished" });
  return {
    ...composeResult(told, { repository: wanted.name, slug: wanted.slug, action: "distilled" }),
    pullRequest: place,
    examplePath: example.length > 0 ? join(files.folderOf(run.id), "example") : null,
    reportPath: job.outcome ? join(files.folderOf(run.id), "report.html") : null,
    figures: pullRequest ? listFigures(example, pullRequest.branch, wanted.slug, context) : [],
    costUsd: run.costUsd,
  };
}

const mostFigures = 6;

function listFigures(files: readonly ExampleFile[], branch: string, slug: string, { repository }: ActionContext) {
  const at = { repository, branch, folder: folderOf(slug) };
  const pictures = files.filter(({ path }) => /\.(png|jpe?g|gif|svg|webp)$/i.test(path)).slice(0, mostFigures);
  return pictures.map(({ path }) => ({ name: path, url: figureUrl({ ...at, path }) }));
}

/** A run as it begins, with a number of its own. */
export function beginRun({
  wanted,
  requestedBy,
  dryRun,
  context,
}: {
  wanted: Wanted;
  requestedBy: string;
  dryRun: boolean;
  context: Pick<ActionContext, "repository">;
}): ToldRun {
  const { id, owner, name, isPrivate } = context.repository;
  const { model_str_code, max_cost_usd } = wanted.config;
  return {
    id: randomBytes(16).toString("hex"),
    target: { id, owner, name, isPrivate },
    source: wanted.source?.url ?? null,
    slug: wanted.slug,
    requestedBy,
    feedback: null,
    dryRun,
    status: "running",
    cancelled: null,
    starts: 1,
    startedAt: new Date().toISOString(),
    maxCostUsd: model_str_code === extractiveModel ? 0 : max_cost_usd,
    costUsd: 0,
    progress: nothingDone,
    ending: null,
    pullRequest: null,
  };
}

function describeInterrupted({ state }: JobResult, door: DistillExampleOptions["door"]): RunEnding {
  return {
    ...endInterrupted(door),
    commit: state?.distiller.repository?.commit ?? null,
    iterations: state?.distiller.iterations.length ?? 0,
    seconds: state?.total_runtime_secs ?? 0,
  };
}

interface Published {
  ending: RunEnding;
  /** Null where none has the example. */
  pullRequest: ToldRun["pullRequest"];
  /** The same, or the one that kept it from being brought. */
  place: ExampleResult["pullRequest"];
}

interface PublishOptions extends DistillExampleOptions {
  job: JobResult;
  ending: RunEnding;
  example: readonly ExampleFile[];
}

/** As far as there is something worth a pull request, and one is wanted. What GitHub refuses is an error: the example stands, and nobody sees it. */
async function publish({
  run,
  job: { state, runFolder },
  ending,
  example,
  door,
  explicit,
  context,
}: PublishOptions): Promise<Published> {
  const { inputs, workflow } = context;
  const none = (text = "", advice = ending.advice): Published => ({
    ending: { ...ending, explanation: `${ending.explanation}${text && ` ${text}`}`, advice },
    pullRequest: null,
    place: null,
  });
  if (ending.outcome !== "verified" || !state || !runFolder || example.length === 0 || context.signal.aborted)
    return none();
  if (!inputs["open-pull-request"]) return none();
  if (isPullRequestEvent(workflow))
    return none(
      "No pull request was opened: the workflow runs for one itself.",
      advise({ outcome: "verified", reasonCode: "not-for-pull-requests", door }),
    );
  try {
    const publication = await bringExample({
      run,
      repository: context.repository,
      base: inputs.base ?? null,
      folder: runFolder,
      state,
      files: example,
      known: null,
      news: false,
      explicit,
      github: context.github,
      botLogin: context.botLogin,
      review: false,
      answersCommands: door === "workflow-comment",
      pageUrl: workflow.runUrl,
    });
    const explained = explainPublication(ending, publication, door, true);
    if (publication.kind === "refused")
      return { ...none(), ending: { ...explained, outcome: "error", reasonCode: publication.reasonCode } };
    const pullRequest = isOpen(publication) ? { ...publication.pullRequest, state: "open" as const } : null;
    return { ending: explained, pullRequest, place: "pullRequest" in publication ? publication.pullRequest : null };
  } catch (error) {
    const { code, userMessage } = explainError(error, context.say);
    const explanation = `${ending.explanation} No pull request was opened: ${userMessage}`;
    const advice = advise({ outcome: "error", reasonCode: code, door });
    return { ...none(), ending: { ...ending, outcome: "error", reasonCode: code, explanation, advice } };
  }
}
