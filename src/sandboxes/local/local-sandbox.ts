import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { DistillerError, SandboxError, throwIfCancelled } from "../../errors.ts";
import { checkAbsolute } from "../command.ts";
import type { CommandResult, GetFolderOptions, GotFolder, RunCommandOptions, Sandbox } from "../sandbox.ts";
import type { Launcher } from "./launch.ts";
import { isWithin, type SandboxPlace } from "./place.ts";
import type { ProcessTable } from "./process-table.ts";
import { runProgram } from "./run-program.ts";
import { addMount, copyIn, copyOut, prepareMountPoint, showFolder, writeFiles } from "./sandbox-files.ts";
import { linkSnapshot, type SnapshotStore } from "./snapshots.ts";

export interface LocalSandboxOptions {
  place: SandboxPlace;
  launcher: Launcher;
  snapshots: SnapshotStore;
  table: ProcessTable;
}

/** A sandbox on this machine. Commands run one after another; each one's processes are gone when its result is there. */
export class LocalSandbox implements Sandbox {
  readonly #place: SandboxPlace;
  readonly #launcher: Launcher;
  readonly #snapshots: SnapshotStore;
  readonly #table: ProcessTable;
  readonly #disposal = new AbortController();
  #lastRun: Promise<unknown> = Promise.resolve();

  constructor({ place, launcher, snapshots, table }: LocalSandboxOptions) {
    this.#place = place;
    this.#launcher = launcher;
    this.#snapshots = snapshots;
    this.#table = table;
  }

  run(options: RunCommandOptions): Promise<CommandResult> {
    const result = this.#lastRun.then(() => this.#runNow(options));
    this.#lastRun = result.catch(() => undefined);
    return result;
  }

  async #runNow(options: RunCommandOptions): Promise<CommandResult> {
    throwIfCancelled(options.signal);
    throwIfCancelled(this.#disposal.signal);
    if (this.#launcher.isolated) {
      await wrapErrors(async () => {
        for (const mount of this.#place.mounts) await prepareMountPoint(this.#place, mount);
      });
    }
    const context = {
      place: this.#place,
      launcher: this.#launcher,
      table: this.#table,
      disposal: this.#disposal.signal,
    };
    return runProgram(context, options);
  }

  async putFolder({ from, to, readOnly = false }: { from: string; to: string; readOnly?: boolean }): Promise<void> {
    const writable = isWithin(to, "/work") || isWithin(to, "/tmp");
    await wrapErrors(() => {
      if (!readOnly || (writable && !this.#launcher.isolated)) return copyIn(this.#place, from, to);
      return showFolder(this.#place, { from, to, mountable: this.#launcher.isolated });
    });
  }

  putFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    return wrapErrors(() => writeFiles(this.#place, folder, files));
  }

  getFolder(options: GetFolderOptions): Promise<GotFolder> {
    return wrapErrors(() => copyOut(this.#place, options));
  }

  installSystemPackages(): Promise<CommandResult> {
    return Promise.reject(noSystemPackages());
  }

  /** The paths are moved, not copied: from here on this sandbox sees them read-only too. */
  async snapshot({ key, paths }: { key: string; paths: readonly string[] }): Promise<void> {
    await this.#lastRun;
    const mounts = await this.#snapshots.save(key, this.#place, paths.map(checkAbsolute));
    if (this.#launcher.isolated) for (const mount of mounts) addMount(this.#place, mount);
    else await linkSnapshot(this.#place, mounts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort();
    await this.#lastRun;
    await removeFolder(this.#place.folder);
  }
}

function noSystemPackages(): SandboxError {
  return new SandboxError({
    code: "no-system-packages",
    userMessage: "A local sandbox cannot install packages of the system; a container or Modal sandbox can.",
  });
}

async function wrapErrors<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DistillerError) throw error;
    if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT"))
      throw new SandboxError({
        code: "disk-full",
        userMessage: "The disk is full: free some space, then continue with --resume.",
        retryable: true,
        cause: error,
      });
    const userMessage = `Files could not be moved in or out of the sandbox: ${error instanceof Error ? error.message : error}`;
    throw new SandboxError({ code: "sandbox-files-failed", userMessage, cause: error });
  }
}

/** Programs may leave folders that even their owner cannot enter. */
export async function removeFolder(folder: string): Promise<void> {
  const run = promisify(execFile);
  const options = { env: { PATH: "/usr/bin:/bin" }, maxBuffer: 1 << 26 };
  try {
    await run("rm", ["-rf", "--one-file-system", "--", folder], options);
  } catch {
    await run("chmod", ["-R", "u+rwX", "--", folder], options).catch(() => undefined);
    await run("rm", ["-rf", "--one-file-system", "--", folder], options).catch(() => undefined);
  }
}
