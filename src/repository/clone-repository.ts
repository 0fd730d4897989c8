import { lstat, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { RunFolderError, throwIfCancelled } from "../errors.ts";
import { extractArchive, hashArchive } from "./archive.ts";
import { asCloneError, emptyRepository, repositoryError } from "./clone-errors.ts";
import {
  type AllowsHost,
  type CloneJob,
  type CloneLimits,
  type CloneProgress,
  defaultCloneLimits,
  type GitAuthorization,
} from "./clone-job.ts";
import { downloadArchive } from "./download-archive.ts";
import { fetchCommit } from "./fetch-commit.ts";
import { FileTreeWriter } from "./file-tree-writer.ts";
import { findGitFolder, type GitFolder, readOriginUrl, resolveCommit } from "./git-folder.ts";
import { type GitEnvironment, remoteGitEnvironment } from "./git-process.ts";
import { listTree, writeTree } from "./git-tree.ts";
import { nameOfPath } from "./git-url.ts";
import { copyPlainFolder, isUnreadable } from "./plain-folder.ts";
import type { Repository } from "./repository.ts";
import type {
  ArchiveFileSource,
  ArchiveUrlSource,
  FolderSource,
  GitSource,
  RepositorySource,
} from "./repository-source.ts";
import { checkSubdirectory } from "./subdirectory.ts";
import { copyWorkTree, submoduleNotes } from "./work-tree.ts";

export interface CloneRepositoryOptions {
  source: RepositorySource;
  /** A branch, a tag or a full commit id; the default branch, or a local folder as it lies there, without. */
  ref?: string | null;
  /** The part to distil, relative to the root. */
  subdirectory?: string | null;
  /** A host folder that does not exist yet; it appears whole, at the end, or not at all. */
  destination: string;
  limits?: Partial<CloneLimits>;
  /** The environment that git gets: PATH, HOME, proxies, the ssh agent. Most `GIT_*` variables are dropped. */
  gitEnvironment: GitEnvironment;
  /** For repositories that ask for a login: the value of an Authorization header for a clone URL, or null. */
  gitAuthorization?: GitAuthorization | undefined;
  /** Where remote repositories may be fetched from; everywhere without. */
  allowsHost?: AllowsHost | undefined;
  signal?: AbortSignal;
  onProgress?: (progress: CloneProgress) => void;
}

/** What one way of getting files knows about them, beside the files. */
type Facts = Pick<Repository, "kind" | "name" | "url" | "commit" | "ref" | "archiveSha256" | "modified" | "notes"> & {
  subdirectory: string | null;
};

/**
 * Brings a repository's files to `destination`: regular files only, pinned to where they came from.
 * Runs nothing that the repository brings. Throws RepositoryError, RunFolderError or CancelledError.
 */
export async function cloneRepository(options: CloneRepositoryOptions): Promise<Repository> {
  throwIfCancelled(options.signal);
  const limits = { ...defaultCloneLimits, ...options.limits };
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  const signal = AbortSignal.any([timeout, ...(options.signal === undefined ? [] : [options.signal])]);
  try {
    return await cloneWithin({ ...options, limits, signal });
  } catch (error) {
    const cancelled = options.signal?.aborted ?? false;
    throw asCloneError(error, {
      name: options.source.text,
      timeoutMs: limits.timeoutMs,
      cancelled,
      timedOut: timeout.aborted,
    });
  }
}

async function cloneWithin(
  options: CloneRepositoryOptions & { limits: CloneLimits; signal: AbortSignal },
): Promise<Repository> {
  const { source, ref = null, limits, signal, gitEnvironment, gitAuthorization, allowsHost } = options;
  const destination = resolve(options.destination);
  await using work = await makeWorkFolder(destination);
  const job: CloneJob = {
    name: source.text,
    workFolder: work.path,
    limits,
    signal,
    gitEnvironment,
    gitAuthorization,
    allowsHost,
    onProgress: options.onProgress ?? (() => undefined),
  };
  const folder = join(work.path, "files");
  await mkdir(folder);
  const writer = new FileTreeWriter(folder, job);
  const { notes, ...facts } = await takeFiles(source, ref, writer, job);
  const leftOut = await writer.finish();
  if (writer.fileCount === 0) throw emptyRepository(source.text);
  const root = facts.kind === "archive" ? await withoutSingleTop(folder) : folder;
  const subdirectory = await checkSubdirectory(root, options.subdirectory ?? facts.subdirectory);
  signal.throwIfAborted();
  await rename(root, destination);
  return {
    source: source.text,
    ...facts,
    subdirectory,
    folder: destination,
    fileCount: writer.fileCount,
    totalBytes: writer.totalBytes,
    notes: [...notes, ...leftOut],
  };
}

function takeFiles(
  source: RepositorySource,
  ref: string | null,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<Facts> {
  switch (source.kind) {
    case "git":
      return takeRemote(source, ref, writer, job);
    case "folder":
      return takeFolder(source, ref, writer, job);
    case "archive-file":
    case "archive-url":
      return takeArchive(source, ref, writer, job);
  }
}

async function takeRemote(
  source: GitSource,
  ref: string | null,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<Facts> {
  const fetched = await fetchCommit(source, ref, job);
  const access = { gitFolder: fetched.gitFolder, environment: remoteGitEnvironment(job.gitEnvironment) };
  const entries = await listTree(fetched.commit, access, job);
  const submodules = await writeTree({ entries, access }, writer, job);
  const { commit, subdirectory } = fetched;
  const facts = { kind: "git", name: source.name, url: source.webUrl, archiveSha256: null, modified: false } as const;
  return { ...facts, commit, ref: fetched.ref, subdirectory, notes: submoduleNotes(submodules) };
}

async function takeFolder(
  source: FolderSource,
  ref: string | null,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<Facts> {
  const found = await findGitFolder(source.folder, job).catch((error) => {
    throw isUnreadable(error) ? sourceUnreadable(source, error) : error;
  });
  const facts = found === null ? null : await takeGitFolder(source, found, ref, writer, job);
  if (facts !== null) return facts;
  if (ref !== null) throw noHistory(source.text);
  await copyPlainFolder(found?.folder ?? source.folder, writer, job);
  const notes = found === null ? [] : ["The folder lies in a git repository without a commit of its files."];
  return { ...withoutHistory, kind: "folder", name: source.name, url: null, archiveSha256: null, notes };
}

/** Null where git tracks nothing of the folder. */
async function takeGitFolder(
  source: FolderSource,
  found: GitFolder,
  ref: string | null,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<Facts | null> {
  const commit = await resolveCommit(found, ref, job);
  if (commit === null) return null;
  const url = await readOriginUrl(found, job);
  const name = url === null || found.prefix !== "" ? source.name : nameOfPath(new URL(url).pathname);
  const facts = { kind: "git", name, url, commit, ref, archiveSha256: null, subdirectory: null } as const;
  if (ref === null && found.top !== null) {
    const copy = await copyWorkTree({ found, top: found.top, commit }, writer, job);
    return copy === null ? null : { ...facts, ...copy };
  }
  const entries = (await listTree(commit, found, job)).flatMap((entry) => {
    if (entry.path === null) return [entry];
    return entry.path.startsWith(found.prefix) ? [{ ...entry, path: entry.path.slice(found.prefix.length) }] : [];
  });
  const submodules = await writeTree({ entries, access: found }, writer, job);
  return { ...facts, modified: false, notes: submoduleNotes(submodules) };
}

async function takeArchive(
  source: ArchiveFileSource | ArchiveUrlSource,
  ref: string | null,
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<Facts> {
  if (ref !== null) throw noHistory(source.text);
  const { file, sha256 } =
    source.kind === "archive-url"
      ? await downloadArchive(source, job)
      : { file: source.file, sha256: await hashArchive(source.file, job) };
  await extractArchive(file, writer, job);
  const url = source.kind === "archive-url" ? source.webUrl : null;
  return { ...withoutHistory, kind: "archive", name: source.name, url, archiveSha256: sha256, notes: [] };
}

const withoutHistory = { commit: null, ref: null, subdirectory: null, modified: false };

/** Most archives hold one folder, named after project and version, with everything in it. */
async function withoutSingleTop(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const [only] = entries;
  return entries.length === 1 && only?.isDirectory() ? join(folder, only.name) : folder;
}

/** A sibling of the destination, so that the rename at the end stays on one disk and is atomic. */
async function makeWorkFolder(destination: string): Promise<AsyncDisposable & { path: string }> {
  const isThere = await lstat(destination).then(
    () => true,
    () => false,
  );
  if (isThere) {
    throw new RunFolderError({
      code: "destination-exists",
      userMessage: `The folder "${basename(destination)}" to clone into exists already: give another with --out, or remove it.`,
    });
  }
  await mkdir(dirname(destination), { recursive: true });
  await removeStale(destination);
  const path = await mkdtemp(`${destination}.partial-`);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** What a killed run left: a destination belongs to one run, so nobody else is at work there. */
async function removeStale(destination: string): Promise<void> {
  const parent = dirname(destination);
  const stale = (await readdir(parent)).filter((name) => name.startsWith(`${basename(destination)}.partial-`));
  for (const name of stale) await rm(join(parent, name), { recursive: true, force: true });
}

function noHistory(name: string) {
  return repositoryError({
    code: "ref-without-history",
    userMessage: `${name} has no git history, so --ref means nothing there: leave it out.`,
  });
}

function sourceUnreadable(source: FolderSource, cause: unknown) {
  return repositoryError({
    code: "source-unreadable",
    userMessage: `The folder ${source.text} cannot be read: check that it is still there and its permissions.`,
    cause,
  });
}
