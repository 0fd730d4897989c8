import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { RepositoryError } from "../errors.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readGitHub } from "./wrap-github-error.ts";

export interface CommitFile {
  /** From the repository's root, `/` between parts. */
  path: string;
  mode: "100644" | "100755";
  content: Buffer;
}

export interface CommitFilesOptions {
  github: GitHubClient;
  repository: RepositoryName;
  /** The commit that the new one follows. */
  baseSha: string;
  files: readonly CommitFile[];
  /** Paths of files that are there and shall not be. */
  deletions: readonly string[];
  message: string;
  /** Where files may lie: folders that end in `/`, and single files. */
  within: readonly string[];
}

interface TreeItem {
  path: string;
  mode: "100644" | "100755";
  type: "blob";
  sha?: string | null;
  content?: string;
}

/** Of one request: text in bytes, and entries. Binary files are requests of their own. */
const maxInlineBytes = 1_000_000;
const maxEntries = 500;

const Sha = z.object({ sha: z.string() });
const Commit = z.object({ tree: Sha });

/**
 * One commit on top of another, without a branch. It names no author and no committer, so that GitHub signs it as the app's.
 * Null where it would change nothing. Throws RepositoryError `unsafe-path` before anything is sent.
 */
export async function commitFiles(options: CommitFilesOptions): Promise<string | null> {
  const { github, repository, baseSha, files, deletions, message, within } = options;
  for (const path of [...files.map((file) => file.path), ...deletions]) refuseUnsafePath(path, within);
  const base = await readGitHub("Reading the commit to build on", Commit, () =>
    github.rest.git.getCommit({ ...repository, commit_sha: baseSha }),
  );
  const items = await uploadFiles(options);
  let tree = base.tree.sha;
  for (const part of splitItems(items)) tree = await createTree(options, tree, part);
  if (tree === base.tree.sha) return null;
  const commit = await readGitHub("Making the commit", Sha, () =>
    github.rest.git.createCommit({ ...repository, message, tree, parents: [baseSha] }),
  );
  return commit.sha;
}

/** The number under which Git knows a file's content. */
export function hashBlob(content: Buffer): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

async function uploadFiles({ github, repository, files, deletions }: CommitFilesOptions): Promise<TreeItem[]> {
  const items: TreeItem[] = deletions.map((path) => ({ path, mode: "100644", type: "blob", sha: null }));
  const uploaded = new Map<string, string>();
  for (const { path, mode, content } of files) {
    if (mayStandInline(content)) {
      items.push({ path, mode, type: "blob", content: content.toString("utf8") });
      continue;
    }
    const hash = hashBlob(content);
    const sha = uploaded.get(hash) ?? (await createBlob({ github, repository }, path, content));
    uploaded.set(hash, sha);
    items.push({ path, mode, type: "blob", sha });
  }
  return items;
}

/** An empty file too goes as a blob: empty text in a tree is easily taken for none. */
function mayStandInline(content: Buffer): boolean {
  return content.length > 0 && content.length < maxInlineBytes && isUtf8(content) && !content.includes(0);
}

async function createBlob(
  { github, repository }: Pick<CommitFilesOptions, "github" | "repository">,
  path: string,
  content: Buffer,
): Promise<string> {
  const blob = await readGitHub(`Sending ${path}`, Sha, () =>
    github.rest.git.createBlob({ ...repository, content: content.toString("base64"), encoding: "base64" }),
  );
  return blob.sha;
}

async function createTree(
  { github, repository }: CommitFilesOptions,
  baseTree: string,
  items: TreeItem[],
): Promise<string> {
  const tree = await readGitHub("Sending the files", Sha, () =>
    github.rest.git.createTree({ ...repository, base_tree: baseTree, tree: items }),
  );
  return tree.sha;
}

function splitItems(items: readonly TreeItem[]): TreeItem[][] {
  const parts: TreeItem[][] = [];
  let bytes = 0;
  for (const item of items) {
    const own = Buffer.byteLength(item.content ?? "");
    const last = parts.at(-1);
    if (!last || last.length >= maxEntries || bytes + own > maxInlineBytes) {
      parts.push([item]);
      bytes = own;
    } else {
      last.push(item);
      bytes += own;
    }
  }
  return parts;
}

function refuseUnsafePath(path: string, within: readonly string[]): void {
  const parts = path.split("/");
  const isSafe =
    within.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place)) &&
    !/[\\\p{Cc}]/u.test(path) &&
    path.isWellFormed() &&
    parts.every((part) => !["", ".", "..", ".git", ".github"].includes(part.toLowerCase()));
  if (isSafe) return;
  throw new RepositoryError({
    code: "unsafe-path",
    userMessage: `The file ${JSON.stringify(path)} cannot be published under this name: give it a plain name inside ${within.join(" or ")}.`,
  });
}
