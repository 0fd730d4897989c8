import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, realpath, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface FolderFile {
  /** Below the folder, `/` between parts. */
  path: string;
  size: number;
  /** Whole milliseconds since 1970. */
  modifiedMs: number;
  executable: boolean;
}

/** Largest file of a run that is kept or given out, in bytes. */
export const mostFileBytes = 32 * 2 ** 20;

/** Names the kept state that a folder goes on from. */
export const markerFile = "kept-state";
const notKept = new Set(["repository", "lock", markerFile]);

/** What belongs to a run for longer than a moment: not the checked-out repository, nor what is just being written. */
function isKept(path: string): boolean {
  return !notKept.has(path) && !path.startsWith("repository/") && !path.endsWith(".tmp");
}

/** A path of `list`, and nothing that leads elsewhere or names what is not kept. */
export function isSafePath(path: string): boolean {
  const parts = path.split("/");
  return !path.includes("\0") && parts.every((part) => part !== "" && part !== "." && part !== "..") && isKept(path);
}

/** The regular files that are kept, in order of their paths; links, sockets and what cannot be read are passed by. */
export async function listFolder(folder: string): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (!isKept(path)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) {
        const status = await lstat(join(folder, path)).catch(() => null);
        if (status?.isFile()) files.push(describe(path, status));
      }
    }
  };
  await walk("");
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A file's bytes with what is known of them; null where there is no regular file of at most `mostFileBytes`, or a link on the way. */
export async function readFolderFile(
  folder: string,
  path: string,
): Promise<(FolderFile & { content: Buffer; sha256: string }) | null> {
  if (!isSafePath(path)) return null;
  const parent = dirname(join(folder, path));
  const isStraight = await Promise.all([realpath(parent), realpath(folder)]).then(
    ([real, root]) => real === join(root, dirname(path)),
    () => false,
  );
  if (!isStraight) return null;
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(folder, path), flags).catch(() => null);
  if (!file) return null;
  try {
    const status = await file.stat();
    if (!status.isFile() || status.size > mostFileBytes) return null;
    const content = await file.readFile();
    return { ...describe(path, status), size: content.length, content, sha256: hash(content) };
  } finally {
    await file.close();
  }
}

/** Puts a file there as a whole or not at all; links on the way are replaced by folders. */
export async function writeFolderFile(folder: string, file: FolderFile & { content: Uint8Array }): Promise<void> {
  if (!isSafePath(file.path)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let parent = folder;
  for (const part of file.path.split("/").slice(0, -1)) {
    parent = join(parent, part);
    await makeFolder(parent);
  }
  const path = join(folder, file.path);
  const status = await lstat(path).catch(() => null);
  if (status?.isDirectory()) await rm(path, { recursive: true });
  const temporary = `${path}.tmp`;
  await rm(temporary, { force: true, recursive: true });
  await writeFile(temporary, file.content, { flag: "wx" });
  await chmod(temporary, file.executable ? 0o755 : 0o644);
  await utimes(temporary, file.modifiedMs / 1000, file.modifiedMs / 1000);
  await rename(temporary, path);
}

/** Removes what would be kept and is not among `wanted`: files, links, and folders that are empty then. */
export async function removeOthers(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (!isKept(path) && !path.endsWith(".tmp")) continue;
      if (entry.isDirectory()) {
        await walk(path);
        const rest = await readdir(join(folder, path)).catch(() => ["?"]);
        if (rest.length === 0) await rm(join(folder, path), { recursive: true, force: true });
      } else if (!wanted.has(path)) await rm(join(folder, path), { force: true });
    }
  };
  await walk("");
}

function describe(path: string, status: { size: number; mtimeMs: number; mode: number }): FolderFile {
  const { size, mtimeMs, mode } = status;
  return { path, size, modifiedMs: Math.floor(mtimeMs), executable: (mode & 0o100) !== 0 };
}

async function makeFolder(path: string): Promise<void> {
  const status = await lstat(path).catch(() => null);
  if (status?.isDirectory()) return;
  if (status) await rm(path, { force: true });
  await mkdir(path);
}

function hash(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
