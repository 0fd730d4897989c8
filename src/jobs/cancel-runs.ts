import type { GitHubClient } from "../github/github-client.ts";
import type { RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { endCancelled } from "./end-run.ts";
import { showIfPossible, showPlaces } from "./show-progress.ts";

export interface CancelOptions {
  runs: readonly RunRecord[];
  by: string;
  /** One sentence, for the run's comment and its page. */
  reason: string;
  /** Null where the app may say nothing any more. */
  github: GitHubClient | null;
  context: AppContext;
}

/** Ends runs that wait, and tells those that run to end, which takes about a second. Returns the records as they are then. */
export async function cancelRuns({ runs, by, reason, github, context }: CancelOptions): Promise<RunRecord[]> {
  const cancelled: RunRecord[] = [];
  for (const { id } of runs) {
    const run = await cancelRun(id, { by, reason }, context);
    if (run) cancelled.push(run);
  }
  if (!github) return cancelled;
  for (const run of cancelled) if (run.status === "finished") await showIfPossible(context, github, run);
  for (const installationId of new Set(cancelled.map((run) => run.installationId)))
    await showPlaces(context, github, installationId);
  return cancelled;
}

/** Null where it has ended, or was forgotten. The mark comes first: from then on nobody publishes it. */
async function cancelRun(
  id: string,
  cancelled: NonNullable<RunRecord["cancelled"]>,
  context: AppContext,
): Promise<RunRecord | null> {
  const { store, queue, log } = context;
  const marked = await store.runs.update(id, (latest) =>
    latest.status === "finished" ? null : { ...latest, cancelled },
  );
  if (!marked || marked.status === "finished") return null;
  await store.runs.log(id, cancelled.reason);
  log.info({ run: id, by: cancelled.by }, "run cancelled");
  // Whoever is at work ends it. Where nobody is, nobody else would, also not where the record still says that it runs:
  // a process gave it back, or is no more.
  if ((await queue.cancelRun(id)) === "active") return marked;
  const ended = await store.runs.update(id, (latest) =>
    latest.status === "finished"
      ? null
      : { ...latest, status: "finished", finishedAt: new Date().toISOString(), ending: endCancelled(latest) },
  );
  if (ended) context.runEnded(ended);
  return ended;
}
