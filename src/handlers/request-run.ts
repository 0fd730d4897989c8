import { Config, extractiveModel } from "../config.ts";
import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import { renderProgress } from "../jobs/render-progress.ts";
import { showProgress } from "../jobs/show-progress.ts";
import { slugOfRun } from "../jobs/slug-of-run.ts";
import { beginRecord, type NewRun, type RunPullRequest, type RunRecord } from "../store/run-record.ts";
import type { Creation } from "../store/store.ts";
import type { HandlerContext } from "./handler.ts";
import { renderBudgetRefusal, renderTooManyToday, renderTooManyWaiting } from "./replies.ts";

export interface RunRequest {
  context: HandlerContext;
  github: GitHubClient;
  installationId: number;
  repository: RepositoryFacts;
  trigger: RunRecord["trigger"];
  /** Keys of the run's configuration, checked. */
  settings: RunRecord["settings"];
  /** Address of what is distilled, where that is not the repository itself, with its name as slugs have it. */
  source: { url: string; name: string } | null;
  /** That of an earlier run whose example it is; null: made from what is asked for. */
  slug: string | null;
  dryRun: boolean;
  requestedBy: string;
  issue: NewRun["issue"];
  /** The run that it goes on from, and what is to be changed; no words where that one ended with an error. */
  revision: { parent: RunRecord; feedback: string | null } | null;
  /** Sentences for the run's log. */
  notes: readonly string[];
}

/** The pull request of the same example that a maintainer closed; what nobody asked for by name does not follow it. */
export async function findDeclined(request: RunRequest): Promise<RunPullRequest | null> {
  const { slug, target } = describeRun(request);
  const runs = await request.context.store.runs.find({ repositoryId: target.id, slug });
  const latest = runs.find(({ pullRequest }) => pullRequest !== null)?.pullRequest;
  return latest?.state === "declined" ? latest : null;
}

/**
 * Puts a run into the queue, with its comment where somebody asked on an issue. Asked again by the same delivery it finds
 * what it made. The comment comes first: were it made after, this process and the one that takes the run could both make
 * it. Where the run is refused, the comment says so.
 */
export async function requestRun(request: RunRequest): Promise<Creation> {
  const { context, github, notes } = request;
  const { settings } = context.config;
  const run = describeRun(request);
  const [known] = context.again ? await context.store.runs.find({ triggerKey: run.triggerKey }) : [];
  if (known) {
    // Its comment may say more by now than this could.
    await showProgress(context, github, known);
    return { kind: "known", run: known };
  }
  const comment = await ensureFirstComment(request, run);
  const creation = await context.store.runs.create(
    { ...run, comment },
    {
      slots: settings.max_runs_per_installation,
      waiting: settings.max_waiting_per_installation,
      dayRuns: settings.max_runs_per_installation_day,
      repositoryDayUsd: settings.max_cost_per_repository_day_usd,
      installationMonthUsd: settings.max_cost_per_installation_month_usd,
    },
    (sql, created) => context.queue.enqueueRun(sql, created),
  );
  if (creation.kind !== "created" && creation.kind !== "known") {
    context.log.info({ reasonCode: creation.kind, repository: request.repository.fullName }, "run refused");
    if (comment) await writeComment(request, run, comment.id, describeRefusal(creation, run));
    return creation;
  }
  context.log.info({ run: creation.run.id, trigger: run.trigger }, "run requested");
  for (const note of notes) await context.store.runs.log(creation.run.id, note);
  // One that begins at once is shown by whoever took it.
  if ((await context.store.runs.place(creation.run)) > 0) await showProgress(context, github, creation.run);
  return creation;
}

function describeRefusal(creation: Exclude<Creation, { run: RunRecord }>, run: NewRun): string {
  if (creation.kind === "too-many") return renderTooManyWaiting({ waiting: creation.waiting });
  if (creation.kind === "too-many-today") return renderTooManyToday({ limit: creation.limit });
  const { budget, leftUsd, limitUsd } = creation;
  return renderBudgetRefusal({ budget, leftUsd, limitUsd, runUsd: run.maxCostUsd });
}

function describeRun(request: RunRequest): NewRun {
  const { context, repository, settings, source, revision, trigger, issue, dryRun, requestedBy } = request;
  const config = Config.parse({ ...context.config.run, ...settings });
  const { subdirectory, focus } = config;
  return {
    triggerKey: `${context.deliveryId}-${repository.id}`,
    installationId: request.installationId,
    target: { id: repository.id, owner: repository.owner, name: repository.name, isPrivate: repository.isPrivate },
    source: source?.url ?? null,
    slug: request.slug ?? slugOfRun({ target: repository.name, source: source?.name ?? null, subdirectory, focus }),
    trigger,
    settings,
    dryRun,
    requestedBy,
    issue,
    parent: revision?.parent.id ?? null,
    feedback: revision?.feedback ?? null,
    comment: null,
    maxCostUsd: config.model_str_code === extractiveModel ? 0 : config.max_cost_usd,
  };
}

async function ensureFirstComment(request: RunRequest, run: NewRun): Promise<NewRun["comment"]> {
  if (request.issue === null) return null;
  const body = renderProgress({ run: beginRecord(run), place: null, now: new Date(), pageUrl: null });
  const id = await writeComment(request, run, null, body);
  return id === null ? null : { id, gone: false };
}

async function writeComment(
  { context, github, repository, issue }: RunRequest,
  { triggerKey }: NewRun,
  commentId: number | null,
  body: string,
): Promise<number | null> {
  if (issue === null) return null;
  const { id } = await ensureComment({
    github,
    repository: { owner: repository.owner, repo: repository.name },
    issueNumber: issue.number,
    key: triggerKey,
    commentId,
    search: context.again ? { botLogin: await context.github.botLogin() } : false,
    body,
  });
  return id;
}
