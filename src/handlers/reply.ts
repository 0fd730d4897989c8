import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient, RepositoryName } from "../github/github-client.ts";
import type { HandlerContext } from "./handler.ts";

export interface ReplyOptions {
  context: HandlerContext;
  github: GitHubClient;
  repository: RepositoryName;
  issueNumber: number;
  body: string;
  /** Said once in an issue, however often it is asked for; else once for each delivery. */
  once?: string;
}

/** Answers a delivery with one comment, also where the delivery is handled a second time. */
export async function reply({ context, github, repository, issueNumber, body, once }: ReplyOptions): Promise<void> {
  await ensureComment({
    github,
    repository,
    issueNumber,
    key: once ?? `reply-${context.deliveryId}`,
    commentId: null,
    body,
    search: context.again || once !== undefined ? { botLogin: await context.github.botLogin() } : false,
  });
}
