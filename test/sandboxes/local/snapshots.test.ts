import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSnapshotStore } from "../../../src/sandboxes/local/snapshots.ts";
import { usualBounds } from "../../../src/sandboxes/sandbox.ts";

const hour = 3600;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "codedistiller-snapshots-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function makeSnapshot(key: string, unusedSeconds: number): Promise<void> {
  await mkdir(join(folder, key));
  await writeFile(join(folder, key, "snapshot.json"), JSON.stringify({ content: "now", paths: ["/work/env"] }));
  await makeOld(key, unusedSeconds);
}

async function makeOld(path: string, seconds: number): Promise<void> {
  const at = Date.now() / 1000 - seconds;
  await utimes(join(folder, path), at, at);
}

describe("sweeping snapshots", () => {
  it("removes what nobody used for two weeks and what a crash left unfinished", async () => {
    await makeSnapshot("used", 13 * 24 * hour);
    await makeSnapshot("forgotten", 15 * 24 * hour);
    await makeSnapshot(".unfinished-1", 25 * hour);
    await createSnapshotStore({ folder, ownedByRoot: false, wantedFreeBytes: 0 }).sweep(usualBounds);
    expect(await readdir(folder)).toEqual(["used"]);
  });

  it("removes all but those that may be in use where the disk is short", async () => {
    await makeSnapshot("in-use", hour);
    await makeSnapshot("idle", 7 * hour);
    await createSnapshotStore({ folder, ownedByRoot: false, wantedFreeBytes: Number.POSITIVE_INFINITY }).sweep(
      usualBounds,
    );
    expect(await readdir(folder)).toEqual(["in-use"]);
  });

  it("removes what was replaced a day ago, and may be mounted by nobody any more", async () => {
    for (const [key, hours] of [
      ["lately", 23],
      ["long-ago", 25],
    ] as const) {
      await makeSnapshot(key, 0);
      for (const name of ["now", "before", "coming"]) await mkdir(join(folder, key, name));
      for (const name of ["now", "before", "snapshot.json"]) await makeOld(join(key, name), hours * hour);
    }
    const store = createSnapshotStore({ folder, ownedByRoot: false, wantedFreeBytes: 0 });
    expect(await store.sweep({ ...usualBounds, dryRun: true })).toMatchObject([{ name: "long-ago/before" }]);
    await store.sweep(usualBounds);
    expect((await readdir(join(folder, "lately"))).sort()).toEqual(["before", "coming", "now", "snapshot.json"]);
    expect((await readdir(join(folder, "long-ago"))).sort()).toEqual(["coming", "now", "snapshot.json"]);
  });

  it("may be done by many at once, beside what is not ours", async () => {
    for (let index = 0; index < 50; index += 1) await makeSnapshot(`forgotten-${index}`, 15 * 24 * hour);
    await makeSnapshot(".of another program", 15 * 24 * hour);
    const sweep = () => createSnapshotStore({ folder, ownedByRoot: false, wantedFreeBytes: 0 }).sweep(usualBounds);
    await Promise.all(Array.from({ length: 8 }, sweep));
    expect(await readdir(folder)).toEqual([".of another program"]);
  });

  it("forgets a snapshot when asked, also one that is not there", async () => {
    await makeSnapshot("one", 0);
    const store = createSnapshotStore({ folder, ownedByRoot: false });
    await store.remove("one");
    await store.remove("one");
    expect(await store.has("one")).toBe(false);
  });
});
