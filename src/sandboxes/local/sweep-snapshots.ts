import { readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { throwIfCancelled } from "../../errors.ts";
import type { Leftover, ReapOptions } from "../sandbox.ts";
import { isSnapshotKey, listNotes } from "../snapshots.ts";
import { tryEach } from "../try-each.ts";
import { manifestName, readManifest } from "./snapshot-manifest.ts";

export interface SweepOptions extends ReapOptions {
  folder: string;
  /** With less disk free, the snapshots unused longest go. */
  wantedFreeBytes: number;
}

/** What was not finished, or has been replaced, is in nobody's use after so long, in milliseconds. */
const outdatedMs = 24 * 3600_000;
/** One used this recently may be in use, and stays even where the disk is short. */
const inUseForMs = 6 * 3600_000;
export const unfinishedPrefix = ".unfinished-";

/** Removes what crashes left, snapshots that nobody has used for long, and more of them where the disk is short. */
export async function sweepSnapshots({
  folder,
  wantedFreeBytes,
  snapshotsUnusedMs,
  dryRun,
  signal,
}: SweepOptions): Promise<Leftover[]> {
  const removed: Leftover[] = [];
  async function drop(name: string, ageMs: number): Promise<void> {
    throwIfCancelled(signal);
    if (!dryRun) await rm(join(folder, name), { recursive: true, force: true });
    removed.push({ kind: "snapshot", name, ageMs });
  }
  const isUnfinished = (name: string) => name.startsWith(unfinishedPrefix);
  const found = await listNotes(folder, (name) => isSnapshotKey(name) || isUnfinished(name));
  const isOld = ({ key, unusedMs }: (typeof found)[number]) =>
    unusedMs > (isUnfinished(key) ? outdatedMs : snapshotsUnusedMs);
  await tryEach(found.filter(isOld), ({ key, unusedMs }) => drop(key, unusedMs));
  const kept = found.filter((one) => !isOld(one) && !isUnfinished(one.key));
  await tryEach(kept, async ({ key }) => {
    for (const [name, ageMs] of await findReplaced(join(folder, key))) await drop(join(key, name), ageMs);
  });
  // How much room the next one would make is not known before.
  if (dryRun) return removed;
  const spareable = kept.filter(({ unusedMs }) => unusedMs > inUseForMs).sort((a, b) => b.unusedMs - a.unusedMs);
  await tryEach(spareable, async ({ key, unusedMs }) => {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize <= wantedFreeBytes) await drop(key, unusedMs);
  });
  return removed;
}

/** What a snapshot held before it was replaced, long ago, and for how long it has been there. */
async function findReplaced(snapshot: string): Promise<Array<[name: string, ageMs: number]>> {
  const manifest = await readManifest(snapshot);
  if (manifest === null) return [];
  const others = (await readdir(snapshot)).filter((name) => name !== manifestName && name !== manifest.content);
  if (others.length === 0) return [];
  const ages = await Promise.all(
    [manifestName, ...others].map(async (name) => Date.now() - (await stat(join(snapshot, name))).mtimeMs),
  );
  // The manifest is as old as the replacement; one that is under way has brought its files, but no manifest yet.
  return others.flatMap((name, index) => {
    const ageMs = Math.min(ages[0] ?? 0, ages[index + 1] ?? 0);
    return ageMs > outdatedMs ? [[name, ageMs]] : [];
  });
}
