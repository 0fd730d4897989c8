import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { GitHubClient } from "../../src/github/github-client.ts";
import type { AppContext } from "../../src/jobs/app-context.ts";
import { followRun } from "../../src/jobs/follow-run.ts";
import { createLogger } from "../../src/log.ts";
import { beginRecord, type RunRecord } from "../../src/store/run-record.ts";
import { newRun } from "../support/databases.ts";

/** One record in memory, and a GitHub that takes edits of comments and nothing else. */
function begin(edit: () => Promise<unknown> = async () => ({})) {
  let record: RunRecord = { ...beginRecord(newRun()), status: "running", comment: { id: 9, gone: false } };
  const bodies: string[] = [];
  const lines: string[] = [];
  const github = {
    rest: {
      issues: {
        updateComment: async ({ body }: { body: string }) => {
          bodies.push(body);
          return edit();
        },
      },
    },
  } as unknown as GitHubClient;
  const runs = {
    update: async (_id: string, change: (run: RunRecord) => RunRecord | null) => {
      record = change(record) ?? record;
      return record;
    },
    log: async (_id: string, text: string) => void lines.push(text),
  };
  const context = { store: { runs }, config: { publicUrl: null }, log: createLogger(() => undefined) };
  const follower = followRun({
    context: context as unknown as AppContext,
    github,
    runId: record.id,
    progress: record.progress,
    keep: async () => void lines.push("(kept)"),
    spentBeforeUsd: 1,
    everyMs: 10_000,
  });
  return { follower, bodies, lines, read: () => record };
}

describe("followRun", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("edits the comment at most once in its interval, with the newest state", async () => {
    const { follower, bodies } = begin();
    for (let second = 0; second < 30; second++) {
      follower.emit({ kind: "note", stage: "survey", text: `file ${second}` });
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(bodies.length).toBe(4);
    expect(bodies.at(-1)).toContain("file 2");
  });

  it("keeps the record: stages with their time in all, the iteration, and this run's own cost", async () => {
    const { follower, read } = begin();
    follower.emit({ kind: "stage-started", stage: "execute", iteration: 1 });
    follower.emit({ kind: "stage-finished", stage: "execute", seconds: 2 });
    follower.emit({ kind: "stage-finished", stage: "execute", seconds: 3 });
    follower.emit({ kind: "spent", totalUsd: 1.25 });
    await vi.advanceTimersByTimeAsync(1);
    expect(read().progress).toMatchObject({ stage: "execute", iteration: 1, costUsd: 0.25 });
    expect(read().progress.done).toEqual([{ stage: "execute", seconds: 5 }]);
    expect(read().costUsd).toBe(0.25);
  });

  it("keeps the run's files after each stage, and the lines for people in order", async () => {
    const { follower, lines } = begin();
    follower.emit({ kind: "stage-started", stage: "clone", iteration: null });
    follower.emit({ kind: "output", stage: "clone", text: "a program's line" });
    follower.emit({ kind: "stage-finished", stage: "clone", seconds: 1 });
    follower.emit({ kind: "note", stage: "survey", text: "12 files" });
    await follower[Symbol.asyncDispose]();
    expect(lines).toEqual(["clone", "(kept)", "12 files"]);
  });

  it("keeps the answer of a model as soon as it is paid for", async () => {
    const { follower, lines } = begin();
    follower.emit({ kind: "spent", totalUsd: 1.25 });
    follower.emit({ kind: "spent", totalUsd: 1.5 });
    await follower[Symbol.asyncDispose]();
    expect(lines).toEqual(["(kept)", "(kept)"]);
  });

  it("goes on where GitHub refuses an edit", async () => {
    let refused = 0;
    const { follower, bodies } = begin(async () => {
      if (refused++ === 0) throw new Error("502");
      return {};
    });
    follower.emit({ kind: "note", stage: "survey", text: "first" });
    await vi.advanceTimersByTimeAsync(10);
    follower.emit({ kind: "note", stage: "survey", text: "second" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(bodies.length).toBe(2);
    expect(bodies[1]).toContain("second");
  });

  it("writes nothing once it is done with", async () => {
    const { follower, bodies } = begin();
    await follower[Symbol.asyncDispose]();
    follower.emit({ kind: "note", stage: "survey", text: "late" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies).toEqual([]);
  });
});
