import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { passThroughEnvironment } from "../../src/sandboxes/pass-through-environment.ts";

/** What a process of the command line left behind. */
export interface EndedCommand {
  /** Null where a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
  /** The most memory it was seen to hold, in MiB. */
  peakMemoryMb: number;
}

export interface StartedCommand {
  process: ChildProcess;
  /** Resolves when a line like this was printed to stderr; rejects when the process ends without it. */
  waitForLine: (pattern: RegExp) => Promise<void>;
  ended: Promise<EndedCommand>;
}

export interface CommandOptions {
  /** Beside the few variables that every command gets. */
  environment?: Record<string, string>;
  /** Lets variables through that say where packages come from. */
  withPackages?: boolean;
  workingFolder?: string;
  /** Program and arguments that start the command: `["unshare", "-n"]`. */
  within?: readonly string[];
  /** Limit in seconds, so that a hanging command fails its own test. */
  timeoutSeconds?: number;
}

/** The command line in processes of its own, with a home, a cache and an output folder that nothing else uses. */
export class CommandLine implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "codedistiller-scenario-"));
  readonly home = this.path("home");
  readonly cache = this.path("cache");
  readonly #alive = new Set<ChildProcess>();

  constructor() {
    mkdirSync(this.home);
    mkdirSync(this.cache);
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  run(argv: readonly string[], options: CommandOptions = {}): Promise<EndedCommand> {
    return this.start(argv, options).ended;
  }

  start(argv: readonly string[], options: CommandOptions = {}): StartedCommand {
    return this.#spawn([...(options.within ?? []), ...commandOf(argv)], options);
  }

  /** The same with a pseudo terminal for stdin, stdout and stderr; all that is shown comes as `stdout`. */
  startInTerminal(argv: readonly string[], options: CommandOptions = {}): StartedCommand {
    const quoted = commandOf(argv)
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(" ");
    return this.#spawn(["script", "--quiet", "--return", "--command", `stty cols 100 && exec ${quoted}`, "/dev/null"], {
      ...options,
      environment: { TERM: "xterm-256color", ...options.environment },
    });
  }

  environment({ environment, withPackages = false }: CommandOptions = {}): Record<string, string> {
    return {
      PATH: hostPath,
      HOME: this.home,
      LANG: "C.UTF-8",
      SHELL: "/bin/sh",
      CODEDISTILLER_CACHE: this.cache,
      CODEDISTILLER_SANDBOX: "local",
      // Compiled sources, so that each of many processes starts in half the time.
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/scenarios", import.meta.url)),
      ...(withPackages ? passThroughEnvironment(process.env).variables : {}),
      ...environment,
    };
  }

  [Symbol.dispose](): void {
    for (const child of this.#alive) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #spawn(command: readonly string[], options: CommandOptions): StartedCommand {
    const started = performance.now();
    const [program = "", ...argv] = command;
    const child = spawn(program, argv, {
      cwd: options.workingFolder ?? this.folder,
      env: this.environment(options),
      timeout: (options.timeoutSeconds ?? 60) * 1000,
      killSignal: "SIGKILL",
    });
    this.#alive.add(child);
    const text = { stdout: "", stderr: "" };
    const listeners = new Set<() => void>();
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        text[name] += chunk;
        for (const listener of listeners) listener();
      });
    }
    let peakMemoryMb = 0;
    const watch = setInterval(() => {
      peakMemoryMb = Math.max(peakMemoryMb, readPeakMemory(child.pid));
    }, 100);
    const ended = new Promise<EndedCommand>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status) => {
        clearInterval(watch);
        this.#alive.delete(child);
        resolve({ status, ...text, seconds: (performance.now() - started) / 1000, peakMemoryMb });
        for (const listener of listeners) listener();
      });
    });
    const waitForLine = (pattern: RegExp): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const ending = child.exitCode !== null || child.signalCode !== null;
          if (!pattern.test(text.stderr) && !ending) return;
          listeners.delete(look);
          if (pattern.test(text.stderr)) resolve();
          else reject(new Error(`It ended without ${pattern}:\n${text.stderr}`));
        };
        listeners.add(look);
        look();
      });
    return { process: child, waitForLine, ended };
  }
}

/** Programs of the machine, not those that npm puts in front of them. */
export const hostPath = (process.env.PATH ?? "/usr/bin:/bin")
  .split(":")
  .filter((folder) => !folder.includes("node_modules"))
  .join(":");

/** Where a program of the machine lies. */
export function hostProgram(name: string): string {
  const found = hostPath
    .split(":")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`There is no ${name} on this machine.`);
  return found;
}

function commandOf(argv: readonly string[]): string[] {
  return [process.execPath, fileURLToPath(new URL("command-line-main.ts", import.meta.url)), ...argv];
}

/** MiB; 0 where the process is gone. */
function readPeakMemory(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Whether programs can be isolated here. Without, tests are skipped aloud; under continuous integration they fail. */
export const canIsolate = canRun("bubblewrap", "bwrap", ["--ro-bind", "/", "/", "--unshare-net", "true"]);
/** Whether a test may mount and unmount in a namespace of its own. */
export const canMount = canRun("a mount namespace of root's", "unshare", [
  "-m",
  "mount",
  "-t",
  "tmpfs",
  "tmpfs",
  "/mnt",
]);

export function canRun(what: string, program: string, argv: readonly string[]): boolean {
  try {
    execFileSync(program, argv, { stdio: "ignore", env: { PATH: hostPath } });
    return true;
  } catch {
    skipAloud(what, what === "bubblewrap");
    return false;
  }
}

/** Says what is not tested; an error where that must not happen. */
export function skipAloud(what: string, needed = true): void {
  if (needed && process.env.CI === "true") throw new Error(`There is no ${what}, which these tests need.`);
  process.stdout.write(`Skipped: there is no ${what}, which these tests need.\n`);
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/repositories/${name}`, import.meta.url));
}

/** Every path below a folder, links and folders included, relative and sorted. */
export function listPaths(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

/** The files below a folder that hold the text, which is looked for byte by byte. */
export function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

/** The processes of this machine with the text in their command line. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Waits until something holds; fails after some seconds, naming it. */
export async function waitUntil(what: string, holds: () => boolean, seconds = 20): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`Not after ${seconds} seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
