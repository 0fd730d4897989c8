import { type ChildProcess, execFile, type StdioOptions, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createControlGroup } from "../../../src/sandboxes/local/control-group.ts";
import { type IsolatedPlaceOptions, isolateCommand, keptCapabilities } from "./isolate-command.ts";

export interface EnteredProgram {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** `{ code }` or `{ signal }` with the signal's number; null where the place was gone. */
  ended: Promise<ProgramEnd | null>;
  kill(): void;
}

export type ProgramEnd = { code: number } | { signal: number };

/**
 * A root file system of layers with a writable one on top, and processes in namespaces of their own. The mount lives
 * in the namespace of these processes, so that nothing is left mounted when they are gone, however that came.
 */
export class IsolatedPlace implements AsyncDisposable {
  /** What its programs wrote: a layer by itself. */
  readonly upper: string;
  /** Resolves with the exit code of its first program. */
  readonly ended: Promise<number>;
  readonly #options: IsolatedPlaceOptions;
  readonly #monitor: ChildProcess;
  readonly #group;
  #firstPid = 0;
  /** From then on its process id may be another's. */
  #over = false;

  static async start(options: IsolatedPlaceOptions): Promise<IsolatedPlace> {
    const place = new IsolatedPlace(options);
    await place.#readFirstPid();
    return place;
  }

  private constructor(options: IsolatedPlaceOptions) {
    this.#options = options;
    const { folder } = options;
    this.upper = join(folder, "upper");
    for (const name of ["", "upper", "work", "root"]) mkdirSync(join(folder, name), { recursive: true });
    // The root of the file system has the mode of its topmost layer.
    chmodSync(this.upper, 0o755);
    this.#group = createControlGroup({ memoryMb: options.memoryMb, processes: 4000, diskMb: 0 });
    const [program, ...argv] = isolateCommand(options);
    // The third of its streams tells the id of the first process.
    const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe"];
    this.#monitor = spawn(program, argv, { stdio, env: hostEnvironment });
    if (this.#monitor.pid !== undefined) this.#group?.add(this.#monitor.pid);
    this.ended = new Promise((resolve, reject) => {
      this.#monitor.on("error", reject);
      this.#monitor.on("exit", (code, signal) => {
        this.#over = true;
        resolve(signal === null ? (code ?? 0) : 137);
      });
    });
    this.ended.catch(() => {});
  }

  get firstPid(): number {
    return this.#firstPid;
  }

  /** Host ids of all its processes; none once it has ended. */
  listProcesses(): number[] {
    const namespace = this.#over ? null : namespaceOf(this.#firstPid);
    if (namespace === null) return [];
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0 && namespaceOf(pid) === namespace);
  }

  enter(program: {
    argv: readonly string[];
    workingFolder: string;
    environment: Readonly<Record<string, string>>;
  }): EnteredProgram {
    const child = spawn("python3", ["-I", "-S", enterScript], {
      stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
      env: hostEnvironment,
    });
    // Whatever the program has not read when it ends is of no interest.
    child.stdin.on("error", () => {});
    if (child.pid !== undefined) this.#group?.add(child.pid);
    const { argv, workingFolder: cwd, environment } = program;
    const task = child.stdio[3] as Writable;
    task.on("error", () => {});
    task.end(JSON.stringify({ pid: this.#firstPid, keep: keptCapabilities, argv, cwd, environment }));
    let told = "";
    (child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
      told += text;
    });
    const isOver = () => /^(exit|signal|lost)/m.test(told);
    let killed = false;
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      ended: new Promise((resolve) => {
        child.on("error", () => resolve(null));
        (child.stdio[4] as Readable).on("close", () => {
          const [, kind, number] = /^(exit|signal) (\d+)$/m.exec(told) ?? [];
          // Killed before it had begun.
          if (kind === undefined) resolve(killed ? { signal: constants.signals.SIGKILL } : null);
          else resolve(kind === "exit" ? { code: Number(number) } : { signal: Number(number) });
        });
      }),
      kill() {
        const pid = /^pid (\d+)$/m.exec(told)?.[1];
        if (isOver()) return;
        killed = true;
        if (pid === undefined) child.kill("SIGKILL");
        else endProcess(Number(pid));
      },
    };
  }

  /** A copy of what was written, as a layer; deleted files and replaced folders of lower layers are kept as such. */
  async copyUpper(to: string): Promise<void> {
    await promisify(execFile)("cp", ["-a", "--reflink=auto", this.upper, to]);
  }

  async end(): Promise<void> {
    // The first process of a process namespace takes all others with it; the monitor then ends by itself.
    if (this.#firstPid > 0 && !this.#over) endProcess(this.#firstPid);
    else this.#monitor.kill("SIGKILL");
    await this.ended.catch(() => {});
    await this.#group?.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await rm(this.#options.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  async #readFirstPid(): Promise<void> {
    let information = "";
    let errors = "";
    this.#monitor.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    for await (const text of (this.#monitor.stdio[3] as Readable).setEncoding("utf8")) {
      information += text;
      if (information.includes("}")) break;
    }
    this.#firstPid = Number(/"child-pid": (\d+)/.exec(information)?.[1] ?? 0);
    if (this.#firstPid === 0) {
      await this.end();
      throw new Error(`No isolated place could be made: ${errors}`);
    }
  }
}

const hostEnvironment = { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin" };
const enterScript = fileURLToPath(new URL("enter_sandbox.py", import.meta.url));
function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}
