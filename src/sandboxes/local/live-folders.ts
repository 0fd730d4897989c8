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
 * Ends what still runs of sandboxes whose owner was killed. Behind bubblewrap a program never outlives its owner, but
 * bubblewrap, left alone in the middle of its preparations, waits for ever: it is known by the sandbox's folder in its
 * arguments. Without isolation programs go on: they are known by their home.
 */
export function endOrphanedProcesses(orphanedFolders: readonly string[]): void {
  if (orphanedFolders.length === 0) return;
  const workFolders = new Set(orphanedFolders.map((folder) => join(folder, "work")));
  const homes = new Set([...workFolders].map((folder) => `HOME=${folder}/home`));
  for (const { pid, command, argv, environment } of listProcesses()) {
    const isLauncher = command === "bwrap" && argv.some((argument) => workFolders.has(argument));
    if (!isLauncher && !environment.some((variable) => homes.has(variable))) continue;
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
