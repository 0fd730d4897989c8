import { CancelledError, DistillerError, GitHubError, ModelError } from "../errors.ts";
import type { GitHubClient } from "../github/github-client.ts";
import { type RepositoryFacts, readRepositoryById } from "../github/read-repository.ts";
import { redactSecrets } from "../log.ts";
import type { RunEnding, RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { distillRecord, readSpentBefore } from "./distill-record.ts";
import { endCancelled, endWithError } from "./end-run.ts";
import { endEarly, finishRun, type RunAgain, showEnded } from "./finish-run.ts";
import { followRun } from "./follow-run.ts";
import { publishRun } from "./publish-run.ts";
import { RunStoppedError } from "./run-stopped-error.ts";
import { showIfPossible } from "./show-progress.ts";

/** Crashes of the process that had the run: a repository that brings it down must not do so for ever. */
const mostStarts = 5;
/** Failures of a service (GitHub, a model's provider, sandboxes) that are waited out: an hour in all. */
const mostFailures = 5;

/**
 * One turn at a run that was queued: from its record to its pull request. Whatever a turn before did is not done again. A
 * service that is down makes it come again later; any other failure ends the run, with words for whoever asked.
 * Throws CancelledError where this process has to let go of the run, which then goes on elsewhere.
 */
export async function performRun(id: string, signal: AbortSignal, context: AppContext): Promise<RunAgain> {
  const run = await begin(id, context);
  if (!run) return null;
  if (run.status === "finished") return showEnded(run, context);
  try {
    const github = await context.github.client(run.installationId);
    return await finishRun({ id, github, context, ...(await attempt(run, github, signal, context)) });
  } catch (error) {
    const latest = await context.store.runs.get(id);
    if (!latest) return null;
    if (latest.cancelled && latest.status !== "finished") {
      return endEarly(latest, endCancelled(latest), context);
    }
    if (signal.aborted && !latest.cancelled) {
      // This process ends as it should, which is no crash.
      if (signal.reason instanceof RunStoppedError && signal.reason.why === "draining")
        await context.store.runs.update(id, (each) => ({ ...each, starts: Math.max(0, each.starts - 1) }));
      throw new CancelledError(signal.reason);
    }
    return postponeOrEnd(run, error, context);
  } finally {
    await removeForgotten(id, context);
  }
}

/** Its installation ended meanwhile: what this turn wrote since then is nobody's. */
async function removeForgotten(id: string, { store }: AppContext): Promise<void> {
  const isKept = await store.runs.get(id).catch(() => true);
  if (!isKept) await store.files.remove(id);
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

async function attempt(
  run: RunRecord,
  github: GitHubClient,
  signal: AbortSignal,
  context: AppContext,
): Promise<{ ending: RunEnding; costUsd: number }> {
  const stop = (ending: RunEnding, costUsd = run.costUsd) => ({ ending, costUsd });
  if (run.cancelled) return stop(endCancelled(run));
  if (run.starts > mostStarts)
    return stop(endWithError("process-ended", `The process ended ${mostStarts} times during this run.`));
  const gone = endWithError("repository-gone", "The repository is gone, or access to it ended.");
  const begun = await findRepository(run, github, context);
  if (!begun) return stop(gone);
  await using follower = followRun({
    context,
    github,
    runId: run.id,
    progress: run.progress,
    keep: () => context.store.files.keep(run.id),
    spentBeforeUsd: await readSpentBefore(run, context),
  });
  await showIfPossible(context, github, begun.run);
  const distilled = await distillRecord({ ...begun, emit: follower.emit, signal, context });
  const costUsd = Math.max(run.costUsd, distilled.costUsd);
  const latest = await context.store.runs.get(run.id);
  if (latest?.cancelled) return stop(endCancelled(latest), costUsd);
  if (signal.aborted || !latest) throw new CancelledError(signal.reason);
  const ended = await findRepository(begun.run, github, context);
  if (!ended) return stop(gone, costUsd);
  return stop(await publishRun({ ...ended, distilled, github, context }), costUsd);
}

/**
 * The run, and its repository as it is now. A run takes long: by its end the repository may have another name, and the
 * old one may be another's. Null where it is gone.
 */
async function findRepository(
  run: RunRecord,
  github: GitHubClient,
  { store }: AppContext,
): Promise<{ run: RunRecord; repository: RepositoryFacts } | null> {
  const repository = await readRepositoryById({ github, id: run.target.id });
  if (!repository) return null;
  const { owner, name, isPrivate } = repository;
  const target = { ...run.target, owner, name, isPrivate };
  await store.runs.update(run.id, (latest) => ({ ...latest, target }));
  return { run: { ...run, target }, repository };
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
  const mayPass = (known === null || known.retryable) && latest.failures <= mostFailures;
  if (mayPass && !latest.cancelled) {
    const says = known instanceof GitHubError || known instanceof ModelError ? known.retryAfterMs : null;
    const asked = (says ?? 0) / 1000;
    const againAfterSeconds = Math.ceil(Math.max(asked, 10 * 4 ** (latest.failures - 1)));
    const at = new Date(Date.now() + againAfterSeconds * 1000);
    const note = `${message} It goes on at ${at.toISOString().slice(11, 16)} UTC.`;
    if (await postpone(run, note, context)) return { againAfterSeconds };
  }
  const { cancelled } = (await store.runs.get(run.id)) ?? latest;
  if (!cancelled) await queue.bury({ what: `run ${run.id}`, error: message, data: { runId: run.id } });
  const words = known ? message : `${message} It is in the log as run ${run.id}.`;
  const ending = cancelled ? endCancelled({ cancelled }) : endWithError(known?.code ?? "internal-error", words);
  return endEarly(latest, ending, context);
}

/** False where it was cancelled meanwhile: then there is nothing to wait for. */
async function postpone(run: RunRecord, note: string, context: AppContext): Promise<boolean> {
  const { store } = context;
  const waiting = await store.runs.update(run.id, (each) =>
    // A wait is no crash: `starts` counts anew.
    each.cancelled ? null : { ...each, status: "queued", starts: 0, progress: { ...each.progress, note } },
  );
  if (waiting?.cancelled) return false;
  await store.runs.log(run.id, note);
  const github = waiting && (await context.github.client(run.installationId).catch(() => null));
  if (github) await showIfPossible(context, github, waiting);
  return true;
}
