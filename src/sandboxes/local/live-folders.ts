import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isOrphan, ownName } from "../owner.ts";
import type { SandboxPlace } from "./place.ts";
import { listProcesses } from "./process-table.ts";

/** The name of a new sandbox's folder; it says which process owns it. */
export function liveFolderName(): string {
  return `${ownName()}-${randomBytes(6).toString("hex")}`;
}

/** Folders of sandboxes whose process is no more, for example after kill -9. */
export function findOrphanedFolders(folder: string): Array<{ path: string; ageMs: number }> {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const ageMs = stat === undefined ? 0 : Date.now() - stat.mtimeMs;
    return stat !== undefined && isOrphan(name, ageMs) ? [{ path, ageMs }] : [];
  });
}

/**
 * Ends the first processes of sandboxes whose owner was killed. A program never outlives its owner, but bubblewrap,
 * left alone in the middle of its preparations, waits for ever. It is known by the sandbox's folder in its arguments.
 */
export function endOrphanedProcesses(orphanedFolders: readonly string[]): void {
  const workFolders = new Set(orphanedFolders.map((folder) => join(folder, "work")));
  if (workFolders.size === 0) return;
  for (const { pid, argv } of listProcesses("bwrap")) {
    if (!argv.some((argument) => workFolders.has(argument))) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Another process of ours was quicker.
    }
  }
}

/** Makes the folders that a program may write to. */
export async function makeWritableFolders({ folder, workFolder, temporaryFolder, owner }: SandboxPlace): Promise<void> {
  const shared = join(folder, "shm");
  for (const path of [workFolder, join(workFolder, "home"), temporaryFolder, shared]) {
    await mkdir(path, { mode: 0o755 });
    if (owner !== null) await chown(path, owner.uid, owner.gid);
  }
  for (const path of [temporaryFolder, shared]) await chmod(path, 0o1777);
}
