import { rm } from "node:fs/promises";
import { join } from "node:path";
import { GitHubError } from "../errors.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { RunEnding, RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { showPlaces, showProgress } from "./show-progress.ts";

/** When a run's turn comes again; null where it needs none. */
export type RunAgain = { againAfterSeconds: number } | null;

export interface FinishOptions {
  id: string;
  ending: RunEnding;
  costUsd: number;
  /** Null where the app can say nothing any more. */
  github: GitHubClient | null;
  context: AppContext;
}

/** Ends a run. The record first, so that a crash from here on leaves at worst an old comment. */
export async function finishRun({ id, ending, costUsd, github, context }: FinishOptions): Promise<RunAgain> {
  const { store, log } = context;
  const run = await store.runs.update(id, (latest) =>
    latest.status === "finished"
      ? null
      : { ...latest, ending, costUsd, status: "finished", finishedAt: new Date().toISOString() },
  );
  if (run?.status !== "finished") return null;
  context.runEnded(run);
  await store.runs.log(id, `ended: ${ending.outcome} (${ending.reasonCode})`);
  log.info({ run: id, outcome: ending.outcome, reasonCode: ending.reasonCode }, "run ended");
  // One that came to its own end has removed it.
  await rm(join(store.files.folderOf(id), "repository"), { recursive: true, force: true });
  if (!github) return null;
  const again = await showAtLast(context, github, run);
  await showPlaces(context, github, run.installationId);
  return again;
}

/** Ends a run that came to no result, with what it has so far. */
export async function endEarly(run: RunRecord, ending: RunEnding, context: AppContext): Promise<RunAgain> {
  const github = await context.github.client(run.installationId).catch(() => null);
  return finishRun({ id: run.id, ending, costUsd: run.costUsd, github, context });
}

/** A process that ended just after the record said so may not have told anybody. */
export async function showEnded(run: RunRecord, context: AppContext): Promise<RunAgain> {
  const github = await context.github.client(run.installationId).catch(() => null);
  return github && showAtLast(context, github, run);
}

/** How long the last word is tried for, after the run's end. */
const longestTryMs = 24 * 3600_000;
const usualWaitMs = 30_000;

/** The last word is worth waiting for; not here, where others wait to run. */
async function showAtLast(context: AppContext, github: GitHubClient, run: RunRecord): Promise<RunAgain> {
  try {
    await showProgress(context, github, run);
    return null;
  } catch (error) {
    context.log.warn({ run: run.id, error: String(error) }, "the end of a run could not be shown");
    const endedAt = Date.parse(run.finishedAt ?? "");
    const mayPass = error instanceof GitHubError && error.retryable && Date.now() - endedAt < longestTryMs;
    return mayPass ? { againAfterSeconds: Math.ceil((error.retryAfterMs ?? usualWaitMs) / 1000) } : null;
  }
}
