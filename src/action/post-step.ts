import { getState, saveState } from "@actions/core";
import { z } from "zod";
import { createWorkflowClient } from "../adapters/workflow-client.ts";
import { parseBoundedJson } from "../bounded-json.ts";
import { ensureComment } from "../github/ensure-comment.ts";
import { renderProgress } from "../jobs/render-progress.ts";
import { ToldRun } from "../store/run-record.ts";
import { endInterrupted } from "./compose-result.ts";
import type { CommentPlace } from "./progress-comment.ts";
import { readInput } from "./read-inputs.ts";
import { readWorkflow } from "./read-workflow.ts";

/**
 * What the main step leaves for the step after the job, which the runner also makes where the job was cancelled or ran out of
 * time: an open comment, until its last word is said.
 */
const Open = z.object({
  place: z.object({
    repository: z.object({ owner: z.string(), repo: z.string() }),
    issueNumber: z.number().int(),
    key: z.string(),
    commentId: z.number().int(),
  }),
  run: ToldRun,
});

const openComment = "open-comment";
const begun = "begun";

/** Says that the main step has begun: the same file is called again after the job. */
export function markBegun(): void {
  saveState(begun, "true");
}

export function isPostStep(): boolean {
  return getState(begun) === "true";
}

/** With what is known of the run by now; said again, the newest counts. */
export function keepOpenComment(place: CommentPlace, run: ToldRun): void {
  saveState(openComment, JSON.stringify({ place, run }));
}

/** The last word is said. */
export function forgetOpenComment(): void {
  saveState(openComment, "");
}

/** Ends the comment that the main step could not end. Returns what it did, a line for the log. */
export async function closeOpenComment(environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  const text = getState(openComment);
  if (text === "") return "Nothing was left open.";
  const kept = Open.safeParse(parseBoundedJson(text)?.value);
  if (!kept.success) return "What the main step left cannot be read.";
  const { place, run } = kept.data;
  const { apiUrl, runUrl } = await readWorkflow(environment);
  const github = createWorkflowClient({ token: readInput(environment, "github-token"), apiUrl });
  const now = new Date();
  const ending = run.ending ?? { ...endInterrupted("workflow-comment"), seconds: secondsSince(run.startedAt, now) };
  const body = renderProgress({
    run: { ...run, status: "finished", ending },
    place: 0,
    now,
    pageUrl: runUrl,
    pageHolds: "log",
  });
  const { gone } = await ensureComment({ ...place, github, body, search: false });
  if (gone) return "The comment is gone.";
  return run.ending ? "The comment has its last word." : "The comment says that the run was cancelled.";
}

function secondsSince(startedAt: string | null, now: Date): number {
  const seconds = (now.getTime() - Date.parse(startedAt ?? "")) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.round(seconds)) : 0;
}
