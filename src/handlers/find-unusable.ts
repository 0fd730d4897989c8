import type { GitHubClient } from "../github/github-client.ts";
import { readBranch } from "../github/read-publication.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import { isGitHubError } from "../github/wrap-github-error.ts";

/** Why a repository can take no example, in a sentence; null where it can. */
export async function findUnusable(github: GitHubClient, repository: RepositoryFacts): Promise<string | null> {
  if (repository.archived) return "The repository is archived: it can take no pull request.";
  if (repository.disabled) return "GitHub has disabled the repository.";
  return (await isEmpty(github, repository)) ? "The repository is empty: push a commit first." : null;
}

/** GitHub counts sizes in KiB, and long after a push: where it says 0, only the branch itself tells. */
async function isEmpty(github: GitHubClient, { empty, owner, name, defaultBranch }: RepositoryFacts): Promise<boolean> {
  if (!empty) return false;
  try {
    return (await readBranch({ github, repository: { owner, repo: name } }, defaultBranch)) === null;
  } catch (error) {
    if (isGitHubError(error, "github-conflict")) return true;
    throw error;
  }
}
