import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient, RepositoryName } from "../github/github-client.ts";
import { renderProgress } from "../jobs/render-progress.ts";
import { repeatAtMost } from "../jobs/repeat-at-most.ts";
import type { ToldRun } from "../store/run-record.ts";

export interface CommentPlace {
  repository: RepositoryName;
  issueNumber: number;
  /** Names the workflow run, which is all that the comment has to remember. */
  key: string;
  commentId: number | null;
}

/** The key of a workflow run's comment; what `cancel` and `retry` find the run by. */
export function keyOfRun(runId: number): string {
  return `workflow-run-${runId}`;
}

export const runKey = /^workflow-run-(\d{1,18})$/;

export interface ProgressComment extends Disposable {
  show: (run: ToldRun) => void;
  /** Says the last word. False where GitHub did not take it: it may later. */
  end: () => Promise<boolean>;
}

/** Least time between two edits, in milliseconds. */
const everyMs = 10_000;

/**
 * Keeps the one comment of a run up to date, as long as nobody deletes it. A run goes on whether or not GitHub takes an edit
 * just now; what it says last is waited for, and tried again.
 */
export function createProgressComment({
  github,
  place: { commentId, ...place },
  pageUrl,
  warn,
}: {
  github: GitHubClient;
  place: CommentPlace;
  pageUrl: string;
  warn: (text: string) => void;
}): ProgressComment {
  let latest: ToldRun | null = null;
  let gone = false;
  let writing = Promise.resolve();
  const write = (): void => {
    writing = writing.then(async () => {
      const run = latest;
      if (run === null || gone) return;
      latest = null;
      try {
        const body = renderProgress({ run, place: 0, now: new Date(), pageUrl, pageHolds: "log" });
        ({ gone } = await ensureComment({ ...place, github, commentId, body, search: false }));
      } catch (error) {
        latest ??= run;
        warn(`The comment could not be kept up to date: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  };
  const edits = repeatAtMost(everyMs, write);
  return {
    show(run) {
      latest = { ...run };
      edits.soon();
    },
    async end() {
      edits.stop();
      // An edit may be under way; where it fails, or the one after it, there is another.
      await writing;
      for (let tries = 0; tries < 2 && latest !== null && !gone; tries++) {
        write();
        await writing;
      }
      return latest === null || gone;
    },
    [Symbol.dispose]: () => edits.stop(),
  };
}
