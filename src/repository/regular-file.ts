import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";

/** A regular file that is open for reading. */
export interface RegularFile extends AsyncDisposable {
  /** Bytes when it was opened; what is appended later is not read. */
  size: number;
  executable: boolean;
  /** The bytes from the start, each time it is called. */
  chunks(): AsyncGenerator<Buffer>;
}

const chunkBytes = 256 * 1024;

/**
 * Opens for reading only what is a regular file: a link is not followed, and a pipe or a device is not opened
 * (opening one can block or act). Null for anything else; throws the system's error where there is nothing or no
 * permission. `seen` spares a system call where the caller has looked already.
 */
export async function openRegularFile(
  path: string,
  signal: AbortSignal,
  seen?: { isFile(): boolean },
): Promise<RegularFile | null> {
  if (!(seen ?? (await lstat(path))).isFile()) return null;
  // Between the look and the opening another program may have put something else there.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (stats.isFile()) {
    return {
      size: stats.size,
      executable: (stats.mode & 0o100) !== 0,
      chunks: () => readChunks(handle, stats.size, signal),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  }
  await handle.close();
  return null;
}

/** At most `size` bytes of an open file from its start. */
export async function* readChunks(handle: FileHandle, size: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let position = 0; position < size; ) {
    signal.throwIfAborted();
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
