import type { AppContext } from "./app-context.ts";
import { endCancelled } from "./end-run.ts";
import { endEarly } from "./finish-run.ts";

const dayMs = 24 * 3600_000;

/**
 * Forgets ended runs that are older than the operator keeps them, with their files; removes this machine's copies of what
 * is kept elsewhere; and has runs go on that lost their place in the queue. Never throws.
 */
export async function sweepRuns(context: AppContext, now = Date.now()): Promise<void> {
  const { store, config, log } = context;
  const daysAgo = (days: number): string => new Date(now - days * dayMs).toISOString();
  const attempt = async (what: string, work: () => Promise<number>): Promise<void> => {
    try {
      const count = await work();
      if (count > 0) log.info({ count }, what);
    } catch (error) {
      log.warn({ error: String(error) }, `failed: ${what}`);
    }
  };
  await attempt("old runs forgotten", () => store.runs.removeEndedBefore(daysAgo(config.settings.keep_runs_days)));
  await attempt("copies of runs removed", () => store.files.removeCopies(daysAgo(1)));
  await attempt("lost runs taken up", () => takeUpLost(context));
}

async function takeUpLost(context: AppContext): Promise<number> {
  const { store, queue } = context;
  const lost = await queue.findLost();
  for (const id of lost) {
    const run = await store.runs.get(id);
    if (run?.cancelled) await endEarly(run, endCancelled(run), context);
    else if (run) await queue.requeueRun(run);
  }
  return lost.length;
}
