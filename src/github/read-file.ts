import { RepositoryError } from "../errors.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readText, readTree, type TextProblem, type TreeEntry } from "./read-tree.ts";
import { isGitHubError } from "./wrap-github-error.ts";

const maxReadBytes = 64 * 1024;

export interface ReadFileOptions {
  github: GitHubClient;
  repository: RepositoryName;
  /** From the repository's root, `/` between parts. */
  path: string;
}

/**
 * A text file of the default branch; null where there is none. Throws RepositoryError `file-not-readable` for a folder, a
 * link, a submodule, more than 64 KiB, and what is not UTF-8. Git's own trees are read, since GitHub's contents follow links
 * without saying so.
 */
export async function readFile({ github, repository, path }: ReadFileOptions): Promise<string | null> {
  const parts = path.split("/");
  const name = parts.pop();
  let entries = await readRoot({ github, repository });
  for (const part of parts) {
    const folder = entries.find((entry) => entry.path === part && entry.type === "tree");
    if (!folder) return null;
    entries = await readTree({ github, repository }, folder.sha);
  }
  const entry = entries.find((each) => each.path === name);
  if (!entry) return null;
  const read = await readText({ github, repository }, entry, maxReadBytes);
  if ("text" in read) return read.text;
  throw new RepositoryError({
    code: "file-not-readable",
    userMessage: `${path} ${problems[read.problem]}: make it a plain text file of at most ${maxReadBytes / 1024} KiB on the default branch.`,
  });
}

const problems: Record<TextProblem, string> = {
  "not-a-file": "is not a plain file",
  "too-large": `is larger than ${maxReadBytes / 1024} KiB`,
  "not-text": "is not UTF-8",
};

/** Nothing where there is no commit yet, which GitHub answers with 404 or 409. */
async function readRoot(place: Omit<ReadFileOptions, "path">): Promise<TreeEntry[]> {
  try {
    return await readTree(place, "HEAD");
  } catch (error) {
    if (isGitHubError(error, "github-not-found") || isGitHubError(error, "github-conflict")) return [];
    throw error;
  }
}
