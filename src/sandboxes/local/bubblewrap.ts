import { spawn } from "node:child_process";
import { release } from "node:os";
import type { Duplex, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { sealInheritedFiles } from "./inherited-files.ts";
import type { LaunchedProgram, Launcher, LaunchOptions, ProgramEnding } from "./launch.ts";
import { programCommand } from "./launch.ts";
import { isWithin } from "./place.ts";
import { isRunning, stateOf } from "./process-table.ts";
import { showReadOnly, showSystem } from "./system-folders.ts";

export interface BubblewrapOptions {
  /** The bwrap executable. */
  path: string;
  version: { major: number; minor: number };
  /** As root, bubblewrap needs no user namespace and programs run as an account of their own. */
  asRoot: boolean;
}

/** Starts programs in namespaces of their own, with nothing of the host in sight but its system folders. */
export function createBubblewrapLauncher(bubblewrap: BubblewrapOptions): Launcher {
  return {
    isolated: true,
    launch(options) {
      const { place, command } = options;
      const program = programCommand({
        argv: command.argv,
        cwd: command.cwd,
        env: { ...place.environment, ...command.env },
        owner: place.owner,
        limits: place.limits,
        limitProcesses: bubblewrap.asRoot || countsProcessesPerNamespace(),
        gate,
      });
      const argv = [
        ...namespaceArguments(bubblewrap, options),
        "--json-status-fd",
        "3",
        "--block-fd",
        "4",
        "--",
        ...program,
      ];
      return follow(bubblewrap.path, argv, options);
    },
  };
}

function namespaceArguments({ version, asRoot }: BubblewrapOptions, { place }: LaunchOptions): string[] {
  const isAtLeast = (minor: number) => version.major > 0 || version.minor >= minor;
  const sharedMemoryBytes = String(Math.floor(place.limits.memoryMb / 2) * 2 ** 20);
  const [below, beside] = [true, false].map((inWork) =>
    place.mounts
      .filter(({ inside }) => (isWithin(inside, "/work") || isWithin(inside, "/tmp")) === inWork)
      // The mount points below /work and /tmp stand already: see prepareMountPoint.
      .flatMap(({ host, inside }) => (inWork ? ["--ro-bind", host, inside] : showReadOnly(host, inside))),
  );
  const user = [
    ...["--unshare-user", "--uid", "1000", "--gid", "1000"],
    // Whoever makes a user namespace reaches far more of the kernel.
    ...(isAtLeast(8) ? ["--disable-userns"] : []),
  ];
  const changeAccount = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"].flatMap((name) => ["--cap-add", name]);
  return [
    ...["--die-with-parent", "--new-session"],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"],
    ...(place.network === "none" ? ["--unshare-net"] : []),
    ...(asRoot ? [] : user),
    ...["--cap-drop", "ALL", ...(asRoot ? changeAccount : [])],
    ...showSystem(`${place.folder}/etc`, place.network),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...(isAtLeast(7)
      ? ["--perms", "1777", "--size", sharedMemoryBytes, "--tmpfs", "/dev/shm"]
      : ["--bind", `${place.folder}/shm`, "/dev/shm"]),
    ...["--bind", place.workFolder, "/work", "--bind", place.temporaryFolder, "/tmp"],
    ...(beside ?? []),
    ...(below ?? []),
    ...["--remount-ro", "/dev", "--remount-ro", "/"],
  ];
}

/** Since Linux 5.14 RLIMIT_NPROC counts within a user namespace; before, it counted all that the account runs. */
function countsProcessesPerNamespace(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

/**
 * Bubblewrap binds its life to ours only at the end of its preparations, and takes our death in the middle of them
 * for the word to go on. So the last link before the program says that it is there, and without an answer ends.
 */
const gate = ["/bin/sh", "-c", 'echo >&5 && read -r answer <&5 && exec 5>&- && exec "$@"', "gate"];

/** How long the kernel may take to end what was killed, in milliseconds. */
const endingMs = 10_000;

/**
 * Runs bubblewrap and reads from its status pipe which process is the first inside and how the program exited.
 * It waits at the block pipe until `beforeStart` is done, and the program at the gate. No exit status on the pipe means that there was
 * no program, or that it was not the program that ended.
 */
function follow(path: string, argv: readonly string[], options: LaunchOptions): LaunchedProgram {
  using files = sealInheritedFiles(["ignore", options.stdout, options.stderr, "pipe", "pipe", "pipe"]);
  const child = spawn(path, argv, {
    stdio: files.stdio,
    env: {},
    cwd: "/",
    // A Ctrl-C in the terminal reaches us alone; what happens then is the caller's decision.
    detached: true,
  });
  const [, , , statusPipe, blockPipe, gatePipe] = child.stdio as unknown as [
    null,
    null,
    null,
    Readable,
    Duplex,
    Duplex,
  ];
  const started = Promise.withResolvers<number | null>();
  const ended = Promise.withResolvers<ProgramEnding>();
  let status = "";
  let rootPid: number | null = null;
  let killed = false;

  statusPipe.setEncoding("utf8").on("data", (text: string) => {
    status = (status + text).slice(-4096);
    const pid = rootPid === null ? numberOf(status, "child-pid") : null;
    if (pid === null) return;
    rootPid = pid;
    try {
      options.beforeStart?.(pid);
      blockPipe.end("1");
    } catch (error) {
      ended.resolve({ kind: "not-started", detail: String(error) });
      kill();
    }
    started.resolve(pid);
  });
  gatePipe.once("data", async () => {
    const pid = await started.promise;
    if (pid !== null) await waitUntilAsleep(pid);
    gatePipe.end("go\n");
  });
  for (const stream of [statusPipe, blockPipe, gatePipe]) stream.on("error", () => stream.destroy());

  child.on("error", (error) => {
    started.resolve(null);
    ended.resolve({ kind: "not-started", detail: error.message });
  });
  child.on("close", async (code, signal) => {
    started.resolve(rootPid);
    if (rootPid !== null) await waitUntilGone(rootPid);
    ended.resolve(endingOf(numberOf(status, "exit-code"), { code, signal, killed }));
  });

  function kill(): void {
    killed = true;
    // Before the first process is known bubblewrap could leave it behind.
    started.promise.then((pid) => {
      if (pid !== null && child.exitCode === null && child.signalCode === null) killProcess(pid);
      child.kill("SIGKILL");
    });
  }
  return { started: started.promise, ended: ended.promise, kill };
}

function endingOf(
  exitCode: number | null,
  { code, signal, killed }: { code: number | null; signal: NodeJS.Signals | null; killed: boolean },
): ProgramEnding {
  if (exitCode !== null) return { kind: "exited", code: exitCode };
  if (killed) return { kind: "signalled", signal: "SIGKILL" };
  if (signal !== null) return { kind: "lost", detail: `bubblewrap was ended by ${signal}` };
  return { kind: "not-started", detail: `bubblewrap ended with exit status ${code}` };
}

/**
 * The first process rests for the first time when it waits for the program; it is bound to bubblewrap's life by then.
 * Where its state cannot be read the program starts all the same, a moment later.
 */
async function waitUntilAsleep(pid: number): Promise<void> {
  for (let tries = 0; tries < 100 && stateOf(pid) !== "S"; tries += 1) await sleep(1);
}

async function waitUntilGone(pid: number): Promise<void> {
  const start = performance.now();
  for (let pause = 1; isRunning(pid) && performance.now() - start < endingMs; pause = Math.min(50, pause * 2)) {
    await sleep(pause);
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was quicker.
  }
}

function numberOf(status: string, key: string): number | null {
  const found = new RegExp(`"${key}"\\s*:\\s*(\\d+)`).exec(status)?.[1];
  return found === undefined ? null : Number(found);
}
