import { createHash } from "node:crypto";
import { z } from "zod";
import type { Logger } from "../log.ts";
import type { Database, Sql } from "../store/database.ts";
import type { RunRecord } from "../store/run-record.ts";
import { makeStorable } from "../store/storable.ts";
import { createDeliveryWorkers } from "./delivery-workers.ts";
import {
  choosePriority,
  countJobs,
  findLostRuns,
  lockRunJob,
  readDeadLetters,
  recoverOrphans,
  takeFailedDelivery,
  toBossDatabase,
} from "./job-rows.ts";
import { createRunWorkers } from "./run-workers.ts";
import { type QueueName, startBoss } from "./start-boss.ts";

export { RunStoppedError } from "./run-stopped-error.ts";

/** A webhook that GitHub sent. */
export interface Delivery {
  /** GitHub's GUID for it; the same one again is the same delivery. */
  id: string;
  event: string;
  payload: unknown;
  receivedAt: string;
}

/** How often a job was begun, from 1, and whether a failure now would be its last. */
export interface Attempt {
  number: number;
  last: boolean;
}

export interface JobHandlers {
  /** Throws to be called again later, until the attempt that is the last. */
  deliveries: (delivery: Delivery, attempt: Attempt) => Promise<void>;
  /**
   * null: the run needs no more. Throws to be called again: where the signal fired because the process ends, at once
   * and elsewhere; else after a while. Where it fired as "lost", whatever comes of the call counts for nothing.
   */
  runs: (runId: string, signal: AbortSignal, attempt: Attempt) => Promise<{ againAfterSeconds: number } | null>;
}

export interface DeadLetter {
  id: string;
  at: string;
  what: string;
  error: string;
  data: unknown;
}

export interface Queue extends AsyncDisposable {
  /** False for one that came before; one that failed for good may come again. */
  putDelivery(delivery: Delivery): Promise<boolean>;
  /** Within the caller's transaction. A run has one job. */
  enqueueRun(sql: Sql, run: RunToQueue): Promise<void>;
  /** Runs that have not ended and have no job, which should not be. */
  findLost(): Promise<string[]>;
  /** Has a run begin again, whatever became of its job; one that is at work is left alone. */
  requeueRun(run: RunToQueue): Promise<void>;
  /**
   * One that waits never begins; the signal of one at work fires within about a second, wherever it is. Its place is
   * taken by another once its handler has returned, so that the bound of an installation holds meanwhile.
   */
  cancelRun(runId: string): Promise<"waiting" | "active" | "none">;
  /** Begins to take jobs, so many of each kind at one time. */
  work(concurrency: { deliveries: number; runs: number }, handlers: JobHandlers): Promise<void>;
  /** Keeps what failed for good where the operator sees it. */
  bury(letter: { what: string; error: string; data: unknown }): Promise<void>;
  /** The newest first. */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /** Jobs that wait or are at work, by queue. */
  counts(): Promise<Record<QueueName, number>>;
  /** Embedded, at the start: whatever was at work belonged to a process that is gone, and begins again. How many. */
  recoverOrphans(): Promise<number>;
  /** Takes no more jobs, has runs stop and gives them back, and ends once all have or the time is over. */
  drain(timeoutMs: number): Promise<void>;
}

type RunToQueue = Pick<RunRecord, "id" | "installationId" | "slot">;

export interface QueueOptions {
  database: Database;
  log?: Pick<Logger, "warn" | "error">;
}

/** The app's jobs, kept in its database by pg-boss. Disposing of it drains it without waiting for anything. */
export async function createQueue({ database, log }: QueueOptions): Promise<Queue> {
  const boss = await startBoss(database, log);
  const deliveries = createDeliveryWorkers({ boss });
  const runs = createRunWorkers({ boss, database, log });
  const sendRun = async (sql: Sql, run: RunToQueue): Promise<void> => {
    await boss.send(
      "runs",
      { runId: run.id },
      {
        id: toUuid(run.id),
        singletonKey: keyOf(run),
        priority: await choosePriority(sql, run.id),
        db: toBossDatabase(sql),
      },
    );
  };
  const sendDelivery = (delivery: Delivery): Promise<string | null> =>
    boss.send("deliveries", makeJobData(delivery), { id: toUuid(delivery.id) });
  const sendAgain = (delivery: Delivery): Promise<string | null> =>
    database.transaction(async (sql) => {
      const id = toUuid(delivery.id);
      const attemptsBefore = await takeFailedDelivery(sql, delivery.id, id);
      if (attemptsBefore === 0) return null;
      const data = makeJobData({ ...delivery, attemptsBefore });
      return boss.send("deliveries", data, { id, db: toBossDatabase(sql) });
    });
  let drained: Promise<void> | null = null;
  const drain = async (timeoutMs: number): Promise<void> => {
    await Promise.all([runs.stop(timeoutMs), deliveries.stop(timeoutMs)]);
    // What is still at work did not stop in time: pg-boss gives it back.
    await boss.stop({ graceful: false });
  };
  return {
    async putDelivery(delivery) {
      const id = (await sendDelivery(delivery)) ?? (await sendAgain(delivery));
      if (id !== null) deliveries.wake();
      return id !== null;
    },
    enqueueRun: sendRun,
    requeueRun: (run) =>
      database.transaction(async (sql) => {
        const id = toUuid(run.id);
        const db = toBossDatabase(sql);
        const state = await lockRunJob(sql, id);
        if (state === "active") return;
        if (state === "created" || state === "retry") {
          await boss.update("runs", undefined, { id, startAfter: 0, db });
          return;
        }
        if (state !== null) await boss.deleteJob("runs", id, { db });
        await sql.query("DELETE FROM codedistiller.cancellations WHERE run_id = $1", [run.id]);
        await sendRun(sql, run);
      }),
    async cancelRun(runId) {
      const was = await database.transaction(async (sql) => {
        const id = toUuid(runId);
        const state = await lockRunJob(sql, id);
        if (state === "active") {
          await sql.query("INSERT INTO codedistiller.cancellations (run_id) VALUES ($1) ON CONFLICT DO NOTHING", [
            runId,
          ]);
          return "active";
        }
        if (state !== "created" && state !== "retry") return "none";
        await boss.cancel("runs", id, { db: toBossDatabase(sql) });
        return "waiting";
      });
      if (was === "active") runs.cancel(runId);
      return was;
    },
    findLost: () => findLostRuns(database),
    async work(concurrency, handlers) {
      await deliveries.start(concurrency.deliveries, handlers.deliveries);
      await runs.start(concurrency.runs, handlers.runs);
    },
    async bury(letter) {
      await boss.send("dead-letters", makeJobData(letter));
    },
    deadLetters: (limit) => readDeadLetters(database, limit),
    counts: () => countJobs(database),
    recoverOrphans: () => (database.kind === "embedded" ? recoverOrphans(boss, database) : Promise.resolve(0)),
    drain: (timeoutMs) => {
      drained ??= drain(timeoutMs);
      return drained;
    },
    [Symbol.asyncDispose]: () => {
      drained ??= drain(0);
      return drained;
    },
  };
}

/** Runs under one key begin one after the other, in whichever process. */
function keyOf({ installationId, slot }: RunToQueue): string {
  return `${installationId}:${slot}`;
}

/** The id of a job is a uuid: a GUID of GitHub's as it is, 128 bits in hexadecimal likewise, anything else by its hash. */
function toUuid(id: string): string {
  const given = id.toLowerCase().replaceAll("-", "");
  const isHex = /^[0-9a-f]{32}$/.test(given);
  const hex = isHex ? given : createHash("sha256").update(id).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

function makeJobData(value: object): object {
  return z.record(z.string(), z.unknown()).parse(makeStorable(value));
}
