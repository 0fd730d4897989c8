import type { JobWithMetadata, PgBoss } from "pg-boss";
import { z } from "zod";
import { clearError } from "./clear-error.ts";
import type { JobHandlers } from "./queue.ts";
import { settleWithin } from "./settle-within.ts";

export interface DeliveryWorkers {
  start(concurrency: number, handle: JobHandlers["deliveries"]): Promise<void>;
  /** A delivery came in: whoever has nothing to do takes it now, not at the next poll. */
  wake(): void;
  /** Takes no more, and waits for those that are being handled. */
  stop(timeoutMs: number): Promise<void>;
}

interface Worker {
  /** pg-boss' name for it, once it has one. */
  id: string | null;
  busy: boolean;
  /** Woken, and nothing handled since. */
  woken: boolean;
}

const DeliveryData = z.object({
  id: z.string(),
  event: z.string(),
  payload: z.unknown(),
  receivedAt: z.string(),
  attemptsBefore: z.number().int().default(0),
});

/** Workers of one job each, so that one of them can be woken: pg-boss wakes but the first of those it starts together. */
export function createDeliveryWorkers({ boss }: { boss: PgBoss }): DeliveryWorkers {
  const workers: Worker[] = [];
  const wakeWorker = (worker: Worker): void => {
    if (worker.id === null) return;
    worker.woken = true;
    boss.notifyWorker(worker.id);
  };
  const wake = (): void => {
    const idle = workers.filter(({ busy }) => !busy);
    const worker = idle.find(({ woken }) => !woken) ?? idle[0];
    if (worker) wakeWorker(worker);
  };
  const perform = async (
    worker: Worker,
    job: JobWithMetadata<unknown>,
    handle: JobHandlers["deliveries"],
  ): Promise<void> => {
    worker.busy = true;
    // It may have been woken for another one, which came in while it was fetching this.
    if (worker.woken) wake();
    worker.woken = false;
    try {
      const { attemptsBefore, ...delivery } = DeliveryData.parse(job.data);
      await handle(delivery, { number: attemptsBefore + job.retryCount + 1, last: job.retryCount >= job.retryLimit });
    } catch (error) {
      throw clearError(error);
    } finally {
      worker.busy = false;
      // There may be more: it looks at once when this job is settled.
      wakeWorker(worker);
    }
  };
  return {
    async start(concurrency, handle) {
      for (let index = 0; index < concurrency; index++) {
        const worker: Worker = { id: null, busy: false, woken: false };
        workers.push(worker);
        worker.id = await boss.work(
          "deliveries",
          { includeMetadata: true, pollingIntervalSeconds: 2, heartbeatRefreshSeconds: 3 },
          async ([job]) => {
            if (job) await perform(worker, job, handle);
          },
        );
      }
    },
    wake,
    stop: (timeoutMs) => settleWithin(boss.offWork("deliveries"), timeoutMs),
  };
}
