import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { SandboxPlace } from "./place.ts";
import { isRunning, listProcesses, startTimeOf } from "./process-table.ts";

/** A folder whose owner cannot be asked, since it belongs to another machine or was made before a restart, is kept so long, in milliseconds. */
const unknownOwnerMs = 2 * 24 * 3600_000;

/** The name of a new sandbox's folder; it says which process owns it. */
export function liveFolderName(): string {
  return [...ownSystem(), process.pid, startTimeOf(process.pid), randomBytes(6).toString("hex")].join("-");
}

/** Folders of sandboxes whose process is no more, for example after kill -9. */
export function findOrphanedFolders(folder: string): string[] {
  const [boot, namespace] = ownSystem();
  return readdirSync(folder)
    .filter((name) => {
      const [theirBoot, theirNamespace, pid, startTime] = name.split("-");
      if (theirBoot === boot && theirNamespace === namespace) {
        return !isRunning(Number(pid)) || startTimeOf(Number(pid)) !== startTime;
      }
      const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
      return stat !== undefined && Date.now() - stat.mtimeMs > unknownOwnerMs;
    })
    .map((name) => join(folder, name));
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

/** Process ids mean something only within one boot and one process namespace. */
function ownSystem(): [boot: string, namespace: string] {
  const file = "/proc/sys/kernel/random/boot_id";
  const boot = existsSync(file) ? readFileSync(file, "latin1").slice(0, 8) : "unknown";
  return [boot, readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")];
}
