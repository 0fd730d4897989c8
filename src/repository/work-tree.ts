import { createHash, type Hash } from "node:crypto";
import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { oneLine } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import type { FileTreeWriter } from "./file-tree-writer.ts";
import { callGit, type GitFolder } from "./git-folder.ts";
import { type GitTreeEntry, listTree, parseTreeEntries } from "./git-tree.ts";
import { isUnreadable } from "./plain-folder.ts";
import { openRegularFile } from "./regular-file.ts";

export interface WorkTreeCopy {
  notes: string[];
  /** Tracked files differ from the commit. */
  modified: boolean;
}

interface TrackedFile {
  path: string;
  /** Null for a file that is staged but in no commit. */
  blobId: string | null;
}

/** `git ls-files --others` walks the whole folder; past this it is not worth waiting for. Milliseconds. */
const untrackedTimeoutMs = 10_000;
const maxNormalizedBytes = 32 * 1024 ** 2;

/**
 * Copies the tracked files as they lie in the work tree, without git: git would run the filters that the folder
 * configures. Each file's blob id is computed to tell what differs. Null when nothing below the folder is tracked.
 */
export async function copyWorkTree(
  { found, top, commit }: { found: GitFolder; top: string; commit: string },
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<WorkTreeCopy | null> {
  const committed = await listTree(commit, found, job);
  const staged = await listIndex(found, job);
  const { files, submodules } = selectTracked({ committed, staged, prefix: found.prefix }, writer);
  if (files.length === 0 && submodules.length === 0) return null;
  const copier = new WorkTreeCopier(top, found.prefix, writer, job);
  for (const file of files) await copier.copy(file);
  writer.leaveOut("untracked", await countUntracked(found, job));
  return { notes: notesOf({ copier, commit, submodules }), modified: copier.differing.length + copier.added > 0 };
}

/** Names a few paths and counts the rest. */
function listPaths(paths: readonly string[]): string {
  const shown = paths
    .slice(0, 5)
    .map((path) => oneLine(path, 120))
    .join(", ");
  return paths.length > 5 ? `${shown} and ${paths.length - 5} more` : shown;
}

export function submoduleNotes(paths: readonly string[]): string[] {
  return paths.length === 0 ? [] : [`Submodules were left out: ${listPaths(paths)}.`];
}

class WorkTreeCopier {
  readonly differing: string[] = [];
  readonly missing: string[] = [];
  added = 0;
  readonly #top: string;
  readonly #prefix: string;
  readonly #writer: FileTreeWriter;
  readonly #job: CloneJob;
  readonly #realFolders = new Map<string, boolean>([[".", true]]);

  constructor(top: string, prefix: string, writer: FileTreeWriter, job: CloneJob) {
    this.#top = top;
    this.#prefix = prefix;
    this.#writer = writer;
    this.#job = job;
  }

  async copy(file: TrackedFile): Promise<void> {
    try {
      if (await this.#isRealFolder(dirname(file.path))) await this.#copyEntry(file);
      else this.missing.push(file.path.slice(this.#prefix.length));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const isGone = error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
      if (isGone) this.missing.push(file.path.slice(this.#prefix.length));
      else this.#writer.leaveOut("unreadable");
    }
  }

  async #copyEntry({ path: fullPath, blobId }: TrackedFile): Promise<void> {
    const source = join(this.#top, fullPath);
    const path = fullPath.slice(this.#prefix.length);
    const stats = await lstat(source);
    if (stats.isSymbolicLink()) {
      const target = await readlink(source);
      this.#compare(path, hashBlob(Buffer.from(target), blobId), blobId);
      return this.#writer.addLink(path, target);
    }
    await using file = await openRegularFile(source, this.#job.signal, stats);
    if (file === null) return this.#writer.leaveOut("special-file");
    const hash = startBlobHash(file.size, blobId);
    const content = passThrough(file.chunks(), hash);
    if (!(await this.#writer.addFile({ path, executable: file.executable, content }))) return;
    const id = hash.digest("hex");
    // A checkout may have turned line feeds into CR LF: that is no change.
    const isOther = blobId !== null && id !== blobId && file.size <= maxNormalizedBytes;
    const normalized = isOther ? hashBlob(withLineFeeds(await collect(file.chunks())), blobId) : id;
    this.#compare(path, normalized, blobId);
  }

  #compare(path: string, id: string, blobId: string | null): void {
    if (blobId === null) this.added += 1;
    else if (blobId !== id) this.differing.push(path);
  }

  /** A tracked file below a folder that has become a link would be read from elsewhere. */
  async #isRealFolder(path: string): Promise<boolean> {
    const known = this.#realFolders.get(path);
    if (known !== undefined) return known;
    const isReal = (await this.#isRealFolder(dirname(path))) && (await lstat(join(this.#top, path))).isDirectory();
    this.#realFolders.set(path, isReal);
    return isReal;
  }
}

async function listIndex(found: GitFolder, job: CloneJob): Promise<GitTreeEntry[]> {
  const { exitCode, stdout } = await callGit(found, ["ls-files", "--stage", "--full-name", "-z"], job);
  return exitCode === 0 ? parseTreeEntries(stdout, / ([0-9a-f]+) \d$/) : [];
}

/** The commit's files below the folder, and those staged on top of it. */
function selectTracked(
  { committed, staged, prefix }: { committed: GitTreeEntry[]; staged: GitTreeEntry[]; prefix: string },
  writer: FileTreeWriter,
): { files: TrackedFile[]; submodules: string[] } {
  const files = new Map<string, TrackedFile>();
  const submodules = new Set<string>();
  for (const entries of [committed, staged]) {
    for (const { path, kind, id } of entries) {
      if (path === null) {
        if (entries === committed) writer.leaveOut("name-not-utf8");
      } else if (!path.startsWith(prefix)) continue;
      else if (kind === "submodule") submodules.add(path.slice(prefix.length));
      else if (!files.has(path)) files.set(path, { path, blobId: entries === committed ? id : null });
    }
  }
  return { files: [...files.values()], submodules: [...submodules] };
}

/** 0 where it takes too long to find out. */
async function countUntracked(found: GitFolder, job: CloneJob): Promise<number> {
  const signal = AbortSignal.any([job.signal, AbortSignal.timeout(untrackedTimeoutMs)]);
  try {
    const { exitCode, stdout } = await callGit(
      found,
      ["ls-files", "--others", "--exclude-standard", "-z"],
      job,
      signal,
    );
    return exitCode === 0 ? stdout.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0) : 0;
  } catch {
    job.signal.throwIfAborted();
    return 0;
  }
}

function notesOf({ copier, commit, submodules }: { copier: WorkTreeCopier; commit: string; submodules: string[] }) {
  const { differing, missing, added } = copier;
  const id = commit.slice(0, 12);
  return [
    ...(differing.length === 0
      ? []
      : [`${counted(differing.length, "file differs", "files differ")} from commit ${id}: ${listPaths(differing)}.`]),
    ...(added === 0 ? [] : [`${counted(added, "file is", "files are")} staged but not in commit ${id}.`]),
    ...(missing.length === 0
      ? []
      : [
          `${counted(missing.length, "file", "files")} of commit ${id} ${missing.length === 1 ? "is" : "are"} missing here: ${listPaths(missing)}.`,
        ]),
    ...submoduleNotes(submodules),
  ];
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** git's object id: the hash of `blob <size>\0` and the bytes; SHA-256 in repositories that use it. */
function startBlobHash(size: number, likeId: string | null): Hash {
  return createHash(likeId?.length === 64 ? "sha256" : "sha1").update(`blob ${size}\0`);
}

function hashBlob(bytes: Buffer, likeId: string | null): string {
  return startBlobHash(bytes.length, likeId).update(bytes).digest("hex");
}

async function* passThrough(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const collected: Buffer[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return Buffer.concat(collected);
}

function withLineFeeds(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
}
