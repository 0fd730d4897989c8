import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";

/** One look at the processes below a program. */
export interface ProcessTree {
  pids: number[];
  /** Processes and threads. */
  tasks: number;
  residentMb: number;
  /** The highest that any one of them ever had. */
  highestResidentMb: number;
}

/** Reads /proc; several watched programs share one reading of it. */
export interface ProcessTable {
  treeOf(rootPid: number): ProcessTree;
}

/** How long one reading of the parents is shared, in milliseconds. */
const sharedForMs = 80;

export function createProcessTable(): ProcessTable {
  let children = new Map<number, number[]>();
  let readAt = Number.NEGATIVE_INFINITY;

  return {
    treeOf(rootPid) {
      const now = performance.now();
      if (now - readAt > sharedForMs) {
        children = readChildren();
        readAt = now;
      }
      const pids = [rootPid];
      for (let index = 0; index < pids.length; index += 1) pids.push(...(children.get(pids[index] ?? 0) ?? []));
      return measure(pids);
    },
  };
}

function readChildren(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const first = name.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    const stat = readProc(`/proc/${name}/stat`);
    // The command's name stands in parentheses and may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ", 1)[0]);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [Number(name)]);
    else siblings.push(Number(name));
  }
  return children;
}

function measure(pids: number[]): ProcessTree {
  const tree: ProcessTree = { pids, tasks: 0, residentMb: 0, highestResidentMb: 0 };
  for (const pid of pids) {
    const status = readProc(`/proc/${pid}/status`);
    tree.tasks += numberAfter(status, "\nThreads:");
    tree.residentMb += numberAfter(status, "\nVmRSS:") / 1024;
    tree.highestResidentMb = Math.max(tree.highestResidentMb, numberAfter(status, "\nVmHWM:") / 1024);
  }
  return tree;
}

/** Memory of the processes with what they share counted once, MiB; null where the kernel does not say. */
export function proportionalMb(pids: readonly number[]): number | null {
  let total = 0;
  let known = false;
  for (const pid of pids) {
    const rollup = readProc(`/proc/${pid}/smaps_rollup`);
    if (rollup === "") continue;
    known = true;
    total += numberAfter(rollup, "\nPss:") / 1024;
  }
  return known ? total : null;
}

/** Bytes of files that were deleted and are still held open. */
export function deletedFileBytes(pids: readonly number[], device: number): number {
  const sizes = new Map<number, number>();
  for (const pid of pids) {
    for (const name of listFolder(`/proc/${pid}/fd`)) {
      const stat = statOrNull(`/proc/${pid}/fd/${name}`);
      if (stat?.isFile() && stat.nlink === 0 && stat.dev === device) sizes.set(stat.ino, stat.blocks * 512);
    }
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Whether a process still runs; one that only waits to be collected does not. */
export function isRunning(pid: number): boolean {
  return !["", "Z", "X"].includes(stateOf(pid));
}

/** The letter of proc_pid_stat(5): R runs, S sleeps, Z waits to be collected; empty where there is no such process. */
export function stateOf(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
}

export interface RunningProcess {
  pid: number;
  /** The command, as it is named by the kernel. */
  command: string;
  argv: string[];
  /** Variables as it was started with, `NAME=value`; none where they are not ours to see. */
  environment: string[];
}

export function listProcesses(): RunningProcess[] {
  const readList = (path: string) => Buffer.from(readProc(path), "latin1").toString().split("\0");
  return listFolder("/proc")
    .map(Number)
    .filter((pid) => pid > 0)
    .map((pid) => ({
      pid,
      command: readProc(`/proc/${pid}/comm`).trimEnd(),
      argv: readList(`/proc/${pid}/cmdline`),
      environment: readList(`/proc/${pid}/environ`),
    }));
}

/** When a process was started, in clock ticks since boot: with its id it names the process for good. */
export function startTimeOf(pid: number): string | null {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

function numberAfter(text: string, label: string): number {
  const at = text.indexOf(label);
  return at === -1 ? 0 : Number.parseInt(text.slice(at + label.length, at + label.length + 24), 10) || 0;
}

/** Processes end while they are looked at: that reads as empty. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
