import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { archivePathOf, checkRatio } from "./archive-name.ts";
import { tooLarge } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import type { FileTreeWriter } from "./file-tree-writer.ts";

const fileTypes = new Set(["File", "OldFile", "ContiguousFile"]);
const folderTypes = new Set(["Directory", "GNUDumpDir"]);
/** Warnings of the parser after which its reading of the rest cannot be trusted. */
const fatalWarnings = new Set(["TAR_BAD_ARCHIVE", "TAR_ENTRY_INVALID", "TAR_ENTRY_ERROR", "TAR_ABORT"]);

/** Unpacks a tar file, compressed by gzip or not; errors that are not ours mean that it is corrupt. */
export async function extractTar(
  { file, gzip }: { file: string; gzip: boolean },
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<void> {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  let written = Promise.resolve();
  const state: { current: ReadEntry | null; isPastEnd: boolean } = { current: null, isPastEnd: false };
  const parser = new Parser({
    onReadEntry: (entry) => {
      // The parser hands out the next entry when this one is read to its end: the queue is never long.
      state.current = entry.on("error", failure.reject);
      written = written.then(() => extractEntry(entry, writer, job)).catch(failure.reject);
    },
    onwarn: (code, message) => {
      // What follows the end mark is padding.
      if (fatalWarnings.has(code) && !state.isPastEnd) failure.reject(new Error(String(message)));
    },
  });
  parser.on("eof", () => {
    state.isPastEnd = true;
  });
  parser.on("ignoredEntry", (entry: ReadEntry) => {
    if (!entry.meta) writer.leaveOut("special-file");
  });
  const ended = once(parser, "end");
  ended.catch(failure.reject);
  try {
    for await (const chunk of tarBytes({ file, gzip }, job)) {
      const isFull = !parser.write(chunk);
      await Promise.race([failure.promise, isFull ? once(parser, "drain") : Promise.resolve()]);
    }
    parser.end();
    await Promise.race([failure.promise, ended.then(() => written)]);
    await Promise.race([failure.promise, Promise.resolve()]);
  } catch (error) {
    // Whoever waits for the rest of this entry would wait for ever, with its file open.
    state.current?.destroy(error);
    await written;
    throw error;
  }
}

async function extractEntry(entry: ReadEntry, writer: FileTreeWriter, job: CloneJob): Promise<void> {
  job.signal.throwIfAborted();
  const path = archivePathOf(entry.path, job.name);
  const reason = reasonAgainst(entry);
  if (reason !== null) writer.leaveOut(reason);
  else if (path !== null && fileTypes.has(entry.type)) {
    writer.expect({ files: 0, bytes: writer.totalBytes + entry.size });
    const executable = ((entry.mode ?? 0) & 0o100) !== 0;
    if (await writer.addFile({ path, executable, content: entry })) return;
  }
  entry.resume();
}

function reasonAgainst(entry: ReadEntry) {
  // The parser puts U+FFFD where a name is not UTF-8.
  if (entry.path.includes("\ufffd")) return "name-not-utf8";
  if (entry.type === "Link" || entry.type === "SymbolicLink") return "archive-link";
  return fileTypes.has(entry.type) || folderTypes.has(entry.type) ? null : "special-file";
}

/** The tar file's own bytes, within the limits: padding and headers count too. */
async function* tarBytes({ file, gzip }: { file: string; gzip: boolean }, job: CloneJob): AsyncGenerator<Buffer> {
  const source = createReadStream(file);
  const stream = gzip ? source.pipe(createGunzip()) : source;
  if (stream !== source) source.on("error", (error) => stream.destroy(error));
  // 2 KiB of headers an entry, on top of what the files may hold.
  const maxBytes = job.limits.maxBytes + job.limits.maxFiles * 2048;
  let unpacked = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      job.signal.throwIfAborted();
      unpacked += chunk.length;
      if (unpacked > maxBytes) throw tooLarge(job.name, "the unpacked archive", job.limits.maxBytes);
      if (gzip) checkRatio(job.name, { packed: source.bytesRead, unpacked });
      yield chunk;
    }
  } finally {
    source.destroy();
    stream.destroy();
  }
}
