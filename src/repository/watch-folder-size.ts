import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface FolderSizeWatch {
  folder: string;
  maxBytes: number;
  signal: AbortSignal;
  onSize: (bytes: number) => void;
  /** The error that ends the work. */
  exceeded: () => Error;
}

const intervalMs = 200;

/** Runs `work` while looking at the size of a folder that another program fills; also looks once at the end. */
export async function watchFolderSize<T>(
  watch: FolderSizeWatch,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const exceeded = new AbortController();
  const finished = new AbortController();
  const look = async () => {
    const bytes = await folderBytes(watch.folder);
    watch.onSize(bytes);
    if (bytes > watch.maxBytes) exceeded.abort(watch.exceeded());
  };
  const looking = (async () => {
    while (!finished.signal.aborted && !exceeded.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: finished.signal }).catch(() => undefined);
      if (!finished.signal.aborted) await look();
    }
  })();
  try {
    const result = await work(AbortSignal.any([watch.signal, exceeded.signal]));
    await look();
    exceeded.signal.throwIfAborted();
    return result;
  } finally {
    finished.abort();
    await looking;
  }
}

/** Files that vanish while they are looked at count nothing. */
async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await folderBytes(path);
    else
      bytes += await lstat(path).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}
