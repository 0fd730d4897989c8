import { z } from "zod";
import { listAllowedHosts } from "../app-config.ts";
import { addReaction } from "../github/reactions.ts";
import { admit } from "./admit.ts";
import { type Command, parseCommand } from "./command.ts";
import { defineHandler, type HandlerContext, InstallationId, Repository, Sender } from "./handler.ts";
import { renderConfigError, renderRefusal } from "./replies.ts";
import { reply } from "./reply.ts";
import { runCommand } from "./run-command.ts";

/** What is kept of a comment, in characters: more than a command may have. */
const mostBody = 4000;

const IssueCommentEvent = z.object({
  action: z.string(),
  installation: InstallationId,
  repository: Repository,
  sender: Sender,
  issue: z.object({ number: z.number().int(), pull_request: z.object({}).nullish() }),
  comment: z.object({ id: z.number().int(), body: z.string().transform((body) => body.slice(0, mostBody)) }),
});
export type IssueCommentEvent = z.infer<typeof IssueCommentEvent>;

/** A comment whose first line is a command. */
export const issueCommentHandler = defineHandler({
  name: "issue-comment",
  event: "issue_comment",
  actions: ["created"],
  payload: IssueCommentEvent,
  wants: ({ comment }) => parseCommand(comment.body) !== null,
  handle: handleIssueComment,
});

async function handleIssueComment(event: IssueCommentEvent, context: HandlerContext): Promise<void> {
  const { repository: named, sender, issue, comment, installation } = event;
  const command = parseCommand(comment.body, listAllowedHosts(context.config));
  // Our own words begin with no command, but a text that they quote might one day.
  if (!command || sender.login === (await context.github.botLogin())) return;
  const github = await context.github.client(installation.id);
  const admission = await admit({
    github,
    repositoryId: named.id,
    installation: await context.store.installations.get(installation.id),
    settings: context.config.settings,
    sender,
  });
  if (admission.kind === "gone") return;
  const { repository } = admission;
  const at = { github, repository: { owner: repository.owner, repo: repository.name } };
  const answer = (body: string, once?: string): Promise<void> =>
    reply({ ...at, context, issueNumber: issue.number, body, ...(once === undefined ? {} : { once }) });
  const react = (content: "eyes" | "confused" | "-1"): Promise<void> =>
    addReaction({ ...at, commentId: comment.id, content });
  if (admission.kind === "refused") {
    context.log.info({ login: sender.login, reasonCode: admission.reasonCode }, "command refused");
    await react("-1");
    // Two bots that answer each other would never end.
    return admission.reasonCode === "bot-refused"
      ? undefined
      : answer(renderRefusal(admission), `refused-${sender.login}`);
  }
  if (admission.kind === "misconfigured" && needsConfig(command)) {
    await react("confused");
    return answer(renderConfigError(admission));
  }
  await react(command.kind === "misunderstood" ? "confused" : "eyes");
  const repositoryConfig = admission.kind === "admitted" ? admission.repositoryConfig : null;
  const body = await runCommand({ command, event, context, github, repository, repositoryConfig });
  if (body !== null) await answer(body);
}

/** What makes no run can be had whatever the repository's configuration is. */
function needsConfig({ kind }: Command): boolean {
  return kind === "distill" || kind === "retry" || kind === "revise";
}
