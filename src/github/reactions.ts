import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { callGitHub, nullWhenGone } from "./wrap-github-error.ts";

type Reaction = "+1" | "-1" | "laugh" | "confused" | "heart" | "hooray" | "rocket" | "eyes";

export type AddReactionOptions = {
  github: GitHubClient;
  repository: RepositoryName;
  content: Reaction;
} & ({ commentId: number } | { issueNumber: number });

/** To a comment, or else to the issue or pull request itself. Quiet where it is there already, or what it is for is gone. */
export async function addReaction({ github, repository, content, ...at }: AddReactionOptions): Promise<void> {
  const { reactions } = github.rest;
  await nullWhenGone(
    callGitHub<unknown>("Reacting to the comment", () =>
      "commentId" in at
        ? reactions.createForIssueComment({ ...repository, comment_id: at.commentId, content })
        : reactions.createForIssue({ ...repository, issue_number: at.issueNumber, content }),
    ),
  );
}
