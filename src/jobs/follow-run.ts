import type { GitHubClient } from "../github/github-client.ts";
import type { Emit, RunEvent } from "../pipeline/events.ts";
import type { RunProgress, RunRecord } from "../store/run-record.ts";
import { advanceProgress } from "./advance-progress.ts";
import type { AppContext } from "./app-context.ts";
import { repeatAtMost } from "./repeat-at-most.ts";
import { showProgress } from "./show-progress.ts";

export interface FollowOptions {
  context: AppContext;
  github: GitHubClient;
  runId: string;
  /** As the record has it: a run that was killed goes on from there. */
  progress: RunProgress;
  /** Keeps the run's files where others find them. */
  keep: () => Promise<void>;
  /** What the run's folder had cost before, US dollars. */
  spentBeforeUsd: number;
  /** Least time between two edits of the comment, in milliseconds. */
  everyMs?: number;
}

export interface Follower extends AsyncDisposable {
  emit: Emit;
}

/**
 * Turns what a run tells into its record, its log and its comment. Events come faster than GitHub takes edits: a change
 * is shown at the next time it may be, the newest alone. What GitHub refuses is left out; the run goes on.
 */
export function followRun({
  context,
  github,
  runId,
  progress,
  keep,
  spentBeforeUsd,
  everyMs = 10_000,
}: FollowOptions): Follower {
  const { store, log } = context;
  let current = progress;
  // One write after the other, so that an older state never comes last.
  let writing: Promise<void> = Promise.resolve();
  const queueUp = (what: string, work: () => Promise<unknown>): void => {
    writing = writing.then(work).then(
      () => undefined,
      (error: unknown) => log.warn({ run: runId, error: String(error) }, `${what} failed`),
    );
  };
  const write = (): Promise<RunRecord | null> =>
    store.runs.update(runId, (latest) =>
      latest.status === "running" ? { ...latest, progress: current, costUsd: current.costUsd } : null,
    );
  const record = repeatAtMost(recordEveryMs, () => queueUp("recording progress", write));
  const show = repeatAtMost(everyMs, () =>
    queueUp("showing progress", async () => {
      const run = await write();
      if (run?.status === "running") await showProgress(context, github, run);
    }),
  );
  return {
    emit: (event) => {
      const line = describeEvent(event);
      if (line !== null) queueUp("logging", () => store.runs.log(runId, line));
      // An answer that was paid for is not to be paid for again elsewhere.
      if (event.kind === "stage-finished" || event.kind === "spent") queueUp("keeping files", keep);
      const next = advanceProgress(current, event, spentBeforeUsd);
      if (next === current) return;
      current = next;
      record.soon();
      show.soon();
    },
    async [Symbol.asyncDispose]() {
      record.stop();
      show.stop();
      await writing;
    },
  };
}

/** What pages and `/distill status` say of a run is at most so old, in milliseconds. */
const recordEveryMs = 1000;

function describeEvent(event: RunEvent): string | null {
  switch (event.kind) {
    case "stage-started":
      return event.iteration === null ? event.stage : `${event.stage}, iteration ${event.iteration + 1}`;
    case "note":
      return event.text;
    case "preparing":
      return event.text;
    default:
      return null;
  }
}
