import { GitHubError } from "../errors.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readBranch } from "./read-publication.ts";
import { callGitHub } from "./wrap-github-error.ts";

export interface PutBranchOptions {
  github: GitHubClient;
  repository: RepositoryName;
  branch: string;
  sha: string;
  /** The branch is there and goes on from this commit. */
  onTopOf?: string;
  /** The branch is there with nothing but old commits of ours, which it loses. */
  insteadOf?: string;
}

/** Neither: the branch is made. Throws GitHubError `github-conflict` where it is not as the caller saw it. */
export async function putBranch({
  github,
  repository,
  branch,
  sha,
  onTopOf,
  insteadOf,
}: PutBranchOptions): Promise<void> {
  const { git } = github.rest;
  if (!onTopOf && !insteadOf) {
    await callGitHub("Making the branch", () => git.createRef({ ...repository, ref: `refs/heads/${branch}`, sha }));
    return;
  }
  // Files were sent since it was read, and what is forced asks nobody.
  if (insteadOf && (await readBranch({ github, repository }, branch)) !== insteadOf) throw movedMeanwhile(branch);
  await callGitHub("Moving the branch", () =>
    git.updateRef({ ...repository, ref: `heads/${branch}`, sha, force: insteadOf !== undefined }),
  );
}

function movedMeanwhile(branch: string): GitHubError {
  return new GitHubError({
    code: "github-conflict",
    userMessage: `Somebody pushed to ${branch} at the same time: try again.`,
    retryable: true,
  });
}
