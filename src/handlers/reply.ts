import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient, RepositoryName } from "../github/github-client.ts";
import type { HandlerContext } from "./handler.ts";

export interface ReplyOptions {
  context: HandlerContext;
  github: GitHubClient;
  repository: RepositoryName;
  issueNumber: number;
  body: string;
}

/** Answers a delivery with one comment, also where the delivery is handled a second time. */
export async function reply({ context, github, repository, issueNumber, body }: ReplyOptions): Promise<void> {
  await ensureComment({
    github,
    repository,
    issueNumber,
    key: `reply-${context.deliveryId}`,
    commentId: null,
    body,
    search: context.again ? { botLogin: await context.github.botLogin() } : false,
  });
}
