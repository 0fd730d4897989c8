import { type Refusal, refuse, refuseEmpty, refuseGone } from "./explain-refusal.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readBranch } from "./read-publication.ts";
import { readRepository } from "./read-repository.ts";

/** A branch and its commit. */
export interface Base {
  branch: string;
  sha: string;
}

export interface FindBaseOptions {
  github: GitHubClient;
  repository: RepositoryName;
  /** May have another name since the caller read it. */
  defaultBranch: string;
  /** A branch that somebody named: no other is taken in its place. */
  base?: string | null;
}

/** What a pull request goes to, or why there is no such branch. */
export async function findBase({ defaultBranch, base = null, ...at }: FindBaseOptions): Promise<Base | Refusal> {
  const branch = base ?? defaultBranch;
  const sha = await readBranch(at, branch);
  if (sha) return { branch, sha };
  const repository = await readRepository(at);
  if (!repository) return refuseGone();
  if (base !== null)
    return refuse(
      "base-not-found",
      `There is no branch ${JSON.stringify(base)} for the pull request to go to: name one that exists, then ask again.`,
    );
  const renamed = await readBranch(at, repository.defaultBranch);
  return renamed ? { branch: repository.defaultBranch, sha: renamed } : refuseEmpty();
}
