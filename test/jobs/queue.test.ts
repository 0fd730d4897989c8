import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Attempt,
  createQueue,
  type Delivery,
  type JobHandlers,
  type Queue,
  RunStoppedError,
} from "../../src/jobs/queue.ts";
import type { Database } from "../../src/store/database.ts";
import { createFolderFiles } from "../../src/store/run-files.ts";
import type { RunRecord } from "../../src/store/run-record.ts";
import { createStore } from "../../src/store/sql-store.ts";
import { boundsOf, newRun, startDatabases } from "../support/databases.ts";
import { type DatabasePlace, openDatabase } from "../support/open-database.ts";

const databases = await startDatabases();
afterAll(() => databases[Symbol.asyncDispose]());

/** A handler of runs that ends them as soon as they begin. */
function note(begun: string[]): JobHandlers["runs"] {
  return async (id) => {
    begun.push(id);
    return null;
  };
}

/** Waits until it is so; 10 s at most where nobody says. */
function eventually<T>(read: () => T, options: { timeout?: number; interval?: number } = {}) {
  return expect.poll(read, { timeout: 10_000, interval: 20, ...options });
}

const ignored: JobHandlers = { deliveries: async () => {}, runs: async () => null };

describe.each(databases.kinds)("the queue, %s", (kind) => {
  let place: DatabasePlace;
  let database: Database;
  const opened: AsyncDisposable[] = [];
  let lastInstallation = 0;

  beforeAll(async () => {
    place = await databases.createPlace(kind);
    database = await openDatabase(place);
  });
  afterAll(() => database[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
  });

  /** As another process has it: embedded there is only one. */
  async function openQueue(handlers?: Partial<JobHandlers>, runs = 4): Promise<Queue> {
    let own = database;
    if (place.kind === "postgres") {
      own = await openDatabase(place);
      opened.push(own);
    }
    const queue = await createQueue({ database: own });
    opened.push(queue);
    if (handlers) await queue.work({ deliveries: 4, runs }, { ...ignored, ...handlers });
    return queue;
  }

  function freshInstallation(): number {
    lastInstallation += 1;
    return lastInstallation;
  }

  async function createRun(
    queue: Queue,
    change: Parameters<typeof newRun>[0],
    bounds = boundsOf(1, 100),
  ): Promise<RunRecord> {
    const store = createStore({ database, files: createFolderFiles({ root: "/nowhere" }) });
    const creation = await store.runs.create(newRun(change), bounds, (sql, run) => queue.enqueueRun(sql, run));
    if (creation.kind !== "created") throw new Error(creation.kind);
    return creation.run;
  }

  function delivery(id: string, payload: unknown = {}): Delivery {
    return { id, event: "issue_comment", payload, receivedAt: new Date().toISOString() };
  }

  async function stateOf(run: RunRecord): Promise<unknown> {
    const { rows } = await database.query("SELECT state::text AS state FROM pgboss.job WHERE id = $1::uuid", [run.id]);
    return (rows as Array<{ state: string }>)[0]?.state ?? null;
  }

  describe("deliveries", () => {
    it("are handled at once, and once, however often they come", async () => {
      const handled: Delivery[] = [];
      const queue = await openQueue({ deliveries: async (each) => void handled.push(each) });
      await setTimeout(200);
      const sent = delivery("0B6FEA70-C0D5-11EF-8E6B-B9B0A1D6C0AA", { text: "a\0b" });
      const began = Date.now();
      expect(await queue.putDelivery(sent)).toBe(true);
      await eventually(() => handled, { interval: 10 }).toHaveLength(1);
      expect(Date.now() - began).toBeLessThan(1000);
      expect(handled[0]).toEqual({ ...sent, payload: { text: "a\ufffdb" } });
      expect(await queue.putDelivery(sent)).toBe(false);
      expect(await queue.putDelivery({ ...sent, id: sent.id.toLowerCase() })).toBe(false);
      expect(await queue.putDelivery(delivery("not a uuid"))).toBe(true);
      expect(await queue.putDelivery(delivery("not a uuid"))).toBe(false);
      await eventually(() => handled).toHaveLength(2);
    });

    it("do not wait for each other's polls in a burst", async () => {
      const handled: string[] = [];
      const queue = await openQueue({
        deliveries: async ({ id }) => {
          await setTimeout(5);
          handled.push(id);
        },
      });
      const began = Date.now();
      await Promise.all(Array.from({ length: 100 }, (_, index) => queue.putDelivery(delivery(`burst ${index}`))));
      await eventually(() => handled.length, { timeout: 20_000 }).toBe(100);
      expect(Date.now() - began).toBeLessThan(10_000);
    });

    it("are tried again when they fail, and after the last time kept for the operator without secrets", async () => {
      const attempts: Attempt[] = [];
      const queue = await openQueue({
        deliveries: async ({ id }, attempt) => {
          if (id !== "fails") return;
          attempts.push(attempt);
          throw Object.assign(new Error("refused with ghp_abcdefghijklmnopqrstuvwxyz0123"), {
            request: { headers: { authorization: "token sesame" } },
          });
        },
      });
      await queue.putDelivery(delivery("fails", { a: 1 }));
      await eventually(() => attempts).toEqual([{ number: 1, last: false }]);
      // Its eighth retry is the last; the time until then is not waited for.
      const hurry = `UPDATE pgboss.job SET retry_count = 7, start_after = now()
        WHERE name = 'deliveries' AND state = 'retry' RETURNING id`;
      await eventually(async () => (await database.query(hurry)).rows.length).toBe(1);
      await eventually(() => attempts).toEqual([
        { number: 1, last: false },
        { number: 9, last: true },
      ]);
      await eventually(() => queue.deadLetters(10)).toMatchObject([
        { what: "delivery fails (issue_comment)", error: "refused with [redacted]", data: { payload: { a: 1 } } },
      ]);
      const { rows } = await database.query("SELECT data, output, source_output FROM pgboss.job");
      expect(JSON.stringify(rows)).not.toContain("sesame");
    });

    it("are handled again on request where they failed for good or were buried, and then no more", async () => {
      const attempts: Attempt[] = [];
      let mended = false;
      const queue: Queue = await openQueue({
        deliveries: async (each, attempt) => {
          if (!each.id.startsWith("lost")) return;
          attempts.push(attempt);
          if (mended) return;
          if (each.id === "lost for good") throw new Error("broken");
          await queue.bury({ what: "a webhook", error: "hopeless", data: each });
        },
      });
      const settle = "UPDATE pgboss.job SET retry_limit = 0 WHERE id = $1::uuid AND state = 'retry' RETURNING id";
      const hurry = "UPDATE pgboss.job SET start_after = now() WHERE id = $1::uuid AND state = 'retry' RETURNING id";
      const stateOfDelivery = async (id: string): Promise<unknown> =>
        (
          await database.query("SELECT state::text FROM pgboss.job WHERE name = 'deliveries' AND data->>'id' = $1", [
            id,
          ])
        ).rows;
      for (const [id, state] of [
        ["lost for good", "failed"],
        ["lost and buried", "completed"],
      ] as const) {
        attempts.length = 0;
        mended = false;
        await queue.putDelivery(delivery(id));
        if (state === "failed") {
          await eventually(() => stateOfDelivery(id)).toEqual([{ state: "retry" }]);
          const [{ job }] = (
            await database.query(
              "SELECT id::text AS job FROM pgboss.job WHERE name = 'deliveries' AND data->>'id' = $1",
              [id],
            )
          ).rows as [{ job: string }];
          await database.query(settle, [job]);
          await database.query(hurry, [job]);
        }
        await eventually(() => stateOfDelivery(id)).toEqual([{ state }]);
        const before = attempts.length;
        mended = true;
        expect(await queue.putDelivery(delivery(id))).toBe(true);
        await eventually(() => attempts.length).toBe(before + 1);
        expect(attempts.at(-1)?.number).toBeGreaterThan(1);
        await eventually(() => stateOfDelivery(id)).toEqual([{ state: "completed" }]);
        expect(await queue.putDelivery(delivery(id))).toBe(false);
        expect((await queue.deadLetters(100)).filter(({ data }) => JSON.stringify(data).includes(id))).toEqual([]);
      }
    });
  });

  it("keeps what was buried, the newest first, and counts what waits", async () => {
    const queue = await openQueue();
    const before = await queue.counts();
    await queue.bury({ what: "run 1", error: "broken\0", data: { runId: "1" } });
    await setTimeout(20);
    await queue.bury({ what: "run 2", error: "broken", data: null });
    const run = await createRun(queue, { installationId: freshInstallation() });
    expect(await queue.deadLetters(2)).toMatchObject([
      { what: "run 2", error: "broken", data: null },
      { what: "run 1", error: "broken\ufffd", data: { runId: "1" } },
    ]);
    expect(await queue.counts()).toEqual({
      ...before,
      runs: before.runs + 1,
      "dead-letters": before["dead-letters"] + 2,
    });
    await queue.cancelRun(run.id);
  });

  describe("runs", () => {
    it("are in the queue when their transaction is, and begin then", async () => {
      const begun: string[] = [];
      const queue = await openQueue({ runs: note(begun) });
      await setTimeout(200);
      const record: { run: RunRecord | null } = { run: null };
      const store = createStore({ database, files: createFolderFiles({ root: "/nowhere" }) });
      const failing = store.runs.create(newRun({ installationId: 1 }), boundsOf(1, 1), async (sql, run) => {
        record.run = run;
        await queue.enqueueRun(sql, run);
        throw new Error("rolled back");
      });
      await expect(failing).rejects.toThrow("rolled back");
      expect(record.run && (await stateOf(record.run))).toBeNull();
      const began = Date.now();
      const run = await createRun(queue, { installationId: freshInstallation() });
      await eventually(() => begun, { interval: 10 }).toEqual([run.id]);
      expect(Date.now() - began).toBeLessThan(1000);
      await eventually(() => stateOf(run)).toBe("completed");
    });

    it("keep to the bound of their installation and to one of a repository, over two processes", async () => {
      const installationId = freshInstallation();
      const repositories = new Map<string, number>();
      const active: string[] = [];
      const done: string[] = [];
      let most = 0;
      const clashes: string[] = [];
      const perform: JobHandlers["runs"] = async (id) => {
        if (active.some((other) => repositories.get(other) === repositories.get(id))) clashes.push(id);
        active.push(id);
        most = Math.max(most, active.length);
        await setTimeout(10 + Math.random() * 40);
        active.splice(active.indexOf(id), 1);
        done.push(id);
        return null;
      };
      const queue = await openQueue();
      for (let index = 0; index < 40; index++) {
        const repositoryId = 1 + (index % 7);
        const run = await createRun(queue, { installationId, repositoryId }, boundsOf(3, 100));
        repositories.set(run.id, repositoryId);
      }
      await queue.work({ deliveries: 1, runs: 8 }, { ...ignored, runs: perform });
      if (kind === "postgres") await openQueue({ runs: perform }, 8);
      await eventually(() => done.length, { timeout: 40_000 }).toBe(40);
      expect(new Set(done).size).toBe(40);
      expect(most).toBe(3);
      expect(clashes).toEqual([]);
    });

    it("of one installation do not hold all workers before another's", async () => {
      const many = freshInstallation();
      const few = freshInstallation();
      const begun: string[] = [];
      const queue = await openQueue();
      const names = new Map<string, string>();
      for (let index = 0; index < 5; index++)
        names.set((await createRun(queue, { installationId: many }, boundsOf(2, 100))).id, `many ${index}`);
      names.set((await createRun(queue, { installationId: few }, boundsOf(2, 100))).id, "few");
      await queue.work(
        { deliveries: 1, runs: 1 },
        {
          ...ignored,
          runs: async (id) => {
            begun.push(names.get(id) ?? id);
            return null;
          },
        },
      );
      await eventually(() => begun).toHaveLength(6);
      expect(begun).toEqual(["many 0", "few", "many 1", "many 2", "many 3", "many 4"]);
    });

    it("begin in their order also where earlier ones have ended meanwhile", async () => {
      const installationId = freshInstallation();
      const begun: string[] = [];
      const store = createStore({ database, files: createFolderFiles({ root: "/nowhere" }) });
      const queue = await openQueue();
      const runs: RunRecord[] = [];
      for (let index = 0; index < 3; index++) runs.push(await createRun(queue, { installationId }));
      for (const { id } of runs.slice(0, 2)) {
        await queue.cancelRun(id);
        await store.runs.update(id, (run) => ({ ...run, status: "finished", finishedAt: new Date().toISOString() }));
      }
      const last = await createRun(queue, { installationId });
      await queue.work({ deliveries: 1, runs: 1 }, { ...ignored, runs: note(begun) });
      await eventually(() => begun).toEqual([runs[2]?.id, last.id]);
    });

    it("wait for months, and are found where their job is gone", async () => {
      const queue = await openQueue();
      const kept = await createRun(queue, { installationId: freshInstallation() });
      const { rows } = await database.query(
        "SELECT extract(epoch FROM keep_until - now())::float8 AS seconds FROM pgboss.job WHERE id = $1::uuid",
        [kept.id],
      );
      expect((rows as Array<{ seconds: number }>)[0]?.seconds).toBeGreaterThan(90 * 86_400);
      const lost = await createRun(queue, { installationId: freshInstallation() });
      await database.query("DELETE FROM pgboss.job WHERE id = $1::uuid", [lost.id]);
      const found = await queue.findLost();
      expect(found).toContain(lost.id);
      expect(found).not.toContain(kept.id);
      for (const run of [kept, lost]) await queue.cancelRun(run.id);
      await database.query("DELETE FROM codedistiller.runs WHERE id = ANY($1::text[])", [[kept.id, lost.id]]);
    });

    it("that wait are cancelled for good", async () => {
      const begun: string[] = [];
      const queue = await openQueue();
      const run = await createRun(queue, { installationId: freshInstallation() });
      expect(await queue.cancelRun(run.id)).toBe("waiting");
      expect(await queue.cancelRun(run.id)).toBe("none");
      expect(await queue.cancelRun("f".repeat(32))).toBe("none");
      await queue.work({ deliveries: 1, runs: 1 }, { ...ignored, runs: note(begun) });
      await setTimeout(1500);
      expect(begun).toEqual([]);
      await queue.requeueRun(run);
      await eventually(() => begun).toEqual([run.id]);
    });

    it("at work are told within a second or two, and keep their place until they have stopped", async () => {
      const installationId = freshInstallation();
      const events: string[] = [];
      const reasons: unknown[] = [];
      const queue = await openQueue({
        runs: async (id, signal) => {
          events.push(`begin ${id}`);
          if (id !== first.id) return null;
          await once(signal, "abort");
          reasons.push(signal.reason);
          events.push(`told ${id}`);
          await setTimeout(1500);
          events.push(`end ${id}`);
          return null;
        },
      });
      const first = await createRun(queue, { installationId });
      const second = await createRun(queue, { installationId });
      await eventually(() => events).toEqual([`begin ${first.id}`]);
      const elsewhere = await openQueueElsewhere(queue);
      const began = Date.now();
      expect(await elsewhere.cancelRun(first.id)).toBe("active");
      await eventually(() => reasons, { interval: 20 }).toHaveLength(1);
      expect(Date.now() - began).toBeLessThan(2000);
      expect(reasons[0]).toMatchObject({ why: "cancelled" });
      await eventually(() => events, { timeout: 10_000 }).toEqual([
        `begin ${first.id}`,
        `told ${first.id}`,
        `end ${first.id}`,
        `begin ${second.id}`,
      ]);
      expect((await database.query("SELECT * FROM codedistiller.cancellations")).rows).toEqual([]);
    });

    /** Another process' queue where there can be one. */
    async function openQueueElsewhere(queue: Queue): Promise<Queue> {
      return kind === "postgres" ? openQueue() : queue;
    }

    it("free their slot while they wait, and come again", async () => {
      const installationId = freshInstallation();
      const events: Array<{ id: string; at: number }> = [];
      const queue = await openQueue({
        runs: async (id) => {
          events.push({ id, at: Date.now() });
          return id === first.id && events.length === 1 ? { againAfterSeconds: 3 } : null;
        },
      });
      const first = await createRun(queue, { installationId });
      const second = await createRun(queue, { installationId });
      await eventually(() => events.map(({ id }) => id), { timeout: 10_000 }).toEqual([first.id, second.id, first.id]);
      expect((events[1]?.at ?? 0) - (events[0]?.at ?? 0)).toBeLessThan(2500);
      expect((events[2]?.at ?? 0) - (events[0]?.at ?? 0)).toBeGreaterThan(2900);
      await eventually(() => stateOf(first)).toBe("completed");
    });

    it("come again where their handler threw", async () => {
      const attempts: number[] = [];
      const queue = await openQueue({
        runs: async (_id, _signal, { number }) => {
          attempts.push(number);
          if (number === 1) throw new Error("unexpected");
          return null;
        },
      });
      const run = await createRun(queue, { installationId: freshInstallation() });
      await eventually(() => stateOf(run)).toBe("retry");
      await setTimeout(1500);
      expect(attempts).toEqual([1]);
      await queue.requeueRun(run);
      await eventually(() => attempts).toEqual([1, 2]);
    });

    it("at work are left alone by who would have them begin again", async () => {
      const begun: string[] = [];
      const finish = new AbortController();
      const queue = await openQueue({
        runs: async (id) => {
          begun.push(id);
          await once(finish.signal, "abort");
          return null;
        },
      });
      const run = await createRun(queue, { installationId: freshInstallation() });
      await eventually(() => begun).toHaveLength(1);
      await queue.requeueRun(run);
      await setTimeout(1500);
      finish.abort();
      await eventually(() => stateOf(run)).toBe("completed");
      expect(begun).toEqual([run.id]);
    });
  });

  describe("draining", () => {
    it("stops what runs, takes nothing more, and gives it to another process", async () => {
      const installationId = freshInstallation();
      const reasons: unknown[] = [];
      const begun: string[] = [];
      const queue = await openQueue({
        runs: async (id, signal) => {
          begun.push(id);
          await once(signal, "abort");
          reasons.push(signal.reason);
          throw new Error("stopped");
        },
      });
      const first = await createRun(queue, { installationId, repositoryId: 1 }, boundsOf(2, 9));
      const second = await createRun(queue, { installationId, repositoryId: 1 }, boundsOf(2, 9));
      // Others may come that an earlier test gave back for later.
      const ours = (ids: readonly string[]): string[] => ids.filter((id) => id === first.id || id === second.id);
      await eventually(() => ours(begun)).toEqual([first.id]);
      const began = Date.now();
      await queue.drain(30_000);
      expect(Date.now() - began, "it waits for no time to pass").toBeLessThan(15_000);
      expect(reasons[0]).toBeInstanceOf(RunStoppedError);
      expect(reasons[0]).toMatchObject({ why: "draining" });
      expect([await stateOf(first), await stateOf(second)]).toEqual(["retry", "created"]);
      const again: string[] = [];
      await openQueue({ runs: note(again) });
      await eventually(() => ours(again)).toEqual([first.id, second.id]);
      expect(ours(begun)).toEqual([first.id]);
    });

    it("ends in time also where a run does not stop, which another process has then", async () => {
      const begun: string[] = [];
      const never = new Promise<never>(() => {});
      const queue = await openQueue({
        runs: (id) => {
          begun.push(id);
          return never;
        },
      });
      const run = await createRun(queue, { installationId: freshInstallation() });
      await eventually(() => begun).toEqual([run.id]);
      const began = Date.now();
      await queue.drain(500);
      expect(Date.now() - began).toBeLessThan(3000);
      expect(await stateOf(run)).toBe("retry");
      const again: string[] = [];
      await openQueue({ runs: note(again) });
      await eventually(() => again, { timeout: 3000 }).toEqual([run.id]);
    });

    it("waits for deliveries that are being handled", async () => {
      let handled = 0;
      const queue = await openQueue({
        deliveries: async () => {
          await setTimeout(700);
          handled += 1;
        },
      });
      await queue.putDelivery(delivery("slow"));
      await setTimeout(300);
      await queue.drain(5000);
      expect(handled).toBe(1);
    });
  });
});

describe.each(databases.kinds)("a process that is killed, %s", (kind) => {
  let child: ChildProcess | null = null;
  afterEach(() => child?.kill("SIGKILL"));

  it("leaves its run and its delivery to another one", async () => {
    const place = await databases.createPlace(kind);
    const ids: string[] = [];
    {
      await using database = await openDatabase(place);
      await using queue = await createQueue({ database });
      const store = createStore({ database, files: createFolderFiles({ root: "/nowhere" }) });
      const creation = await store.runs.create(newRun(), boundsOf(1, 1), (sql, run) => queue.enqueueRun(sql, run));
      if (creation.kind !== "created") throw new Error(creation.kind);
      await queue.putDelivery({ id: "held", event: "issues", payload: {}, receivedAt: "" });
      ids.push("held", creation.run.id);
    }
    const main = fileURLToPath(new URL("../support/queue-worker-main.ts", import.meta.url));
    child = spawn(process.execPath, [main, JSON.stringify(place)], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
    await eventually(() => said.trim().split("\n").sort(), { timeout: 30_000 }).toEqual([...ids].sort());
    child.kill("SIGKILL");
    await once(child, "exit");
    const killed = Date.now();

    await using database = await openDatabase(place);
    await using queue = await createQueue({ database });
    const begun: string[] = [];
    const attempts: Attempt[] = [];
    const recovered = await queue.recoverOrphans();
    await queue.work(
      { deliveries: 1, runs: 1 },
      {
        deliveries: async ({ id }, attempt) => {
          begun.push(id);
          attempts.push(attempt);
        },
        runs: note(begun),
      },
    );
    await eventually(() => [...begun].sort(), { timeout: 30_000 }).toEqual([...ids].sort());
    const seconds = (Date.now() - killed) / 1000;
    expect(recovered).toBe(kind === "embedded" ? 2 : 0);
    expect(attempts).toEqual([{ number: 2, last: false }]);
    expect(seconds).toBeLessThan(kind === "embedded" ? 15 : 22);
  });
});
