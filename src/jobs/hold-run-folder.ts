import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { RunFolderError } from "../errors.ts";

/**
 * Keeps a run folder to one process: a lock file with the holder's process number. The lock of a process that is gone
 * counts for nothing, so a run that was killed can be resumed at once.
 */
export async function holdRunFolder(folder: string): Promise<AsyncDisposable> {
  const path = join(folder, "lock");
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
        throw new RunFolderError({
          code: "output-not-writable",
          userMessage: `${folder} cannot be written. Choose another folder with --out.`,
          cause: error,
        });
      }
      const holder = Number(await readFile(path, "utf8").catch(() => "0"));
      if (holder > 0 && holder !== process.pid && isAlive(holder)) {
        throw new RunFolderError({
          code: "run-in-progress",
          userMessage: `${folder} is in use by process ${holder}. Wait for it, or end it first.`,
        });
      }
      await rm(path, { force: true });
    }
  }
  throw new RunFolderError({
    code: "run-in-progress",
    userMessage: `${folder} is being taken by another process. Try again.`,
    retryable: true,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
