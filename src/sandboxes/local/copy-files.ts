import {
  closeSync,
  constants,
  type Dirent,
  fchownSync,
  fstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type FileHandle, lchown, mkdir, open, opendir } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { GotFolder } from "../sandbox.ts";
import { childOf, isErrno, type Owner } from "./beneath.ts";

export interface CopyLimits {
  maxFileBytes: number;
  maxTotalBytes: number;
  maxFiles: number;
}

const unlimitedCopy: CopyLimits = { maxFileBytes: Infinity, maxTotalBytes: Infinity, maxFiles: Infinity };

/** Entries named in `left` at most, and folders in folders at most: bounds on what a hostile tree can cost. */
const maxLeft = 1000;
const maxDepth = 64;
const chunkBytes = 1 << 20;

/**
 * Copies the regular files and folders below one opened folder into another. Links are never followed, and
 * neither links, pipes nor devices are copied. Modes become 644 or 755: a set-user-id bit must not come along.
 */
export async function copyFiles(
  from: FileHandle,
  to: FileHandle,
  {
    limits = unlimitedCopy,
    owner = null,
    exclude = [],
  }: { limits?: CopyLimits; owner?: Owner; exclude?: readonly string[] } = {},
): Promise<GotFolder> {
  const copied: GotFolder = { files: [], left: [] };
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let totalBytes = 0;
  let sinceYield = 0;

  function leave(path: string, bytes: number, reason: GotFolder["left"][number]["reason"]): void {
    if (copied.left.length < maxLeft) copied.left.push({ path, bytes, reason });
  }

  async function copyFile(source: FileHandle, target: FileHandle, name: string, path: string): Promise<void> {
    let input: number;
    try {
      input = openSync(childOf(source, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      return leave(path, 0, isErrno(error, "ELOOP") ? "not-a-regular-file" : "unreadable");
    }
    try {
      const { size, mode } = fstatSync(input);
      if (size > limits.maxFileBytes) return leave(path, size, "file-too-large");
      if (totalBytes + size > limits.maxTotalBytes) return leave(path, size, "folder-too-large");
      if (copied.files.length >= limits.maxFiles) return leave(path, size, "too-many-files");
      const bytes = await writeNew(childOf(target, name), input, size, (mode & 0o100) === 0 ? 0o644 : 0o755);
      totalBytes += bytes;
      copied.files.push({ path, bytes });
    } finally {
      closeSync(input);
    }
  }

  async function writeNew(path: string, input: number, size: number, mode: number): Promise<number> {
    const output = openNew(path, mode);
    let bytes = 0;
    try {
      while (bytes < size) {
        const read = readSync(input, buffer, 0, Math.min(chunkBytes, size - bytes), null);
        if (read === 0) break;
        for (let done = 0; done < read; ) done += writeSync(output, buffer, done, read - done);
        bytes += read;
        sinceYield += read;
        if (sinceYield > 16 * chunkBytes) {
          sinceYield = 0;
          await nextTurn();
        }
      }
      if (owner !== null) fchownSync(output, owner.uid, owner.gid);
    } finally {
      closeSync(output);
    }
    // A small file costs about as much as this many copied bytes.
    sinceYield += 100_000;
    return bytes;
  }

  async function copyFolder(source: FileHandle, target: FileHandle, prefix: string, depth: number): Promise<void> {
    for await (const entry of await opendir(`/proc/self/fd/${source.fd}`, { bufferSize: 256 })) {
      if (copied.left.length >= maxLeft) return;
      await copyEntry(entry, source, target, prefix, depth);
    }
  }

  async function copyEntry(
    entry: Dirent,
    source: FileHandle,
    target: FileHandle,
    prefix: string,
    depth: number,
  ): Promise<void> {
    const path = prefix + entry.name;
    if (prefix === "" && exclude.includes(path)) return;
    // A name that is not UTF-8 cannot be asked for again by the text we have of it.
    if (entry.name.includes("\uFFFD")) return leave(path, 0, "unreadable");
    if (entry.isFile()) return copyFile(source, target, entry.name, path);
    if (!entry.isDirectory()) return leave(path, 0, "not-a-regular-file");
    if (depth >= maxDepth) return leave(path, 0, "unreadable");
    let inner: FileHandle;
    try {
      inner = await openFolder(source, entry.name);
    } catch {
      return leave(path, 0, "unreadable");
    }
    try {
      await mkdir(childOf(target, entry.name), { mode: 0o755 }).catch((error: unknown) => {
        if (!isErrno(error, "EEXIST")) throw error;
      });
      if (owner !== null) await lchown(childOf(target, entry.name), owner.uid, owner.gid);
      const innerTarget = await openFolder(target, entry.name);
      try {
        await copyFolder(inner, innerTarget, `${path}/`, depth + 1);
      } finally {
        await innerTarget.close();
      }
    } finally {
      await inner.close();
    }
  }

  await copyFolder(from, to, "", 0);
  return copied;
}

/** Opens a new file in place of whatever stands there, never through a link. */
export function openNew(path: string, mode: number): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags, mode);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    unlinkSync(path);
    return openSync(path, flags, mode);
  }
}

function openFolder(folder: FileHandle, name: string): Promise<FileHandle> {
  return open(childOf(folder, name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}
