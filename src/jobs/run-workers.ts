import type { JobWithMetadata, PgBoss } from "pg-boss";
import { z } from "zod";
import type { Logger } from "../log.ts";
import type { Database } from "../store/database.ts";
import { clearError } from "./clear-error.ts";
import { toBossDatabase } from "./job-rows.ts";
import type { JobHandlers } from "./queue.ts";
import { RunStoppedError } from "./run-stopped-error.ts";
import { settleWithin } from "./settle-within.ts";

export interface RunWorkers {
  start(concurrency: number, perform: JobHandlers["runs"]): Promise<void>;
  /** Stops a run that is at work in this process. */
  cancel(runId: string): void;
  /** Takes no more, has those at work stop, and gives back those that do not. */
  stop(timeoutMs: number): Promise<void>;
}

export interface RunWorkersOptions {
  boss: PgBoss;
  database: Database;
  log: Pick<Logger, "warn" | "error"> | undefined;
}

/** A run that is at work here. */
interface Claim {
  runId: string;
  job: JobWithMetadata<unknown>;
  controller: AbortController;
}

const JobData = z.object({ runId: z.string() });
const Affected = z.object({ affected: z.number() });
const CancelledRows = z.array(z.object({ run_id: z.string() }));

const cancellationPollMs = 1000;
/** Until a run begins again whose handler threw, in seconds; twice as long each time. */
const firstDelay = 5;
const longestDelay = 300;

/**
 * Workers of one run each. A run that is cancelled keeps its job until its handler has returned: were the job cancelled,
 * the next of the installation would begin beside it.
 */
export function createRunWorkers({ boss, database, log }: RunWorkersOptions): RunWorkers {
  const claims = new Map<string, Claim>();
  let stopping = false;

  const perform = async (job: JobWithMetadata<unknown>, handle: JobHandlers["runs"]): Promise<void> => {
    const { runId } = JobData.parse(job.data);
    const claim: Claim = { runId, job, controller: new AbortController() };
    if (stopping) return giveBack(claim, 0);
    claims.set(runId, claim);
    const lose = (): void => stop(claim, "lost");
    job.signal.addEventListener("abort", lose);
    try {
      await stopCancelled([claim]);
      const attempt = { number: job.retryCount + 1, last: job.retryCount >= job.retryLimit };
      const again = await handle(runId, claim.controller.signal, attempt);
      if (again) await giveBack(claim, again.againAfterSeconds);
      else await database.query("DELETE FROM codedistiller.cancellations WHERE run_id = $1", [runId]);
    } catch (error) {
      await giveBackFailed(claim, error);
    } finally {
      job.signal.removeEventListener("abort", lose);
      if (claims.get(runId) === claim) claims.delete(runId);
    }
  };

  const giveBackFailed = async (claim: Claim, error: unknown): Promise<void> => {
    const { reason } = claim.controller.signal;
    const why = reason instanceof RunStoppedError ? reason.why : null;
    if (why === "lost") return;
    if (why === "draining") return giveBack(claim, 0);
    log?.error({ run: claim.runId, error: clearError(error).stack }, "run failed unexpectedly");
    await giveBack(claim, Math.min(longestDelay, firstDelay * 2 ** Math.min(10, claim.job.retryCount)));
  };

  /** Where the job is still this attempt's, it waits again, and is as old as before. Else nothing happens. */
  const giveBack = ({ job }: Claim, afterSeconds: number): Promise<void> =>
    database.transaction(async (sql) => {
      const db = toBossDatabase(sql);
      const failed = await boss.fail("runs", job, { message: "It was given back." }, { db });
      if (Affected.parse(failed).affected === 0) return;
      await boss.update("runs", undefined, { id: job.id, startAfter: afterSeconds, db });
    });

  const stopCancelled = async (of: readonly Claim[]): Promise<void> => {
    const running = of.filter(({ controller }) => !controller.signal.aborted);
    if (running.length === 0) return;
    const { rows } = await database.query(
      "SELECT run_id FROM codedistiller.cancellations WHERE run_id = ANY($1::text[])",
      [running.map(({ runId }) => runId)],
    );
    const cancelled = new Set(CancelledRows.parse(rows).map(({ run_id }) => run_id));
    for (const claim of running) if (cancelled.has(claim.runId)) stop(claim, "cancelled");
  };

  const poll = (): void => {
    stopCancelled([...claims.values()]).catch((error: unknown) =>
      log?.warn({ error: clearError(error).message }, "cancellations could not be read"),
    );
  };
  let timer: NodeJS.Timeout | undefined;

  return {
    async start(concurrency, handle) {
      timer ??= setInterval(poll, cancellationPollMs).unref();
      for (let index = 0; index < concurrency; index++) {
        let id: string | null = null;
        id = await boss.work(
          "runs",
          {
            includeMetadata: true,
            pollingIntervalSeconds: 1,
            notifyPollingIntervalSeconds: 1,
            heartbeatRefreshSeconds: 2,
          },
          async ([job]) => {
            if (job) await perform(job, handle);
            // The next of its slot may begin: it looks at once when this job is settled.
            if (id !== null) boss.notifyWorker(id);
          },
        );
      }
    },
    cancel(runId) {
      const claim = claims.get(runId);
      if (claim) stop(claim, "cancelled");
    },
    async stop(timeoutMs) {
      stopping = true;
      for (const claim of claims.values()) stop(claim, "draining");
      await settleWithin(boss.offWork("runs"), timeoutMs);
      clearInterval(timer);
      await Promise.allSettled([...claims.values()].map((claim) => giveBack(claim, 0)));
    },
  };
}

function stop({ controller }: Claim, why: RunStoppedError["why"]): void {
  if (!controller.signal.aborted) controller.abort(new RunStoppedError(why));
}
