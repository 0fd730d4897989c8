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
  await writeFile(join(folder, key, "snapshot.json"), "[]");
  const at = Date.now() / 1000 - unusedSeconds;
  await utimes(join(folder, key), at, at);
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

  it("forgets a snapshot when asked, also one that is not there", async () => {
    await makeSnapshot("one", 0);
    const store = createSnapshotStore({ folder, ownedByRoot: false });
    await store.remove("one");
    await store.remove("one");
    expect(await store.has("one")).toBe(false);
  });
});
