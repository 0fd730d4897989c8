import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { DistillerError } from "../errors.ts";
import { archiveCorrupt } from "./archive-name.ts";
import { asStorageError, repositoryError, tooLarge } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import { extractTar } from "./extract-tar.ts";
import { extractZip } from "./extract-zip.ts";
import type { FileTreeWriter } from "./file-tree-writer.ts";
import { isUnreadable } from "./plain-folder.ts";
import { readChunks } from "./regular-file.ts";

/** Unpacks an archive by what it is, not by its name. Throws `archive-*` and limit errors; anything else is corruption. */
export async function extractArchive(file: string, writer: FileTreeWriter, job: CloneJob): Promise<void> {
  const format = await detectFormat(file);
  try {
    if (format === "zip") await extractZip(file, writer, job);
    else if (format !== null) await extractTar({ file, gzip: format === "tar.gz" }, writer, job);
  } catch (error) {
    job.signal.throwIfAborted();
    throw error instanceof DistillerError ? error : (asStorageError(error) ?? archiveCorrupt(job.name, error));
  }
  if (format === null) throw archiveCorrupt(job.name, new Error("unknown format"));
}

/** SHA-256 of a local archive, hexadecimal; refuses one that is larger than the limit before it is read. */
export async function hashArchive(file: string, job: CloneJob): Promise<string> {
  try {
    // Not openRegularFile: a person may name an archive by a link.
    await using handle = await open(file, "r");
    const { size } = await handle.stat();
    if (size > job.limits.maxBytes) throw tooLarge(job.name, "the archive", job.limits.maxBytes);
    const hash = createHash("sha256");
    for await (const chunk of readChunks(handle, size, job.signal)) hash.update(chunk);
    return hash.digest("hex");
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw repositoryError({
      code: "source-unreadable",
      userMessage: `${job.name} cannot be read: check that it is still there and its permissions.`,
      cause: error,
    });
  }
}

async function detectFormat(file: string): Promise<"zip" | "tar.gz" | "tar" | null> {
  await using handle = await open(file, "r");
  const head = Buffer.alloc(512);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const start = head.toString("latin1", 0, 4);
  if (start === "PK\x03\x04" || start === "PK\x05\x06") return "zip";
  if (start.startsWith("\x1f\x8b")) return "tar.gz";
  // Archives of before POSIX have no mark at 257: their checksum is left to the parser.
  return bytesRead === 512 ? "tar" : null;
}
