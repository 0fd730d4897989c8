import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SandboxError } from "../errors.ts";
import type { Leftover, ReapOptions } from "./sandbox.ts";
import { tryEach } from "./try-each.ts";

/** A name that every provider can keep a snapshot under. */
export function checkSnapshotKey(key: string): void {
  if (!isSnapshotKey(key))
    throw new SandboxError({
      code: "snapshot-failed",
      userMessage: `The environment could not be kept: the key ${JSON.stringify(key)} cannot be used.`,
    });
}

export function isSnapshotKey(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name);
}

export function missingSnapshot(key: string, cause?: unknown): SandboxError {
  return new SandboxError({
    code: "snapshot-missing",
    userMessage: `There is no snapshot ${key} of an environment; it has to be built again.`,
    retryable: true,
    cause,
  });
}

/** A snapshot, or a note of one, and how long nobody has used it, in milliseconds. */
export interface SnapshotUse {
  key: string;
  unusedMs: number;
}

/** Snapshots that a provider keeps elsewhere, and when each was used last. */
export interface SnapshotIndex {
  list(signal?: AbortSignal): Promise<SnapshotUse[]>;
  /** A listed one, also where it is no more. */
  remove(key: string, signal?: AbortSignal): Promise<void>;
}

export async function removeUnusedSnapshots(
  snapshots: SnapshotIndex,
  { snapshotsUnusedMs, dryRun, signal }: ReapOptions,
): Promise<Leftover[]> {
  const unused = (await snapshots.list(signal)).filter(({ unusedMs }) => unusedMs > snapshotsUnusedMs);
  if (!dryRun) await tryEach(unused, ({ key }) => snapshots.remove(key, signal));
  return unused.map(({ key, unusedMs }) => ({ kind: "snapshot", name: key, ageMs: unusedMs }));
}

/** What lies in a folder under names of ours; its time of change is that of the last use. What is gone meanwhile is left out. */
export async function listNotes(folder: string, isOurs: (name: string) => boolean): Promise<SnapshotUse[]> {
  const names = await readdir(folder).catch(() => []);
  const notes = await Promise.all(
    names.filter(isOurs).map(async (key): Promise<SnapshotUse[]> => {
      const found = await lstat(join(folder, key)).catch(() => null);
      return found === null ? [] : [{ key, unusedMs: Date.now() - found.mtimeMs }];
    }),
  );
  return notes.flat();
}
