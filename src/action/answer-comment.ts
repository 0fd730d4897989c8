import { AppSettings } from "../app-settings.ts";
import { ConfigError, DistillerError } from "../errors.ts";
import { findKey } from "../github/ensure-comment.ts";
import { cancelWorkflowRun, rerunWorkflowRun } from "../github/workflow-runs.ts";
import { admit } from "../handlers/admit.ts";
import { type Command, parseCommand } from "../handlers/command.ts";
import { renderConfigError, renderHelp, renderNothingTo, renderRefusal } from "../handlers/replies.ts";
import { endWithError } from "../jobs/end-run.ts";
import { renderProgress } from "../jobs/render-progress.ts";
import type { ToldRun } from "../store/run-record.ts";
import type { ActionContext } from "./action-context.ts";
import type { ExampleResult } from "./action-result.ts";
import { beginRun, distillExample } from "./distill-example.ts";
import { findRequested, findRevised, type Requested } from "./find-requested.ts";
import type { Wanted } from "./find-wanted.ts";
import { forgetOpenComment, keepOpenComment } from "./post-step.ts";
import { createProgressComment, keyOfRun, runKey } from "./progress-comment.ts";
import { type Asked, ensureAnswer, IssueCommentEvent, reactTo, replyTo } from "./reply-to-comment.ts";

/** What became of a comment; `example` where it asked for a run that was made. */
export interface CommentAnswer {
  reasonCode: "no-command" | "refused" | "answered" | "distilled";
  explanation: string;
  example: ExampleResult | null;
}

/** Does what a comment asks for, if it asks for something and whoever wrote it may. Its text reaches a parser and GitHub, nothing else. */
export async function answerComment(context: ActionContext): Promise<CommentAnswer> {
  const event = readEvent(context);
  const hosts = { gitHubHost: context.workflow.serverHost };
  const command = event.action === "created" ? parseCommand(event.comment.body, hosts) : null;
  if (!command) return done("no-command", "This is no new comment that begins with /distill.");
  const admission = await admit({
    github: context.github,
    repositoryId: context.repository.id,
    // A workflow is its own installation: nobody can suspend it, and it serves nobody else.
    installation: null,
    settings: AppSettings.parse({}),
    sender: event.sender,
  });
  if (admission.kind === "gone") return done("refused", "The repository is gone.");
  const repositoryConfig = admission.kind === "admitted" ? admission.repositoryConfig : null;
  const asked = { event, repositoryConfig, context };
  if (admission.kind === "refused") {
    await reactTo(asked, "-1");
    // Two bots that answer each other would never end.
    if (admission.reasonCode !== "bot-refused")
      await replyTo(asked, renderRefusal(admission), `refused-${event.sender.login}`);
    return done("refused", admission.sentence);
  }
  const makesRun = command.kind === "distill" || command.kind === "revise";
  if (admission.kind === "misconfigured" && makesRun) {
    await reactTo(asked, "confused");
    await replyTo(asked, renderConfigError(admission));
    return done("refused", admission.problem);
  }
  await reactTo(asked, command.kind === "misunderstood" ? "confused" : "eyes");
  return obeyOrExplain(command, asked);
}

function readEvent({ workflow: { eventName, payload } }: ActionContext): IssueCommentEvent {
  const parsed = IssueCommentEvent.safeParse(payload);
  if (eventName === "issue_comment" && parsed.success) return parsed.data;
  throw new ConfigError({
    code: "not-a-comment",
    userMessage: `command: comment answers the event issue_comment, and this is ${eventName}. Set on: issue_comment in the workflow, or another command.`,
  });
}

/** What keeps a run from being made is told where it was asked for, as well as with the workflow. */
async function obeyOrExplain(command: Command, asked: Asked): Promise<CommentAnswer> {
  try {
    return await obey(command, asked);
  } catch (error) {
    if (error instanceof DistillerError)
      // Where answers are what fails, the first failure says more.
      await replyTo(asked, renderRefusal({ sentence: error.userMessage })).catch(() => undefined);
    throw error;
  }
}

async function obey(command: Command, asked: Asked): Promise<CommentAnswer> {
  const answer = async (body: string, explanation: string): Promise<CommentAnswer> => {
    await replyTo(asked, body);
    return done("answered", explanation);
  };
  switch (command.kind) {
    case "help":
      return answer(renderHelp({ problem: null, label: null }), "The commands were listed.");
    case "misunderstood":
      return answer(renderHelp({ problem: command.problem, label: null }), command.problem);
    case "status":
      return answer(
        `The runs of this repository's workflows: ${asked.context.repository.htmlUrl}/actions`,
        "Where runs are listed was told.",
      );
    case "cancel":
    case "retry":
      return actOnRun(command.kind, asked);
    case "distill":
      return request(await findRequested(command, asked), command.dryRun, asked);
    case "revise":
      return request(await findRevised(command.feedback, asked), false, asked);
  }
}

async function request(requested: Requested, dryRun: boolean, asked: Asked): Promise<CommentAnswer> {
  if (!("problem" in requested)) return distill(requested.wanted, dryRun, asked);
  await replyTo(asked, requested.problem);
  return done("answered", "It could not be done; the answer says why.");
}

async function distill(wanted: Wanted, dryRun: boolean, asked: Asked): Promise<CommentAnswer> {
  const { event, context } = asked;
  const { at, workflow, say } = context;
  const key = keyOfRun(workflow.runId);
  const pageUrl = workflow.runUrl;
  const run = beginRun({ wanted, requestedBy: event.sender.login, dryRun, context });
  // A workflow run that is started again goes on with its comment.
  const body = renderProgress({ run, place: null, now: new Date(), pageUrl, pageHolds: "log" });
  const commentId = await ensureAnswer(asked, { key, body });
  if (commentId === null) return done("refused", "The issue is gone.");
  const place = { repository: at.repository, issueNumber: event.issue.number, key, commentId };
  const keep = keepAsSpent((told) => keepOpenComment(place, told));
  keep(run);
  using comment = createProgressComment({ github: at.github, place, pageUrl, warn: say });
  try {
    const example = await distillExample({
      wanted,
      run,
      door: "workflow-comment",
      explicit: true,
      onProgress: (told) => {
        comment.show(told);
        keep(told);
      },
      context,
    });
    return { reasonCode: "distilled", explanation: example.explanation, example };
  } finally {
    if (run.status !== "finished") comment.show(Object.assign(run, endAtFault));
    // What GitHub does not take now, the step after the job says again.
    if (await comment.end()) forgetOpenComment();
    else keepOpenComment(place, run);
  }
}

const endAtFault: Pick<ToldRun, "status" | "ending"> = {
  status: "finished",
  ending: endWithError("internal-error", "An unexpected fault of CodeDistiller.", "workflow-comment"),
};

/** What a run has cost is told also where its process is killed. */
function keepAsSpent(keep: (run: ToldRun) => void): (run: ToldRun) => void {
  let keptUsd = Number.NaN;
  return (run) => {
    if (run.costUsd === keptUsd) return;
    keptUsd = run.costUsd;
    keep(run);
  };
}

/** The newest run that was asked for here, which its comment names. */
async function actOnRun(kind: "cancel" | "retry", asked: Asked): Promise<CommentAnswer> {
  const { event, context } = asked;
  const { at, botLogin } = context;
  const key = await findKey({ ...at, issueNumber: event.issue.number, botLogin, form: runKey });
  const runId = runKey.exec(key ?? "")?.[1];
  if (runId === undefined) {
    await replyTo(asked, renderNothingTo({ asked: kind }));
    return done("answered", `There was nothing to ${kind}.`);
  }
  const act = kind === "cancel" ? cancelWorkflowRun : rerunWorkflowRun;
  const answer = await act({ ...at, runId: Number(runId) });
  // Its own comment says what becomes of it.
  if (answer.kind === "refused") await replyTo(asked, renderRefusal({ sentence: answer.explanation }));
  return done("answered", answer.kind === "done" ? `${kind}: asked of GitHub.` : answer.explanation);
}

function done(reasonCode: CommentAnswer["reasonCode"], explanation: string): CommentAnswer {
  return { reasonCode, explanation, example: null };
}
