import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { isRunning, startTimeOf } from "./local/process-table.ts";

/** What is owned by another machine, or was made before a restart, may still be in use for so long, in milliseconds. */
const unknownOwnerMs = 2 * 24 * 3600_000;

/** Names this process for good, as far as letters, digits and `-` go: what it leaves behind can be told from what is in use. */
export function ownName(): string {
  return [...ownSystem(), process.pid, startTimeOf(process.pid)].join("-");
}

/** Whether the owner of something is no more, for example after kill -9; one that cannot be asked is, once the thing is old. */
export function isOrphan(ownerName: string, ageMs: number): boolean {
  const [boot, namespace] = ownSystem();
  const [theirBoot, theirNamespace, pid, startTime] = ownerName.split("-");
  if (theirBoot !== boot || theirNamespace !== namespace) return ageMs > unknownOwnerMs;
  return !isRunning(Number(pid)) || startTimeOf(Number(pid)) !== startTime;
}

/** Process ids mean something only within one boot and one process namespace. */
function ownSystem(): [boot: string, namespace: string] {
  const file = "/proc/sys/kernel/random/boot_id";
  const boot = existsSync(file) ? readFileSync(file, "latin1").slice(0, 8) : "unknown";
  return [boot, readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")];
}
