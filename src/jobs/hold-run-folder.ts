import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { RunFolderError } from "../errors.ts";
import { describeWriteError } from "../pipeline/run-state.ts";

/**
 * Keeps a run folder to one process: a lock file with the holder's process number. The lock of a process that is gone
 * counts for nothing, so a run that was killed can be resumed at once.
 */
export async function holdRunFolder(folder: string): Promise<AsyncDisposable> {
  const path = join(folder, "lock");
  for (let attempt = 0; attempt < 5; attempt++) {
    if (await takeLock(path)) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    const text = await readFile(path, "utf8").catch(() => "");
    const holder = Number.parseInt(text, 10) || 0;
    if (holder > 0 && holder !== process.pid && text === (await describeProcess(holder))) {
      throw new RunFolderError({
        code: "run-in-progress",
        userMessage: `${folder} is in use by process ${holder}. Wait for it, or end it first.`,
      });
    }
    // One without a holder may be just being written.
    if (holder === 0 && attempt < 3) await setTimeout(50);
    else await rm(path, { force: true });
  }
  throw new RunFolderError({
    code: "run-in-progress",
    userMessage: `${folder} is being taken by another process. Try again.`,
    retryable: true,
  });
}

/** False where there is a lock already. */
async function takeLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, (await describeProcess(process.pid)) ?? String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    const told = describeWriteError(path, error);
    if (told.code === "disk-full") await rm(path, { force: true });
    throw told.code === "disk-full"
      ? told
      : new RunFolderError({
          code: "output-not-writable",
          userMessage: `${dirname(path)} cannot be written. Choose another folder with --out.`,
          cause: error,
        });
  }
}

/** Number and start time of a process, in clock ticks since the machine's start (proc(5), field 22): numbers are used again. Null for none. */
async function describeProcess(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  const startTime = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return startTime === undefined ? null : `${pid} ${startTime}`;
}
