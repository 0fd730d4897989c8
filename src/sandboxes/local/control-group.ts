import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SandboxLimits } from "../sandbox.ts";
import { isRunning } from "./process-table.ts";

/** The kernel's own bounds on memory and processes, where this account may set them. */
export interface ControlGroup {
  add(pid: number): void;
  /** Whether the kernel has ended one of its processes for want of memory. */
  ranOutOfMemory(): boolean;
  remove(): Promise<void>;
}

export interface ControlGroupFiles {
  /** Where the hierarchies are mounted. */
  root: string;
  /** In the form of /proc/self/cgroup. */
  own: string;
}

/** Tasks that belong to the sandbox and not to the program: its first process. */
const sandboxTasks = 1;
const prefix = "codedistiller-";
let made = 0;

function hostControlGroupFiles(): ControlGroupFiles {
  return {
    root: "/sys/fs/cgroup",
    own: existsSync("/proc/self/cgroup") ? readFileSync("/proc/self/cgroup", "utf8") : "",
  };
}

/** Returns null where neither version of control groups can be had for memory; the watch then measures by itself. */
export function createControlGroup(
  limits: SandboxLimits,
  files: ControlGroupFiles = hostControlGroupFiles(),
): ControlGroup | null {
  made += 1;
  const name = `${prefix}${process.pid}-${made}`;
  return createUnified(name, limits, files) ?? createPerController(name, limits, files);
}

/** Removes groups of processes that were killed before they could. */
export function removeOrphanedGroups(files: ControlGroupFiles = hostControlGroupFiles()): void {
  const parents = [unifiedParent(files), controllerParent(files, "memory"), controllerParent(files, "pids")];
  for (const parent of parents.filter((parent) => parent !== null)) {
    for (const name of readdirSync(parent)) {
      const owner = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
      if (!Number.isNaN(owner) && !isRunning(owner)) tryTo(() => rmdirSync(join(parent, name)));
    }
  }
}

/** Version 2: one folder. https://docs.kernel.org/admin-guide/cgroup-v2.html */
function createUnified(name: string, limits: SandboxLimits, files: ControlGroupFiles): ControlGroup | null {
  const parent = unifiedParent(files);
  if (parent === null) return null;
  const folder = join(parent, name);
  const done = tryTo(() => {
    mkdirSync(folder);
    writeFileSync(join(folder, "memory.max"), String(limits.memoryMb * 2 ** 20));
    writeFileSync(join(folder, "pids.max"), String(limits.processes + sandboxTasks));
  });
  if (!done) {
    tryTo(() => rmdirSync(folder));
    return null;
  }
  tryTo(() => writeFileSync(join(folder, "memory.swap.max"), "0"));
  tryTo(() => writeFileSync(join(folder, "memory.oom.group"), "1"));
  return groupOf([folder], join(folder, "memory.events"));
}

/** Version 1: a folder for each controller. https://docs.kernel.org/admin-guide/cgroup-v1/memory.html */
function createPerController(name: string, limits: SandboxLimits, files: ControlGroupFiles): ControlGroup | null {
  const memoryParent = controllerParent(files, "memory");
  if (memoryParent === null) return null;
  const memory = join(memoryParent, name);
  const bytes = String(limits.memoryMb * 2 ** 20);
  const done = tryTo(() => {
    mkdirSync(memory);
    writeFileSync(join(memory, "memory.limit_in_bytes"), bytes);
  });
  if (!done) {
    tryTo(() => rmdirSync(memory));
    return null;
  }
  tryTo(() => writeFileSync(join(memory, "memory.memsw.limit_in_bytes"), bytes));

  const pidsParent = controllerParent(files, "pids");
  const pids = pidsParent === null ? null : join(pidsParent, name);
  const limited =
    pids !== null &&
    tryTo(() => {
      mkdirSync(pids);
      writeFileSync(join(pids, "pids.max"), String(limits.processes + sandboxTasks));
    });
  return groupOf(limited ? [memory, pids] : [memory], join(memory, "memory.oom_control"));
}

function groupOf(folders: readonly string[], eventsFile: string): ControlGroup {
  return {
    add(pid) {
      for (const folder of folders) writeFileSync(join(folder, "cgroup.procs"), String(pid));
    },
    ranOutOfMemory() {
      return existsSync(eventsFile) && /^oom_kill [1-9]/m.test(readFileSync(eventsFile, "utf8"));
    },
    async remove() {
      // The last process may still be on its way out.
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const left = folders.filter((folder) => existsSync(folder) && !tryTo(() => rmdirSync(folder)));
        if (left.length === 0) return;
        await sleep(25);
      }
    },
  };
}

/** The nearest folder at or above our own group that hands memory and process limits on to what is made below it. */
function unifiedParent({ root, own }: ControlGroupFiles): string | null {
  const path = /^0::(\/.*)$/m.exec(own)?.[1];
  if (path === undefined || !existsSync(join(root, "cgroup.controllers"))) return null;
  for (let at = path; ; at = dirname(at)) {
    const folder = join(root, at);
    const control = join(folder, "cgroup.subtree_control");
    const handedOn = existsSync(control) ? readFileSync(control, "utf8").trim().split(/\s+/) : [];
    if (handedOn.includes("memory") && handedOn.includes("pids") && isWritable(join(folder, "cgroup.procs")))
      return folder;
    if (at === "/") return null;
  }
}

function controllerParent({ root, own }: ControlGroupFiles, controller: string): string | null {
  const path = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(/.*)$`, "m").exec(own)?.[1];
  if (path === undefined) return null;
  for (const folder of [join(root, controller, path), join(root, controller)]) {
    if (isWritable(join(folder, "cgroup.procs"))) return folder;
  }
  return null;
}

function isWritable(path: string): boolean {
  return tryTo(() => accessSync(path, constants.W_OK));
}

/** Whether it worked; what a host allows with control groups is found out by trying. */
function tryTo(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
