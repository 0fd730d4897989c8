import { setTimeout } from "node:timers/promises";
import { GitHubError } from "../errors.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { RunEnding, RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { showPlaces, showProgress } from "./show-progress.ts";

export interface FinishOptions {
  id: string;
  ending: RunEnding;
  costUsd: number;
  /** Null where the app can say nothing any more. */
  github: GitHubClient | null;
  context: AppContext;
}

/** Ends a run. The record first, so that a crash from here on leaves at worst an old comment. */
export async function finishRun({ id, ending, costUsd, github, context }: FinishOptions): Promise<void> {
  const { store, log } = context;
  const run = await store.runs.update(id, (latest) =>
    latest.status === "finished"
      ? null
      : { ...latest, ending, costUsd, status: "finished", finishedAt: new Date().toISOString() },
  );
  if (run?.status !== "finished") return;
  context.runEnded(run);
  await store.runs.log(id, `ended: ${ending.outcome} (${ending.reasonCode})`);
  log.info({ run: id, outcome: ending.outcome, reasonCode: ending.reasonCode }, "run ended");
  if (!github) return;
  await showAtLast(context, github, run);
  await showPlaces(context, github, run.installationId);
}

/** The last word is worth waiting for. */
async function showAtLast(context: AppContext, github: GitHubClient, run: RunRecord): Promise<void> {
  for (const seconds of [5, 30, null]) {
    try {
      return await showProgress(context, github, run);
    } catch (error) {
      const waits = error instanceof GitHubError && error.retryable && seconds !== null;
      context.log.warn({ run: run.id, error: String(error) }, "the end of a run could not be shown");
      if (!waits) return;
      await setTimeout(Math.min(60_000, error.retryAfterMs ?? seconds * 1000));
    }
  }
}

/** Ends a run that came to no result, with what it has so far. */
export async function endEarly(run: RunRecord, ending: RunEnding, context: AppContext): Promise<void> {
  const github = await context.github.client(run.installationId).catch(() => null);
  await finishRun({ id: run.id, ending, costUsd: run.costUsd, github, context });
}

/** A process that ended just after the record said so may not have told anybody. */
export async function showEnded(run: RunRecord, context: AppContext): Promise<void> {
  const github = await context.github.client(run.installationId).catch(() => null);
  if (github) await showAtLast(context, github, run);
}
