import { BlobReader } from "./blob-reader.ts";
import { repositoryError } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import type { FileTreeWriter } from "./file-tree-writer.ts";
import { lastWords } from "./git-errors.ts";
import { runGit, startGit } from "./git-process.ts";
import { decodeName } from "./utf8-name.ts";

/** How to call git on one repository. */
export interface GitAccess {
  gitFolder: string;
  environment: Record<string, string>;
}

export interface GitTreeEntry {
  kind: "file" | "executable" | "link" | "submodule";
  /** The blob's id; for a submodule its commit. */
  id: string;
  /** `/`-separated, or null where the name is not UTF-8. */
  path: string | null;
}

/** A link's target longer than PATH_MAX leads nowhere. */
const maxLinkBytes = 4096;

export async function listTree(commit: string, access: GitAccess, job: CloneJob): Promise<GitTreeEntry[]> {
  const { exitCode, stdout, stderr } = await runGit({
    args: [`--git-dir=${access.gitFolder}`, "ls-tree", "-r", "-z", "--full-tree", commit],
    folder: job.workFolder,
    environment: access.environment,
    signal: job.signal,
  });
  if (exitCode !== 0) {
    throw repositoryError({
      code: "repository-corrupt",
      userMessage: `The git data of ${job.name} cannot be read (${lastWords(stderr)}): clone it anew, or give a copy without its .git folder.`,
    });
  }
  return parseTreeEntries(stdout, / (?:blob|commit) ([0-9a-f]+)$/);
}

/** Writes the files of a commit as they are stored: no filters, no line-ending conversion, no links. Returns the submodules' paths. */
export async function writeTree(
  { entries, access }: { entries: GitTreeEntry[]; access: GitAccess },
  writer: FileTreeWriter,
  job: CloneJob,
): Promise<string[]> {
  const named = entries.filter((entry): entry is GitTreeEntry & { path: string } => entry.path !== null);
  writer.leaveOut("name-not-utf8", entries.length - named.length);
  const blobs = named.filter(({ kind }) => kind !== "submodule");
  const sizes = await readSizes(
    blobs.map(({ id }) => id),
    access,
    job,
  );
  const present = blobs.filter((_, index) => sizes[index] !== null);
  writer.leaveOut("missing", blobs.length - present.length);
  writer.expect({ files: present.length, bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) });
  await using git = startGit({
    args: [`--git-dir=${access.gitFolder}`, "cat-file", "--batch", "--buffer"],
    folder: job.workFolder,
    environment: access.environment,
    signal: job.signal,
  });
  git.stdin.end(present.map(({ id }) => `${id}\n`).join(""));
  const reader = new BlobReader(git.stdout);
  for (const entry of present) await writeBlob(entry, reader, writer);
  await git.outcome;
  return named.filter(({ kind }) => kind === "submodule").map(({ path }) => path);
}

async function writeBlob(
  entry: GitTreeEntry & { path: string },
  reader: BlobReader,
  writer: FileTreeWriter,
): Promise<void> {
  const size = await reader.nextBlob();
  if (entry.kind === "link") {
    if (size <= maxLinkBytes) writer.addLink(entry.path, (await reader.readRest()).toString("utf8"));
    else writer.leaveOut("link");
  } else {
    await writer.addFile({ path: entry.path, executable: entry.kind === "executable", content: reader.chunks() });
  }
  await reader.skipRest();
}

/** Bytes of each blob; null for one that this clone lacks. */
async function readSizes(ids: string[], access: GitAccess, job: CloneJob): Promise<(number | null)[]> {
  await using git = startGit({
    args: [`--git-dir=${access.gitFolder}`, "cat-file", "--batch-check=%(objecttype) %(objectsize)", "--buffer"],
    folder: job.workFolder,
    environment: access.environment,
    signal: job.signal,
  });
  git.stdin.end(ids.map((id) => `${id}\n`).join(""));
  const chunks: Buffer[] = [];
  for await (const chunk of git.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  await git.outcome;
  const lines = Buffer.concat(chunks).toString("latin1").split("\n");
  return ids.map((_, index) => {
    const [, size] = /^blob (\d+)$/.exec(lines[index] ?? "") ?? [];
    return size === undefined ? null : Number(size);
  });
}

/** Reads `<mode> ...<id>\t<path>\0` records, the form of `ls-tree -z` and `ls-files -s -z`. */
export function parseTreeEntries(output: Buffer, idPattern: RegExp): GitTreeEntry[] {
  const entries: GitTreeEntry[] = [];
  for (let start = 0; start < output.length; ) {
    const tab = output.indexOf(9, start);
    const end = output.indexOf(0, start);
    if (tab === -1 || end === -1) break;
    const facts = output.toString("latin1", start, tab);
    const kind = kindOfMode(facts.slice(0, 6));
    const id = idPattern.exec(facts)?.[1];
    if (kind !== null && id !== undefined) {
      entries.push({ kind, id, path: decodeName(output.subarray(tab + 1, end)) });
    }
    start = end + 1;
  }
  return entries;
}

function kindOfMode(mode: string): GitTreeEntry["kind"] | null {
  if (mode === "120000") return "link";
  if (mode === "160000") return "submodule";
  if (!mode.startsWith("100")) return null;
  return mode === "100755" ? "executable" : "file";
}
