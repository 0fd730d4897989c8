import type { RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { endCancelled } from "./end-run.ts";

export interface CancelOptions {
  runs: readonly RunRecord[];
  by: string;
  /** One sentence, for the run's comment and its page. */
  reason: string;
  context: AppContext;
}

/** Ends runs that wait, and tells those that run to end, which takes about a second. Returns the records as they are then. */
export async function cancelRuns({ runs, by, reason, context }: CancelOptions): Promise<RunRecord[]> {
  const { store, queue, log } = context;
  const changed: RunRecord[] = [];
  for (const { id } of runs) {
    let alreadyEnded = false;
    const run = await store.runs.update(id, (latest) => {
      alreadyEnded = latest.status === "finished";
      if (alreadyEnded) return null;
      const marked: RunRecord = { ...latest, cancelled: { by, reason } };
      // Nobody works on it, so nobody else would end it.
      return latest.status === "queued"
        ? { ...marked, status: "finished", finishedAt: new Date().toISOString(), ending: endCancelled(marked) }
        : marked;
    });
    if (!run || alreadyEnded) continue;
    await queue.cancelRun(id);
    await store.runs.log(id, reason);
    log.info({ run: id, by }, "run cancelled");
    if (run.status === "finished") context.runEnded(run);
    changed.push(run);
  }
  return changed;
}
