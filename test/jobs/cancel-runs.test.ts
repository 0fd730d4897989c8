import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AppContext } from "../../src/jobs/app-context.ts";
import { cancelRuns } from "../../src/jobs/cancel-runs.ts";
import { createQueue, type Queue } from "../../src/jobs/queue.ts";
import { createLogger } from "../../src/log.ts";
import type { Database } from "../../src/store/database.ts";
import { createFolderFiles } from "../../src/store/run-files.ts";
import type { RunRecord } from "../../src/store/run-record.ts";
import { createStore } from "../../src/store/sql-store.ts";
import type { Store } from "../../src/store/store.ts";
import { boundsOf, newRun, startDatabases } from "../support/databases.ts";
import { openDatabase } from "../support/open-database.ts";

const databases = await startDatabases();
afterAll(() => databases[Symbol.asyncDispose]());

describe("cancelRuns", () => {
  let database: Database;
  let store: Store;
  let queue: Queue;
  const ended: string[] = [];

  beforeAll(async () => {
    database = await openDatabase(await databases.createPlace("embedded"));
    store = createStore({ database, files: createFolderFiles({ root: "/nowhere" }) });
    queue = await createQueue({ database });
  });
  afterAll(async () => {
    await queue[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function request(): Promise<RunRecord> {
    const creation = await store.runs.create(newRun(), boundsOf(10, 10), (sql, run) => queue.enqueueRun(sql, run));
    if (creation.kind !== "created") throw new Error(creation.kind);
    return creation.run;
  }

  function cancel(run: RunRecord): Promise<RunRecord[]> {
    const log = createLogger(() => undefined);
    const runEnded = ({ id }: RunRecord): void => void ended.push(id);
    const context = { store, queue, log, runEnded } as unknown as AppContext;
    return cancelRuns({ runs: [run], by: "ada", reason: "Cancelled by ada.", github: null, context });
  }

  const cancelled = { status: "finished", ending: { outcome: "cancelled", explanation: "Cancelled by ada." } };

  it("ends one that waits", async () => {
    const run = await request();
    expect(await cancel(run)).toMatchObject([cancelled]);
    expect(await store.runs.get(run.id)).toMatchObject(cancelled);
    expect(ended).toContain(run.id);
  });

  it("ends one that a process gave back or died with, whose record still says that it runs", async () => {
    const run = await request();
    await store.runs.update(run.id, (latest) => ({ ...latest, status: "running", starts: 1 }));
    expect(await cancel(run)).toMatchObject([cancelled]);
    expect((await queue.counts()).runs).toBe(0);
  });

  it("leaves one at work to whoever works on it, marked so that it is not published", async () => {
    const run = await request();
    let stopped: unknown = null;
    await queue.work(
      { deliveries: 1, runs: 1 },
      {
        deliveries: async () => {},
        runs: async (id, signal) => {
          await store.runs.update(id, (latest) => ({ ...latest, status: "running" }));
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          stopped = signal.reason;
          return null;
        },
      },
    );
    await expect.poll(async () => (await store.runs.get(run.id))?.status).toBe("running");
    expect(await cancel(run)).toMatchObject([{ status: "running", cancelled: { by: "ada" } }]);
    await expect.poll(() => stopped, { timeout: 5000 }).toMatchObject({ why: "cancelled" });
  });

  it("has nothing to do with one that has ended", async () => {
    const run = await request();
    await store.runs.update(run.id, (latest) => ({ ...latest, status: "finished" }));
    expect(await cancel(run)).toEqual([]);
    expect((await store.runs.get(run.id))?.cancelled).toBeNull();
  });
});
