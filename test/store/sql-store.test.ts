import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database, Sql } from "../../src/store/database.ts";
import { createFolderFiles } from "../../src/store/run-files.ts";
import type { NewRun, RunEnding, RunRecord } from "../../src/store/run-record.ts";
import { createStore } from "../../src/store/sql-store.ts";
import type { Creation, Store } from "../../src/store/store.ts";
import { boundsOf, newRun, startDatabases } from "../support/databases.ts";
import { openDatabase } from "../support/open-database.ts";

const databases = await startDatabases();
afterAll(() => databases[Symbol.asyncDispose]());

const ending: RunEnding = {
  outcome: "verified",
  reasonCode: "verified",
  explanation: "It ran.",
  advice: null,
  checks: [],
  commit: null,
  seconds: 3,
  iterations: 1,
};

describe.each(databases.kinds)("the store, %s", (kind) => {
  let database: Database;
  let store: Store;
  let root: string;
  const wide = boundsOf(3, 100);
  let lastInstallation = 100;
  const enqueue = async (): Promise<void> => {};

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "codedistiller-store-"));
    database = await openDatabase(await databases.createPlace(kind));
    store = createStore({ database, files: createFolderFiles({ root }) });
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
  });

  /** No test sees what another made. */
  function freshInstallation(): number {
    lastInstallation += 1;
    return lastInstallation;
  }

  async function create(change: Parameters<typeof newRun>[0], bounds = wide): Promise<RunRecord> {
    const creation = await store.runs.create(newRun(change), bounds, enqueue);
    if (creation.kind !== "created") throw new Error(creation.kind);
    return creation.run;
  }

  const finish = (run: RunRecord, change: Partial<RunRecord> = {}): Promise<RunRecord | null> =>
    store.runs.update(run.id, (latest) => ({
      ...latest,
      status: "finished",
      ending,
      finishedAt: new Date().toISOString(),
      ...change,
    }));

  describe("adding a run", () => {
    it("gives it an id that cannot be guessed, and an empty beginning", async () => {
      const run = await create({ installationId: freshInstallation() });
      expect(run.id).toMatch(/^[0-9a-f]{32}$/);
      expect(run).toMatchObject({ status: "queued", slot: 0, starts: 0, costUsd: 0, comment: null, ending: null });
      expect(await store.runs.get(run.id)).toEqual(run);
    });

    it("makes one of two requests that come at the same time from the same trigger", async () => {
      const request = newRun({ installationId: freshInstallation() });
      const creations = await Promise.all([1, 2, 3].map(() => store.runs.create(request, wide, enqueue)));
      expect(creations.map(({ kind }) => kind).sort()).toEqual(["created", "known", "known"]);
      const ids = creations.map((creation) => ("run" in creation ? creation.run.id : null));
      expect(new Set(ids).size).toBe(1);
    });

    it("keeps nothing where it could not be put into the queue", async () => {
      const request = newRun({ installationId: freshInstallation() });
      const fails = async (sql: Sql): Promise<never> => {
        await sql.query("SELECT 1");
        throw new Error("no queue");
      };
      await expect(store.runs.create(request, wide, fails)).rejects.toThrow("no queue");
      expect(await store.runs.find({ installationId: request.installationId })).toEqual([]);
      expect((await store.runs.create(request, wide, enqueue)).kind).toBe("created");
    });

    it("keeps runs of one repository in one slot, and spreads others over those with the fewest", async () => {
      const installationId = freshInstallation();
      const slots: number[] = [];
      for (const repositoryId of [1, 2, 1, 3, 4, 1]) {
        slots.push((await create({ installationId, repositoryId })).slot);
      }
      // Slot 0 has two of repository 1 when repository 4 comes.
      expect(slots).toEqual([0, 1, 0, 2, 1, 0]);
    });

    it("gives a repository another slot once its runs have ended", async () => {
      const installationId = freshInstallation();
      const first = await create({ installationId, repositoryId: 1 });
      await finish(first);
      await create({ installationId, repositoryId: 2 });
      expect((await create({ installationId, repositoryId: 1 })).slot).toBe(1);
    });

    it("refuses one that would wait where enough do, and takes one that would not", async () => {
      const installationId = freshInstallation();
      const bounds = boundsOf(2, 1);
      await create({ installationId, repositoryId: 1 }, bounds);
      await create({ installationId, repositoryId: 1 }, bounds);
      expect(await store.runs.create(newRun({ installationId, repositoryId: 1 }), bounds, enqueue)).toEqual({
        kind: "too-many",
        waiting: 1,
      });
      await create({ installationId, repositoryId: 2 }, bounds);
      expect((await store.runs.create(newRun({ installationId, repositoryId: 2 }), bounds, enqueue)).kind).toBe(
        "too-many",
      );
      const elsewhere = newRun({ installationId: freshInstallation(), repositoryId: 1 });
      expect((await store.runs.create(elsewhere, bounds, enqueue)).kind).toBe("created");
    });

    it("holds its bounds where many requests come at the same time", async () => {
      const installationId = freshInstallation();
      const requests: NewRun[] = Array.from({ length: 20 }, (_, index) =>
        newRun({ installationId, repositoryId: index }),
      );
      const creations = await Promise.all(
        requests.map((request) => store.runs.create(request, boundsOf(3, 4), enqueue)),
      );
      expect(creations.filter(({ kind }) => kind === "created")).toHaveLength(7);
    });

    it("keeps text that a database would refuse", async () => {
      const run = await create({ installationId: freshInstallation(), feedback: "a\0b\ud800c \\u0000 \u{1f600}" });
      expect(run.feedback).toBe("a\ufffdb\ufffdc \\u0000 \u{1f600}");
      expect((await store.runs.get(run.id))?.feedback).toBe(run.feedback);
    });
  });

  describe("records", () => {
    it("are changed one after the other, so that no change is lost", async () => {
      const run = await create({ installationId: freshInstallation() });
      await Promise.all(
        Array.from({ length: 20 }, () => store.runs.update(run.id, (each) => ({ ...each, starts: each.starts + 1 }))),
      );
      expect((await store.runs.get(run.id))?.starts).toBe(20);
    });

    it("stay as they are where a change returns null or throws, and are null where there are none", async () => {
      const run = await create({ installationId: freshInstallation() });
      expect(await store.runs.update(run.id, () => null)).toEqual(run);
      const fails = (): never => {
        throw new Error("no");
      };
      await expect(store.runs.update(run.id, fails)).rejects.toThrow("no");
      expect(await store.runs.get(run.id)).toEqual(run);
      expect(await store.runs.update("0".repeat(32), (each) => each)).toBeNull();
      expect(await store.runs.get("0".repeat(32))).toBeNull();
      expect(await store.runs.get("\0")).toBeNull();
    });

    it("refuse a change that does not have their shape", async () => {
      const run = await create({ installationId: freshInstallation() });
      await expect(store.runs.update(run.id, (each) => ({ ...each, starts: 1.5 }))).rejects.toThrow();
    });

    it("are found by what they are about, the newest first", async () => {
      const installationId = freshInstallation();
      const first = await create({ installationId, repositoryId: 71 });
      const second = await create({ installationId, repositoryId: 72, issue: { number: 9, commentId: null } });
      const third = await create({ installationId, repositoryId: 72, slug: "other" });
      const pullRequest = { number: 12, url: "u", branch: "b", headSha: "s", state: "open" as const };
      await store.runs.update(second.id, (each) => ({ ...each, status: "running", pullRequest }));
      const find = async (filter: Parameters<typeof store.runs.find>[0]): Promise<string[]> =>
        (await store.runs.find({ installationId, ...filter })).map(({ id }) => id);
      expect(await find({})).toEqual([third.id, second.id, first.id]);
      expect(await find({ limit: 1 })).toEqual([third.id]);
      expect(await find({ repositoryId: 72 })).toEqual([third.id, second.id]);
      expect(await find({ repositoryId: 72, slug: "other" })).toEqual([third.id]);
      expect(await find({ statuses: ["running", "finished"] })).toEqual([second.id]);
      expect(await find({ pullNumber: 12 })).toEqual([second.id]);
      expect(await find({ issueNumber: 9 })).toEqual([second.id]);
    });
  });

  describe("the place of a run", () => {
    it("counts those of its slot that run or came before", async () => {
      const installationId = freshInstallation();
      const bounds = boundsOf(1, 10);
      const runs: RunRecord[] = [];
      for (const repositoryId of [1, 2, 3]) runs.push(await create({ installationId, repositoryId }, bounds));
      const places = (): Promise<number[]> => Promise.all(runs.map((run) => store.runs.place(run)));
      expect(await places()).toEqual([0, 1, 2]);
      // The second may begin first, where the first has to wait for a rate limit.
      await store.runs.update(runs[1]?.id ?? "", (each) => ({ ...each, status: "running" }));
      expect(await places()).toEqual([1, 0, 2]);
    });
  });

  describe("budgets", () => {
    const poor = { ...wide, repositoryDayUsd: 8, installationMonthUsd: 12 };
    const ask = (installationId: number, repositoryId: number, maxCostUsd: number): Promise<Creation> =>
      store.runs.create(newRun({ installationId, repositoryId, maxCostUsd }), poor, enqueue);

    it("count what ended runs cost, and all that others may still spend", async () => {
      const installationId = freshInstallation();
      const repositoryId = 1000 * installationId;
      const ended = await create({ installationId, repositoryId, maxCostUsd: 5 });
      await finish(ended, { costUsd: 1.25 });
      const running = await create({ installationId, repositoryId, maxCostUsd: 3 });
      await store.runs.update(running.id, (each) => ({ ...each, status: "running", costUsd: 0.5 }));
      expect(await ask(installationId, repositoryId, 4)).toEqual({
        kind: "over-budget",
        budget: "repository-day",
        leftUsd: 3.75,
        limitUsd: 8,
      });
      expect((await ask(installationId, repositoryId, 3.75)).kind).toBe("created");
      expect(await ask(installationId, repositoryId + 1, 5)).toMatchObject({
        budget: "installation-month",
        leftUsd: 4,
      });
      expect((await ask(installationId, repositoryId, 0)).kind).toBe("created");
      expect((await ask(freshInstallation(), repositoryId + 2, 5)).kind).toBe("created");
    });

    it("forget what ended before the day and the month", async () => {
      const installationId = freshInstallation();
      const repositoryId = 1000 * installationId;
      const old = await create({ installationId, repositoryId });
      await finish(old, { costUsd: 100, finishedAt: "2020-01-01T00:00:00.000Z" });
      expect((await ask(installationId, repositoryId, 8)).kind).toBe("created");
    });

    it("remember what was spent when the runs are forgotten", async () => {
      const installationId = freshInstallation();
      const repositoryId = 1000 * installationId;
      await finish(await create({ installationId, repositoryId }), { costUsd: 3 });
      const running = await create({ installationId, repositoryId });
      await store.runs.update(running.id, (each) => ({ ...each, status: "running", costUsd: 2 }));
      await store.installations.forget(installationId);
      expect(await ask(freshInstallation(), repositoryId, 5)).toMatchObject({ budget: "repository-day", leftUsd: 3 });
      const swept = await create({ installationId, repositoryId: repositoryId + 1 });
      await finish(swept, { costUsd: 1 });
      await store.runs.update(swept.id, (each) => ({ ...each, maintainerReview: null }));
      await store.runs.removeEndedBefore(new Date(Date.now() + 1000).toISOString());
      expect(await ask(installationId, repositoryId + 2, 7)).toMatchObject({
        budget: "installation-month",
        leftUsd: 6,
      });
    });

    it("bound how many runs a day begin, also of those that are free", async () => {
      const installationId = freshInstallation();
      const bounds = { ...wide, dayRuns: 2 };
      const free = (): Promise<Creation> =>
        store.runs.create(newRun({ installationId, maxCostUsd: 0 }), bounds, enqueue);
      for (const _ of [1, 2]) {
        const creation = await free();
        if (creation.kind !== "created") throw new Error(creation.kind);
        await finish(creation.run);
      }
      await store.installations.forget(installationId);
      expect(await free()).toEqual({ kind: "too-many-today", limit: 2 });
    });

    it("hold where many requests come at the same time", async () => {
      const installationId = freshInstallation();
      const creations = await Promise.all(
        Array.from({ length: 10 }, (_, index) => ask(installationId, 100_000 + index, 5)),
      );
      expect(creations.filter(({ kind }) => kind === "created")).toHaveLength(2);
    });
  });

  describe("the log", () => {
    it("gives the newest lines in their order, and keeps 500 of them", async () => {
      const run = await create({ installationId: freshInstallation() });
      for (let line = 0; line < 510; line++) await store.runs.log(run.id, `line ${line}\0`);
      const all = await store.runs.readLog(run.id, 1000);
      expect(all).toHaveLength(500);
      expect(all[0]?.text).toBe("line 10\ufffd");
      expect((await store.runs.readLog(run.id, 2)).map(({ text }) => text)).toEqual([
        "line 508\ufffd",
        "line 509\ufffd",
      ]);
      expect(Date.parse(all[0]?.at ?? "")).toBeGreaterThan(Date.now() - 60_000);
    });

    it("takes no line of a run that is gone", async () => {
      await store.runs.log("1".repeat(32), "too late");
      expect(await store.runs.readLog("1".repeat(32), 10)).toEqual([]);
    });
  });

  it("counts runs by status and outcome", async () => {
    const before = await store.runs.count();
    await finish(await create({ installationId: freshInstallation() }));
    const counted = (counts: typeof before): number =>
      counts.find(({ status, outcome }) => status === "finished" && outcome === "verified")?.runs ?? 0;
    expect(counted(await store.runs.count())).toBe(counted(before) + 1);
  });

  it("forgets runs that ended long ago", async () => {
    await store.runs.removeEndedBefore("2021-01-01T00:00:00Z");
    const installationId = freshInstallation();
    const old = await create({ installationId });
    await finish(old, { finishedAt: "2020-01-01T00:00:00.000Z" });
    const recent = await create({ installationId });
    await finish(recent);
    const waiting = await create({ installationId });
    expect(await store.runs.removeEndedBefore("2021-01-01T00:00:00Z")).toBe(1);
    expect((await store.runs.find({ installationId })).map(({ id }) => id)).toEqual([waiting.id, recent.id]);
  });

  it("keeps installations until they are forgotten, with their runs", async () => {
    const id = freshInstallation();
    expect(await store.installations.get(id)).toBeNull();
    await store.installations.put({ id, account: "octo", suspended: false });
    await store.installations.put({ id, account: "octo", suspended: true });
    expect(await store.installations.get(id)).toEqual({ id, account: "octo", suspended: true });
    const run = await create({ installationId: id });
    const other = await create({ installationId: freshInstallation() });
    await store.runs.log(run.id, "begun");
    await store.installations.forget(id);
    expect(await store.installations.get(id)).toBeNull();
    expect(await store.runs.get(run.id)).toBeNull();
    expect(await store.runs.readLog(run.id, 10)).toEqual([]);
    expect(await store.runs.get(other.id)).not.toBeNull();
  });
});
