import type { AppContext } from "./app-context.ts";

const dayMs = 24 * 3600_000;

/** Forgets ended runs that are older than the operator keeps them, with their files. Never throws. */
export async function sweepRuns({ store, config, log }: AppContext, now = Date.now()): Promise<void> {
  try {
    const before = new Date(now - config.settings.keep_runs_days * dayMs).toISOString();
    const removed = await store.runs.removeEndedBefore(before);
    if (removed > 0) log.info({ removed }, "old runs forgotten");
  } catch (error) {
    log.warn({ error: String(error) }, "old runs could not be forgotten");
  }
}
