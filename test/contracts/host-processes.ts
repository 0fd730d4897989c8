import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Ids of all processes of this machine. */
export function processes(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

export function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    // It has ended.
    return [];
  }
}

/** How many run `sleep` with a number that nobody else uses; those in sandboxes included. */
export function countSleepers(marker: string): number {
  return processes().filter((pid) => commandLine(pid).join(" ").startsWith(`sleep ${marker}`)).length;
}

/** A number of seconds that tells who sleeps. */
export function sleepMarker(digit: number): string {
  return `${digit}${process.pid}.${Date.now() % 100_000}`;
}

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (condition()) return;
    await sleep(50);
  }
  throw new Error("it did not come to that within 10 seconds");
}
