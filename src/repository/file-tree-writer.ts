import { constants } from "node:fs";
import { copyFile, mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemErrorCode, tooLarge, tooManyFiles } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import { type LeftOutReason, sentenceOf } from "./left-out.ts";
import { resolveLinks } from "./tree-links.ts";

export interface TreeFile {
  /** `/`-separated, relative to the root. */
  path: string;
  executable: boolean;
  /** Read once; not read at all when the file is left out. */
  content: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Longer paths would outgrow PATH_MAX (4,096 bytes on Linux) once the tree lies below another folder. */
const maxPathBytes = 1024;
const maxComponentBytes = 255;
const lfsPointerStart = Buffer.from("version https://git-lfs.github.com/spec/");
/** By the LFS specification a pointer file is smaller than this. */
const lfsPointerMaxBytes = 1024;

/**
 * Writes untrusted files below a new folder: only regular files and folders, never over one another, within the limits.
 * What cannot be written is counted, not fatal; a limit that is passed is.
 */
export class FileTreeWriter {
  readonly folder: string;
  fileCount = 0;
  totalBytes = 0;
  readonly #job: CloneJob;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #links = new Map<string, string>();
  readonly #leftOut = new Map<LeftOutReason, number>();
  #entryCount = 0;

  constructor(folder: string, job: CloneJob) {
    this.folder = folder;
    this.#job = job;
  }

  /** False when the file was left out. */
  async addFile({ path, executable, content }: TreeFile): Promise<boolean> {
    this.#countEntry();
    const reason = this.#reasonAgainst(path);
    if (reason !== null) {
      this.leaveOut(reason);
      return false;
    }
    const opened = await this.#create(path, executable ? 0o755 : 0o644);
    if (typeof opened === "string") {
      this.leaveOut(opened);
      return false;
    }
    await using handle = opened;
    const start = this.totalBytes;
    let head: Uint8Array = new Uint8Array();
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      this.#job.signal.throwIfAborted();
      this.#countBytes(chunk.length);
      if (head.length === 0) head = chunk;
      await handle.writeFile(chunk);
    }
    if (isLfsPointer(head, this.totalBytes - start)) this.leaveOut("lfs-pointer");
    this.#files.add(path);
    this.fileCount += 1;
    if (this.fileCount % 200 === 0) this.#reportProgress();
    return true;
  }

  /** A link is kept in mind until `finish`, when every file that it may lead to is there. */
  addLink(path: string, target: string): void {
    this.#countEntry();
    const reason = this.#reasonAgainst(path);
    if (reason !== null) this.leaveOut(reason);
    else this.#links.set(path, target);
  }

  leaveOut(reason: LeftOutReason, count = 1): void {
    this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + count);
  }

  /** Refuses early what is known to be too much. */
  expect({ files, bytes }: { files: number; bytes: number }): void {
    if (files > this.#job.limits.maxFiles) throw tooManyFiles(this.#job.name, this.#job.limits.maxFiles);
    if (bytes > this.#job.limits.maxBytes) throw tooLarge(this.#job.name, "its files", this.#job.limits.maxBytes);
  }

  /** Copies what links lead to; returns what was left out, as sentences for a report. */
  async finish(): Promise<string[]> {
    const { copies, dropped } = resolveLinks(this.#links, this.#files);
    this.leaveOut("link", dropped);
    for (const { path, from } of copies) {
      this.#job.signal.throwIfAborted();
      this.leaveOut((await this.#copy(path, from)) ? "link-copied" : "name-taken");
    }
    this.#reportProgress();
    return [...this.#leftOut].filter(([, count]) => count > 0).map(([reason, count]) => sentenceOf(reason, count));
  }

  async #copy(path: string, from: string): Promise<boolean> {
    const source = join(this.folder, from);
    if (!(await this.#makeFolder(dirname(path)))) return false;
    this.#countBytes((await stat(source)).size);
    try {
      await copyFile(source, join(this.folder, path), constants.COPYFILE_EXCL);
    } catch (error) {
      if (reasonOf(error) === null) throw error;
      return false;
    }
    this.fileCount += 1;
    return true;
  }

  async #create(path: string, mode: number) {
    try {
      if (!(await this.#makeFolder(dirname(path)))) return "name-taken";
      return await open(join(this.folder, path), "wx", mode);
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null) throw error;
      return reason;
    }
  }

  /** False where a file stands in the way. */
  async #makeFolder(path: string): Promise<boolean> {
    if (this.#folders.has(path)) return true;
    try {
      await mkdir(join(this.folder, path), { recursive: true });
    } catch (error) {
      if (reasonOf(error) === "name-taken") return false;
      throw error;
    }
    this.#folders.add(path);
    return true;
  }

  #reasonAgainst(path: string): LeftOutReason | null {
    const components = path.split("/");
    if (path.includes("\0") || components.some((name) => name === "" || name === "." || name === "..")) {
      return "name-unsafe";
    }
    if (components.some((name) => name.toLowerCase() === ".git")) return "name-unsafe";
    if (Buffer.byteLength(path) > maxPathBytes) return "name-too-long";
    return components.some((name) => Buffer.byteLength(name) > maxComponentBytes) ? "name-too-long" : null;
  }

  #countEntry(): void {
    this.#entryCount += 1;
    this.expect({ files: this.#entryCount, bytes: 0 });
  }

  #countBytes(count: number): void {
    this.totalBytes += count;
    this.expect({ files: 0, bytes: this.totalBytes });
  }

  #reportProgress(): void {
    this.#job.onProgress({ phase: "unpack", bytes: this.totalBytes, files: this.fileCount });
  }
}

function reasonOf(error: unknown): LeftOutReason | null {
  switch (systemErrorCode(error)) {
    case "EEXIST":
    case "ENOTDIR":
    case "EISDIR":
      return "name-taken";
    case "ENAMETOOLONG":
      return "name-too-long";
    case "EILSEQ":
    case "EINVAL":
      return "name-unsafe";
    default:
      return null;
  }
}

function isLfsPointer(head: Uint8Array, size: number): boolean {
  return size < lfsPointerMaxBytes && lfsPointerStart.equals(head.subarray(0, lfsPointerStart.length));
}
