import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createProcessTable } from "../local/process-table.ts";

/** How long a command of an engine may take to end when it is told to, in milliseconds. */
const endingMs = 5_000;

/**
 * Ends a command of an engine so that it clears up behind itself. One that builds an image leaves its container where
 * it is ended itself, but not where what it waits for fails: so that is ended first.
 */
export async function endEngineCall(child: ChildProcess, { patienceMs }: { patienceMs: number }): Promise<void> {
  if (await endsWithin(child, patienceMs)) return;
  for (const begin = performance.now(); performance.now() - begin < endingMs; ) {
    const below = descendantsOf(child);
    if (below === null) break;
    for (const pid of below) killQuietly(pid);
    if (below.length === 0) child.kill("SIGTERM");
    if (await endsWithin(child, 200)) break;
  }
  child.kill("SIGKILL");
  // What it started may hold them open.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
}

async function endsWithin(child: ChildProcess, milliseconds: number): Promise<boolean> {
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  for (const begin = performance.now(); !hasEnded() && performance.now() - begin < milliseconds; ) await sleep(20);
  return hasEnded();
}

/** Null where this machine does not tell: the command itself has to be ended all the same. */
function descendantsOf({ pid }: ChildProcess): number[] | null {
  if (pid === undefined || !existsSync(`/proc/${pid}`)) return [];
  try {
    return createProcessTable()
      .treeOf(pid)
      .pids.filter((one) => one !== pid);
  } catch {
    return null;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was quicker.
  }
}
