import type { Dirent } from "node:fs";
import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import type { FileTreeWriter } from "./file-tree-writer.ts";
import { openRegularFile } from "./regular-file.ts";
import { decodeName } from "./utf8-name.ts";

/** What tools put into a folder and nobody would publish. */
const skippedNames = new Set([".git", "node_modules", ".venv", "__pycache__"]);

/** Copies every regular file below a folder that has no git history. */
export async function copyPlainFolder(folder: string, writer: FileTreeWriter, job: CloneJob): Promise<void> {
  // A list, not recursion: a hostile folder may be deep.
  const pending = [""];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    job.signal.throwIfAborted();
    // The output folder may lie in the folder that is copied.
    if (join(folder, path) === job.workFolder) continue;
    for (const entry of await list(join(folder, path), writer)) {
      const name = decodeName(entry.name);
      if (name === null) writer.leaveOut("name-not-utf8");
      else if (!skippedNames.has(name))
        await copyEntry({ entry, path: join(path, name), folder, pending }, writer, job);
    }
  }
}

interface Entry {
  entry: Dirent<Buffer>;
  path: string;
  folder: string;
  pending: string[];
}

async function copyEntry(
  { entry, path, folder, pending }: Entry,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<void> {
  try {
    if (entry.isDirectory()) pending.push(path);
    else if (entry.isSymbolicLink()) writer.addLink(path, await readlink(join(folder, path)));
    else if (!entry.isFile()) writer.leaveOut("special-file");
    else await copyFile({ entry, path, folder }, writer, job);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    writer.leaveOut("unreadable");
  }
}

async function copyFile(
  { entry, path, folder }: Omit<Entry, "pending">,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<void> {
  await using file = await openRegularFile(join(folder, path), job.signal, entry);
  if (file === null) return writer.leaveOut("special-file");
  await writer.addFile({ path, executable: file.executable, content: file.chunks() });
}

async function list(folder: string, writer: FileTreeWriter): Promise<Dirent<Buffer>[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, encoding: "buffer" });
    return entries.sort((a, b) => Buffer.compare(a.name, b.name));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    writer.leaveOut("unreadable");
    return [];
  }
}

/** Also true for what vanished or changed its kind while the folder was read. */
export function isUnreadable(error: unknown): boolean {
  const code = systemErrorCode(error) ?? "";
  return ["EACCES", "EPERM", "ENOENT", "ELOOP", "ENOTDIR", "ENAMETOOLONG", "EIO", "ENXIO"].includes(code);
}
