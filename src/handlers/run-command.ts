import { z } from "zod";
import { Config } from "../config.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import { pageOf } from "../jobs/app-context.ts";
import { cancelRuns } from "../jobs/cancel-runs.ts";
import type { RunRecord } from "../store/run-record.ts";
import type { Command, DistillCommand } from "./command.ts";
import { findSource } from "./find-source.ts";
import { findUnusable } from "./find-unusable.ts";
import type { HandlerContext } from "./handler.ts";
import type { IssueCommentEvent } from "./issue-comment.ts";
import {
  renderCancelled,
  renderHelp,
  renderNothingTo,
  renderRefusal,
  renderReviseElsewhere,
  renderSettingsRefusal,
  renderStatus,
} from "./replies.ts";
import { mergeSettings, type RepositoryConfig } from "./repository-config.ts";
import { type RunRequest, requestRun } from "./request-run.ts";

export interface RunCommandOptions {
  command: Command;
  event: IssueCommentEvent;
  context: HandlerContext;
  github: GitHubClient;
  repository: RepositoryFacts;
  repositoryConfig: RepositoryConfig | null;
}

/** Does what somebody who may asked for. Returns what to answer; null where a run's own comment is the answer. */
export async function runCommand(options: RunCommandOptions): Promise<string | null> {
  const { command } = options;
  const { label } = options.context.config.settings;
  switch (command.kind) {
    case "help":
      return renderHelp({ problem: null, label });
    case "misunderstood":
      return renderHelp({ problem: command.problem, label });
    case "distill":
      return distill(options, command);
    case "status":
      return showStatus(options);
    case "cancel":
      return cancel(options);
    case "retry":
      return retry(options);
    case "revise":
      return revise(options, command.feedback);
  }
}

async function distill(options: RunCommandOptions, command: DistillCommand): Promise<string | null> {
  const { context, github, repository, repositoryConfig } = options;
  const { config, problems, notes } = mergeSettings({
    operator: context.config,
    repository: repositoryConfig,
    command,
  });
  if (problems.length > 0) return renderSettingsRefusal({ problems });
  const source =
    command.repository === null
      ? null
      : await findSource({
          github,
          target: repository,
          url: command.repository,
          gitHubHost: context.config.github.host ?? "github.com",
        });
  if (source !== null && "problem" in source) return renderRefusal({ sentence: source.problem });
  return request(options, {
    trigger: "command",
    settings: config,
    source,
    slug: null,
    dryRun: command.dryRun,
    revision: null,
    notes,
  });
}

async function showStatus({ context, repository }: RunCommandOptions): Promise<string> {
  const { runs } = context.store;
  const found = await runs.find({ repositoryId: repository.id, limit: 10 });
  const rows = found.map(async (run) => ({ run, place: await runs.place(run), pageUrl: pageOf(context, run) }));
  return renderStatus({ rows: await Promise.all(rows) });
}

/** Those that were asked for on this issue; where there are none, all of the repository. */
async function cancel({ context, github, repository, event }: RunCommandOptions): Promise<string> {
  const live = { repositoryId: repository.id, statuses: ["queued", "running"] as const };
  const here = await context.store.runs.find({ ...live, issueNumber: event.issue.number });
  const runs = here.length > 0 ? here : await context.store.runs.find(live);
  const by = event.sender.login;
  const cancelled = await cancelRuns({ runs, by, reason: `Cancelled by ${by}.`, github, context });
  return cancelled.length === 0
    ? renderNothingTo({ asked: "cancel" })
    : renderCancelled({ runs: cancelled.length, by });
}

/** The newest that ended, with what was asked of it; of this issue where there is one. */
async function retry(options: RunCommandOptions): Promise<string | null> {
  const { context, repository, event } = options;
  const ended = { repositoryId: repository.id, statuses: ["finished"] as const, limit: 1 };
  const [here] = await context.store.runs.find({ ...ended, issueNumber: event.issue.number });
  const before = here ?? (await context.store.runs.find(ended))[0];
  if (!before) return renderNothingTo({ asked: "retry" });
  const revision = await findParent(before, context);
  return requestAgain(options, before, {
    trigger: "retry",
    dryRun: before.dryRun,
    revision,
    note: `Again, as ${before.requestedBy} asked for it.`,
  });
}

/** A revision that failed is tried again from where it began; what an error ended goes on from what is saved and paid. */
async function findParent(before: RunRecord, { store }: HandlerContext): Promise<RunRequest["revision"]> {
  if (before.ending?.outcome === "error") return { parent: before, feedback: before.feedback };
  const { parent, feedback } = before;
  const record = parent === null ? null : await store.runs.get(parent);
  return record && feedback !== null ? { parent: record, feedback } : null;
}

/** On a pull request of ours: goes on from the run that made it. */
async function revise(options: RunCommandOptions, feedback: string): Promise<string | null> {
  const { context, repository, event } = options;
  if (!event.issue.pull_request) return renderReviseElsewhere();
  const runs = await context.store.runs.find({ repositoryId: repository.id, pullNumber: event.issue.number });
  const parent = runs.find(({ status, ending }) => status === "finished" && ending?.commit);
  if (!parent) return runs.length === 0 ? renderReviseElsewhere() : renderNothingTo({ asked: "revise" });
  const note = `A revision, as ${event.sender.login} asked for it.`;
  return requestAgain(options, parent, { trigger: "revise", dryRun: false, revision: { parent, feedback }, note });
}

const PastSettings = z.object(Config.shape).partial();

/** With what was asked of an earlier run, as far as it is still allowed. */
function requestAgain(
  options: RunCommandOptions,
  { settings, source, slug }: RunRecord,
  { note, ...wanted }: Pick<Wanted, "trigger" | "dryRun" | "revision"> & { note: string },
): Promise<string | null> | string {
  const { context, repositoryConfig } = options;
  const { ref, subdirectory, focus, model_str_code, max_cost_usd } = PastSettings.parse(settings);
  const said = { ref, subdirectory, focus, model_str_code, max_cost_usd };
  const { config, problems, notes } = mergeSettings({
    operator: context.config,
    repository: repositoryConfig,
    command: { repository: source, settings: said },
  });
  if (problems.length > 0) return renderSettingsRefusal({ problems });
  const named = source === null ? null : { url: source, name: slug };
  return request(options, { ...wanted, settings: config, source: named, slug, notes: [note, ...notes] });
}

type Wanted = Pick<RunRequest, "trigger" | "settings" | "source" | "slug" | "dryRun" | "revision" | "notes">;

async function request(options: RunCommandOptions, wanted: Wanted): Promise<string | null> {
  const { context, github, repository, event } = options;
  const unusable = await findUnusable(github, repository);
  if (unusable) return renderRefusal({ sentence: unusable });
  await requestRun({
    ...wanted,
    context,
    github,
    installationId: event.installation.id,
    repository,
    requestedBy: event.sender.login,
    issue: { number: event.issue.number, commentId: event.comment.id },
  });
  return null;
}
