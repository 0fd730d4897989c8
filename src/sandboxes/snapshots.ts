import { SandboxError } from "../errors.ts";
import type { Leftover, ReapOptions } from "./sandbox.ts";

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

/** Snapshots that a provider keeps elsewhere, and when each was used last. */
export interface SnapshotIndex {
  list(): Promise<Array<{ key: string; unusedMs: number }>>;
  remove(key: string): Promise<void>;
}

export async function removeUnusedSnapshots(
  snapshots: SnapshotIndex,
  { snapshotsUnusedMs, dryRun }: ReapOptions,
): Promise<Leftover[]> {
  const unused = (await snapshots.list()).filter(({ unusedMs }) => unusedMs > snapshotsUnusedMs);
  if (!dryRun) for (const { key } of unused) await snapshots.remove(key);
  return unused.map(({ key, unusedMs }) => ({ kind: "snapshot", name: key, ageMs: unusedMs }));
}
