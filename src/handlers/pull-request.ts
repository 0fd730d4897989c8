import { z } from "zod";
import { readReviewForm } from "../jobs/review-form.ts";
import type { RunPullRequest } from "../store/run-record.ts";
import { defineHandler, type HandlerContext, InstallationId, Repository, Sender } from "./handler.ts";

const PullRequestEvent = z.object({
  action: z.string(),
  installation: InstallationId,
  repository: Repository,
  sender: Sender,
  pull_request: z.object({
    number: z.number().int(),
    merged: z.boolean().nullish(),
    // GitHub's own bound is 65,536 characters; what is longer was not written by it.
    body: z.string().max(100_000).nullable(),
    updated_at: z.iso.datetime(),
    head: z.object({ ref: z.string().max(300) }),
  }),
});
type PullRequestEvent = z.infer<typeof PullRequestEvent>;

const isOurs = ({ pull_request }: PullRequestEvent): boolean => pull_request.head.ref.startsWith("codedistiller/");

/** Whether a maintainer took an example: recorded with its runs. One that was declined is not offered again unasked. */
const stateHandler = defineHandler({
  name: "pull-request-state",
  event: "pull_request",
  actions: ["closed", "reopened"],
  payload: PullRequestEvent,
  wants: isOurs,
  async handle(event, context) {
    const { action, pull_request } = event;
    const state = action === "reopened" ? "open" : pull_request.merged ? "merged" : "declined";
    for (const { id } of await findRuns(event, context)) {
      await context.store.runs.update(id, (run) => changeState(run, state));
      await context.store.runs.log(id, `pull request ${pull_request.number}: ${state}`);
    }
  },
});

/** The boxes that a maintainer ticked: an expert's judgement beside the evidence. */
const reviewHandler = defineHandler({
  name: "pull-request-review-form",
  event: "pull_request",
  actions: ["edited"],
  payload: PullRequestEvent,
  wants: isOurs,
  async handle(event, context) {
    if (event.sender.login === (await context.github.botLogin())) return;
    const form = readReviewForm(event.pull_request.body ?? "");
    if (!form) return;
    const run = (await findRuns(event, context)).find(({ id }) => id === form.runId);
    if (!run) return;
    const { executed, showsCore, correct } = form;
    const at = event.pull_request.updated_at;
    // A box after the other is ticked within seconds, and deliveries come in any order.
    await context.store.runs.update(run.id, (latest) =>
      latest.maintainerReview && new Date(latest.maintainerReview.at) > new Date(at)
        ? null
        : { ...latest, maintainerReview: { executed, showsCore, correct, at } },
    );
  },
});

export const pullRequestHandlers = [stateHandler, reviewHandler];

function findRuns({ repository, pull_request }: PullRequestEvent, { store }: HandlerContext) {
  return store.runs.find({ repositoryId: repository.id, pullNumber: pull_request.number });
}

function changeState<R extends { pullRequest: RunPullRequest | null }>(
  run: R,
  state: RunPullRequest["state"],
): R | null {
  return run.pullRequest && run.pullRequest.state !== state
    ? { ...run, pullRequest: { ...run.pullRequest, state } }
    : null;
}
