import { execFile } from "node:child_process";
import { lstatSync, statfsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SandboxLimits } from "../sandbox.ts";
import type { ControlGroup } from "./control-group.ts";
import { deletedFileBytes, type ProcessTable, type ProcessTree, proportionalMb } from "./process-table.ts";

/** Why a program is ended before its time. */
export type StopReason = "timed-out" | "out-of-memory" | "disk" | "processes" | "cancelled";

export interface WatchOptions {
  /** The first process of the program, as the host numbers it. */
  rootPid: number;
  /** Everything the program can write to lies below. */
  folder: string;
  limits: SandboxLimits;
  group: ControlGroup | null;
  table: ProcessTable;
  stop: (reason: StopReason) => void;
  signal: AbortSignal;
}

/** Looks at a running program from time to time until `signal` fires; returns its peak of resident memory in MiB. */
export async function watchLimits(options: WatchOptions): Promise<number | null> {
  const { rootPid, limits, group, table, stop, signal } = options;
  const disk = createDiskWatch(options);
  let peakMb = 0;
  let fullLooks = 0;
  // The first looks come quickly, so that short programs are measured too.
  for (let pause = 15; await pauseFor(pause, signal); pause = Math.min(200, pause * 1.5)) {
    const tree = table.treeOf(rootPid);
    peakMb = Math.max(peakMb, tree.residentMb, tree.highestResidentMb);
    if (group?.ranOutOfMemory() || (group === null && exceedsMemory(tree, limits))) stop("out-of-memory");
    fullLooks = tree.tasks - 1 >= limits.processes ? fullLooks + 1 : 0;
    if (fullLooks >= 2) stop("processes");
    if (await disk.isExceeded(tree)) stop("disk");
  }
  return peakMb > 0 ? Math.round(peakMb) : null;
}

async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return sleep(milliseconds, true, { signal }).catch(() => false);
}

/** Resident memory counts shared pages once for every process, so it only says when to look closer. */
function exceedsMemory(tree: ProcessTree, limits: SandboxLimits): boolean {
  return tree.residentMb > limits.memoryMb && (proportionalMb(tree.pids) ?? tree.residentMb) > limits.memoryMb;
}

/** Longest time between two countings of the folder, in milliseconds. */
const longestUncountedMs = 5_000;

/**
 * Counting every file is dear, so the file system's free space is asked first: only when it fell by a good part of
 * what is left to the program is the folder counted, and now and then in any case.
 */
function createDiskWatch({ folder, limits }: WatchOptions): { isExceeded(tree: ProcessTree): Promise<boolean> } {
  const limit = limits.diskMb * 2 ** 20;
  const device = lstatSync(folder).dev;
  let freeAtCounting = freeRoom(folder);
  let counted: number | null = null;
  let countedAt = performance.now();

  return {
    async isExceeded(tree) {
      const sinceCounting = performance.now() - countedAt;
      const free = freeRoom(folder);
      const consumed = Math.max(freeAtCounting.bytes - free.bytes, freeAtCounting.files - free.files);
      const suspicious = consumed > (limit - (counted ?? 0)) / 4 && sinceCounting > 250;
      if (!suspicious && (counted === null ? sinceCounting < 1_000 : sinceCounting < longestUncountedMs)) return false;
      freeAtCounting = free;
      counted = (await countBytes(folder)) + deletedFileBytes(tree.pids, device);
      countedAt = performance.now();
      return counted > limit;
    },
  };
}

/** What a file counts for at least, in bytes: empty ones take room as well, and a file system has only so many. */
const leastFileBytes = 4096;

/** In bytes; `files` is what as many files as can still be made count for. */
function freeRoom(folder: string): { bytes: number; files: number } {
  const { bfree, bsize, ffree } = statfsSync(folder);
  return { bytes: bfree * bsize, files: ffree * leastFileBytes };
}

/** Bytes that a folder takes on disk, or that its files count for. */
async function countBytes(folder: string): Promise<number> {
  const [kilobytes, files] = await Promise.all([askDu(["-skx"], folder), askDu(["-sx", "--inodes"], folder)]);
  return Math.max(kilobytes * 1024, files * leastFileBytes);
}

/** Names that come and go meanwhile make `du` complain; its figure still counts. */
function askDu(options: readonly string[], folder: string): Promise<number> {
  return new Promise((resolve) => {
    const settings = { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, maxBuffer: 1 << 26 };
    execFile("du", [...options, "--", folder], settings, (_error, stdout) => resolve(Number.parseInt(stdout, 10) || 0));
  });
}
