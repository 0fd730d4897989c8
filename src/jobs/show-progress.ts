import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { RunRecord } from "../store/run-record.ts";
import { type AppContext, pageOf } from "./app-context.ts";
import { renderProgress } from "./render-progress.ts";

/** Brings the run's one comment to what the record says; quiet where there is none, or where somebody deleted it. */
export async function showProgress(
  context: AppContext,
  github: GitHubClient,
  run: RunRecord,
  now = new Date(),
): Promise<void> {
  const { comment, issue, target } = run;
  if (!comment || comment.gone || !issue) return;
  const place = run.status === "queued" ? await context.store.runs.place(run) : 0;
  const { gone } = await ensureComment({
    github,
    repository: { owner: target.owner, repo: target.name },
    key: run.triggerKey,
    issueNumber: issue.number,
    commentId: comment.id,
    body: renderProgress({ run, place, now, pageUrl: pageOf(context, run) }),
    search: false,
  });
  if (gone) await context.store.runs.update(run.id, (latest) => ({ ...latest, comment: { id: comment.id, gone } }));
}

/** A run goes on whether or not GitHub takes an edit just now. */
export async function showIfPossible(context: AppContext, github: GitHubClient, run: RunRecord): Promise<void> {
  await showProgress(context, github, run).catch((error: unknown) =>
    context.log.warn({ run: run.id, error: String(error) }, "the progress of a run could not be shown"),
  );
}

/** Those who wait see their place change. What cannot be shown now is shown at their next step. */
export async function showPlaces(context: AppContext, github: GitHubClient, installationId: number): Promise<void> {
  const waiting = await context.store.runs.find({ installationId, statuses: ["queued"], limit: mostShown });
  for (const { id } of waiting) {
    // One of another slot may have begun while the others were shown.
    const run = await context.store.runs.get(id);
    if (run?.status === "queued") await showIfPossible(context, github, run);
  }
}

/** Each edit takes GitHub about a second of its bound on writes. */
const mostShown = 5;
