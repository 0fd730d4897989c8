import { setTimeout } from "node:timers/promises";
import { CancelledError, DistillerError, GitHubError } from "../errors.ts";
import type { GitHubClient } from "../github/github-client.ts";
import { readRepositoryById } from "../github/read-repository.ts";
import { redactSecrets } from "../log.ts";
import type { RunEnding, RunPullRequest, RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { distillRecord, readSpentBefore } from "./distill-record.ts";
import { endCancelled, endWithError } from "./end-run.ts";
import { followRun } from "./follow-run.ts";
import { publishRun } from "./publish-run.ts";
import { showPlaces, showProgress } from "./show-progress.ts";

export type RunAgain = { againAfterSeconds: number } | null;

/** Crashes of the process that had the run: a repository that brings it down must not do so for ever. */
const mostStarts = 5;
/** Failures of a service (GitHub, a model's provider, sandboxes) that are waited out: an hour and a half in all. */
const mostFailures = 5;

/**
 * One turn at a run that was queued: from its record to its pull request. Whatever a turn before did is not done again. A
 * service that is down makes it come again later; any other failure ends the run, with words for whoever asked.
 * Throws CancelledError where this process has to let go of the run, which then goes on elsewhere.
 */
export async function performRun(id: string, signal: AbortSignal, context: AppContext): Promise<RunAgain> {
  const run = await begin(id, context);
  if (!run) return null;
  if (run.status === "finished") {
    await showEnded(run, context);
    return null;
  }
  try {
    const github = await context.github.client(run.installationId);
    const ended = await attempt(run, github, signal, context);
    await finish(ended, github, context);
    return null;
  } catch (error) {
    if (signal.aborted && !(await isCancelled(id, context))) throw new CancelledError(signal.reason);
    return postponeOrEnd(run, error, context);
  }
}

interface EndedRun {
  id: string;
  ending: RunEnding;
  costUsd: number;
  pullRequest: RunPullRequest | null;
  checkRunId: number | null;
}

/** The record as running; as it is where it has ended meanwhile; null where it was forgotten. */
function begin(id: string, { store }: AppContext): Promise<RunRecord | null> {
  return store.runs.update(id, (latest) =>
    latest.status === "finished"
      ? null
      : {
          ...latest,
          status: "running",
          starts: latest.starts + 1,
          startedAt: latest.startedAt ?? new Date().toISOString(),
        },
  );
}

/** A process that ended just after the record said so may not have told anybody. */
async function showEnded(run: RunRecord, context: AppContext): Promise<void> {
  const github = await context.github.client(run.installationId).catch(() => null);
  if (github) await showAtLast(context, github, run);
}

async function attempt(
  run: RunRecord,
  github: GitHubClient,
  signal: AbortSignal,
  context: AppContext,
): Promise<EndedRun> {
  const nothing = { id: run.id, costUsd: run.costUsd, pullRequest: run.pullRequest, checkRunId: run.checkRunId };
  if (run.cancelled) return { ...nothing, ending: endCancelled(run) };
  if (run.starts > mostStarts)
    return {
      ...nothing,
      ending: endWithError("process-ended", `The process ended ${mostStarts} times during this run.`),
    };
  const repository = await readRepositoryById({ github, id: run.target.id });
  if (!repository)
    return { ...nothing, ending: endWithError("repository-gone", "The repository is gone, or access to it ended.") };
  // It may have another name by now.
  const { owner, name, isPrivate } = repository;
  const current = { ...run, target: { ...run.target, owner, name, isPrivate } };
  await context.store.runs.update(run.id, (latest) => ({ ...latest, target: current.target }));
  await using follower = followRun({
    context,
    github,
    runId: run.id,
    progress: run.progress,
    keep: () => context.store.files.keep(run.id),
    spentBeforeUsd: await readSpentBefore(run, context),
  });
  await showProgress(context, github, current);
  const distilled = await distillRecord({ run: current, repository, emit: follower.emit, signal, context });
  const costUsd = Math.max(run.costUsd, distilled.costUsd);
  const latest = await context.store.runs.get(run.id);
  if (latest?.cancelled) return { ...nothing, costUsd, ending: endCancelled(latest) };
  if (signal.aborted || !latest) throw new CancelledError(signal.reason);
  const published = await publishRun({ run: current, repository, distilled, github, context });
  return { id: run.id, costUsd, ...published };
}

/** The record first, so that a crash from here on leaves at worst an old comment. */
async function finish(ended: EndedRun, github: GitHubClient | null, context: AppContext): Promise<void> {
  const { store, log } = context;
  const { id, ...result } = ended;
  const run = await store.runs.update(id, (latest) =>
    latest.status === "finished"
      ? null
      : { ...latest, ...result, status: "finished", finishedAt: new Date().toISOString() },
  );
  if (run?.status !== "finished") return;
  context.runEnded(run);
  await store.runs.log(id, `ended: ${run.ending?.outcome} (${run.ending?.reasonCode})`);
  log.info({ run: id, outcome: run.ending?.outcome, reasonCode: run.ending?.reasonCode }, "run ended");
  if (!github) return;
  await showAtLast(context, github, run);
  await showPlaces(context, github, run.installationId);
}

/** The last word is worth waiting for. */
async function showAtLast(context: AppContext, github: GitHubClient, run: RunRecord): Promise<void> {
  for (const seconds of [5, 30, null]) {
    try {
      return await showProgress(context, github, run);
    } catch (error) {
      const waits = error instanceof GitHubError && error.retryable && seconds !== null;
      context.log.warn({ run: run.id, error: String(error) }, "the end of a run could not be shown");
      if (!waits) return;
      await setTimeout(Math.min(60_000, error.retryAfterMs ?? seconds * 1000));
    }
  }
}

async function postponeOrEnd(run: RunRecord, error: unknown, context: AppContext): Promise<RunAgain> {
  const { store, log, queue } = context;
  const known = error instanceof DistillerError ? error : null;
  const message = redactSecrets(known?.userMessage ?? "An unexpected fault of CodeDistiller.");
  log.error(
    { run: run.id, code: known?.code, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    "run failed",
  );
  const latest = await store.runs.update(run.id, (each) => ({ ...each, failures: each.failures + 1 }));
  if (!latest || latest.status === "finished") return null;
  const mayPass = known === null || known.retryable;
  if (mayPass && latest.failures <= mostFailures && !latest.cancelled) {
    const asked = known instanceof GitHubError ? (known.retryAfterMs ?? 0) / 1000 : 0;
    const againAfterSeconds = Math.ceil(Math.max(asked, 10 * 4 ** (latest.failures - 1)));
    await store.runs.update(run.id, (each) => ({
      ...each,
      status: "queued",
      // A wait is no crash.
      starts: 0,
      progress: { ...each.progress, note: `${message} It goes on in ${againAfterSeconds} s.` },
    }));
    await store.runs.log(run.id, `${message} Again in ${againAfterSeconds} s.`);
    return { againAfterSeconds };
  }
  await queue.bury({ what: `run ${run.id}`, error: message, data: { runId: run.id } });
  const ending = latest.cancelled
    ? endCancelled(latest)
    : endWithError(known?.code ?? "internal-error", known ? message : `${message} It is in the log as run ${run.id}.`);
  const { costUsd, pullRequest, checkRunId } = latest;
  const github = await context.github.client(run.installationId).catch(() => null);
  await finish({ id: run.id, ending, costUsd, pullRequest, checkRunId }, github, context);
  return null;
}

async function isCancelled(id: string, { store }: AppContext): Promise<boolean> {
  return ((await store.runs.get(id))?.cancelled ?? null) !== null;
}
