import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { GitHubError } from "../errors.ts";
import { ensureComment } from "../github/ensure-comment.ts";
import { addReaction } from "../github/reactions.ts";
import { isGitHubError } from "../github/wrap-github-error.ts";
import { Sender } from "../handlers/handler.ts";
import type { RepositoryConfig } from "../handlers/repository-config.ts";
import type { ActionContext } from "./action-context.ts";

export const IssueCommentEvent = z.object({
  action: z.string(),
  sender: Sender,
  issue: z.object({ number: z.number().int(), pull_request: z.object({}).nullish() }),
  comment: z.object({ id: z.number().int(), body: z.string() }),
});
export type IssueCommentEvent = z.infer<typeof IssueCommentEvent>;

/** A comment that is a command, and where it is answered. */
export interface Asked {
  event: IssueCommentEvent;
  /** Null where there is none, or none that can be used. */
  repositoryConfig: RepositoryConfig | null;
  context: ActionContext;
}

/** Throws GitHubError, as `ensureAnswer` does. */
export function reactTo({ event, context }: Asked, content: "eyes" | "confused" | "-1"): Promise<void> {
  return whereGranted(() => addReaction({ ...context.at, commentId: event.comment.id, content }));
}

/** `once` names an answer that is given once on the issue, whoever's comment asks for it again. */
export async function replyTo(asked: Asked, body: string, once?: string): Promise<void> {
  await ensureAnswer(asked, { key: once ?? `reply-${asked.event.comment.id}`, body });
}

/** Brings our comment with a key to its body; its number, or null where the issue is gone. Throws GitHubError, which says what to grant where that is missing. */
export function ensureAnswer(
  { event, context: { at, botLogin } }: Asked,
  comment: { key: string; body: string },
): Promise<number | null> {
  return whereGranted(async () => {
    for (let tries = 1; ; tries++) {
      try {
        const { id } = await ensureComment({
          ...comment,
          ...at,
          issueNumber: event.issue.number,
          commentId: null,
          search: { botLogin },
        });
        return id;
      } catch (error) {
        if (!isGitHubError(error, "github-unavailable") || tries === mostTries) throw error;
        // It may have been written all the same: it is looked for first.
        await setTimeout(tries * 1000);
      }
    }
  });
}

const mostTries = 3;

async function whereGranted<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isGitHubError(error, "github-forbidden")) throw error;
    const { said, status } = error;
    throw new GitHubError({
      code: "no-permission",
      userMessage: `The comment cannot be answered: grant \`issues: write\` in the workflow's permissions, and \`pull-requests: write\` for comments on pull requests.${said && ` GitHub says "${said}".`}`,
      status,
      said,
      cause: error,
    });
  }
}
