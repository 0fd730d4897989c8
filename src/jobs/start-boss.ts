import { PgBoss, type QueueOptions } from "pg-boss";
import type { Logger } from "../log.ts";
import { redactSecrets } from "../log.ts";
import type { Database } from "../store/database.ts";

export const queueNames = ["deliveries", "runs", "dead-letters"] as const;
export type QueueName = (typeof queueNames)[number];

/** Longest time for one delivery, in seconds: a few requests to GitHub, which may each wait for a rate limit. */
const deliverySeconds = 900;
/** Just under the longest that pg-boss allows; the time of a run is bounded by its own configuration. */
const runSeconds = 86_000;
/** How long a run may wait, in seconds; pg-boss would forget it after 14 days, in which nothing may have been running. */
const runRetentionSeconds = 366 * 86_400;
/** GitHub delivers again on request for three days; until then the id of a delivery is remembered. */
const deliveryMemorySeconds = 4 * 86_400;

/**
 * pg-boss with our queues, on a server or embedded. A process that is gone is noticed by its heartbeats within about 15 s;
 * embedded there is no other process, and a heartbeat would only mistake a busy one for a dead one.
 */
export async function startBoss(database: Database, log?: Pick<Logger, "warn" | "error">): Promise<PgBoss> {
  const shared = database.kind === "postgres";
  const boss = new PgBoss({
    ...database.bossOptions(),
    schema: "pgboss",
    schedule: false,
    useListenNotify: true,
    superviseIntervalSeconds: shared ? 3 : 30,
    monitorIntervalSeconds: shared ? 3 : 30,
    maintenanceIntervalSeconds: 3600,
    warningQueueSize: 5000,
  });
  boss.on("error", (error) => log?.error({ error: redactSecrets(error.message) }, "queue error"));
  boss.on("warning", ({ message }) => log?.warn({ warning: redactSecrets(message) }, "queue warning"));
  await boss.start();
  const heartbeat = { heartbeatSeconds: shared ? 10 : 3600 };
  await ensureQueue(boss, "dead-letters", { retentionSeconds: 30 * 86_400, deleteAfterSeconds: 30 * 86_400 });
  await ensureQueue(boss, "deliveries", {
    ...heartbeat,
    retryLimit: 8,
    retryDelay: 2,
    retryBackoff: true,
    retryDelayMax: 600,
    expireInSeconds: deliverySeconds,
    deleteAfterSeconds: deliveryMemorySeconds,
    deadLetter: "dead-letters",
  });
  await ensureQueue(
    boss,
    "runs",
    {
      ...heartbeat,
      // How often a run may fail is counted in its record; here a retry is any new beginning, also after a wait.
      retryLimit: 1_000_000,
      retryDelay: 1,
      expireInSeconds: runSeconds,
      retentionSeconds: runRetentionSeconds,
      deleteAfterSeconds: 86_400,
      notify: true,
    },
    // One job at work for each key.
    "singleton",
  );
  return boss;
}

/** Of a queue that an older version made, what may change is brought up to date. */
async function ensureQueue(
  boss: PgBoss,
  name: QueueName,
  options: QueueOptions & { deadLetter?: string; notify?: boolean },
  policy: "standard" | "singleton" = "standard",
): Promise<void> {
  await boss.createQueue(name, { ...options, policy });
  await boss.updateQueue(name, options);
}
