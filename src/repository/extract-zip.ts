import { crc32 } from "node:zlib";
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";
import { archivePathOf, checkRatio } from "./archive-name.ts";
import { repositoryError } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import type { FileTreeWriter } from "./file-tree-writer.ts";
import { decodeName } from "./utf8-name.ts";

/** Unpacks a zip file; errors that are not ours mean that it is corrupt. */
export async function extractZip(file: string, writer: FileTreeWriter, job: CloneJob): Promise<void> {
  // Names are decoded here: yauzl reads names without the UTF-8 flag as CP437, while macOS and git write UTF-8 there.
  const zip = await openPromise(file, { decodeStrings: false, autoClose: false, validateEntrySizes: true });
  try {
    writer.expect({ files: zip.entryCount, bytes: 0 });
    for await (const entry of zip.eachEntry()) {
      job.signal.throwIfAborted();
      await extractEntry(entry, zip, writer, job);
    }
  } finally {
    zip.close();
  }
}

async function extractEntry(entry: Entry, zip: ZipFile, writer: FileTreeWriter, job: CloneJob): Promise<void> {
  const name = nameOf(entry);
  if (name === null) return writer.leaveOut("name-not-utf8");
  const path = archivePathOf(name, job.name);
  const mode = unixMode(entry);
  if (path === null || name.endsWith("/") || fileType(mode) === "folder") return;
  if (fileType(mode) === "link") return writer.leaveOut("archive-link");
  if (fileType(mode) === "special") return writer.leaveOut("special-file");
  if (entry.isEncrypted()) throw encrypted(job.name);
  if (!entry.canDecodeFileData()) return writer.leaveOut("compression-unsupported");
  checkRatio(job.name, { packed: entry.compressedSize, unpacked: entry.uncompressedSize });
  writer.expect({ files: 0, bytes: writer.totalBytes + entry.uncompressedSize });
  await writer.addFile({ path, executable: (mode & 0o100) !== 0, content: checkedContent(entry, zip) });
}

/** The entry's bytes; throws at the end if their checksum is wrong, which yauzl does not look at. */
async function* checkedContent(entry: Entry, zip: ZipFile): AsyncGenerator<Buffer> {
  let checksum = 0;
  for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (checksum !== entry.crc32) throw new Error("wrong checksum");
}

/** Null where the archive says UTF-8 and it is not. */
function nameOf(entry: Entry): string | null {
  const utf8 = decodeName(entry.fileNameRaw);
  const saysUtf8 = (entry.generalPurposeBitFlag & 0x800) !== 0;
  const hasUnicodeField = entry.extraFields.some(({ id }) => id === 0x7075);
  if (saysUtf8 || (utf8 !== null && !hasUnicodeField)) return utf8;
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
}

/** 0 where the archive was not made on a Unix. */
function unixMode(entry: Entry): number {
  return entry.versionMadeBy >> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0;
}

function fileType(mode: number): "file" | "folder" | "link" | "special" {
  switch (mode & 0o170000) {
    case 0:
    case 0o100000:
      return "file";
    case 0o040000:
      return "folder";
    case 0o120000:
      return "link";
    default:
      return "special";
  }
}

function encrypted(name: string) {
  return repositoryError({
    code: "archive-encrypted",
    userMessage: `${name} is protected by a password: unpack it yourself and give the folder.`,
  });
}
