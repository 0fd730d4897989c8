import type { RunRecord } from "../../src/store/run-record.ts";

/** Thirty-two hexadecimal digits that a test can tell apart. */
export function idOf(number: number): string {
  return number.toString(16).padStart(32, "0");
}

export function queuedRun(number: number, given: Partial<RunRecord> = {}): RunRecord {
  return {
    id: idOf(number),
    triggerKey: `delivery-${number}`,
    installationId: 77,
    target: { id: 4711, owner: "marit-solheim", name: "orbital-elements", isPrivate: false },
    source: null,
    slug: "orbital-elements",
    trigger: "command",
    settings: {},
    dryRun: false,
    requestedBy: "marit-solheim",
    issue: { number: 12, commentId: 900 },
    parent: null,
    feedback: null,
    status: "queued",
    slot: 0,
    cancelled: null,
    starts: 0,
    failures: 0,
    maxCostUsd: 5,
    costUsd: 0,
    progress: { stage: null, iteration: null, done: [], costUsd: 0, note: null },
    comment: null,
    ending: null,
    pullRequest: null,
    checkRunId: null,
    maintainerReview: null,
    createdAt: new Date(Date.UTC(2026, 10, 23, 9, 0, number)).toISOString(),
    startedAt: null,
    finishedAt: null,
    ...given,
  };
}

export function runningRun(number: number, given: Partial<RunRecord> = {}): RunRecord {
  return queuedRun(number, {
    status: "running",
    starts: 1,
    startedAt: new Date(Date.now() - 95_000).toISOString(),
    progress: {
      stage: "execute",
      iteration: 2,
      done: [
        { stage: "clone", seconds: 2.1 },
        { stage: "survey", seconds: 4.4 },
        { stage: "summarize", seconds: 6 },
        { stage: "classify", seconds: 11 },
        { stage: "draft", seconds: 31 },
        { stage: "revise", seconds: 14 },
      ],
      costUsd: 0.21,
      note: "numpy 1.26 is missing: it is added to requirements.txt",
    },
    ...given,
  });
}

export function verifiedRun(number: number, given: Partial<RunRecord> = {}): RunRecord {
  const running = runningRun(number);
  const evidence = {
    executed: "main.py ended with exit status 0 after 12 s.",
    grounded: "7 functions of the repository were called, among them all 3 core functions.",
    reproduced: "A new sandbox, given only the published folder, came to the same 14 values.",
    reviewed: "The judge found no critical issue.",
  };
  return {
    ...running,
    status: "finished",
    costUsd: 0.4312,
    startedAt: "2026-11-23T09:05:00.000Z",
    finishedAt: "2026-11-23T09:11:41.000Z",
    progress: {
      ...running.progress,
      stage: "report",
      done: [
        ...running.progress.done,
        { stage: "execute", seconds: 181 },
        { stage: "verify", seconds: 96 },
        { stage: "judge", seconds: 9 },
        { stage: "report", seconds: 0.4 },
      ],
    },
    ending: {
      outcome: "verified",
      reasonCode: "verified",
      explanation: "The example ran, called the core functions, and gave the same values in a clean room.",
      advice: null,
      checks: Object.entries(evidence).map(([name, text]) => ({ name, result: "passed", evidence: text })),
      commit: "4f2a9c31d0b85e7764af120c9b83d5e6f7a01234",
      seconds: 401,
      iterations: 3,
    },
    pullRequest: {
      number: 31,
      url: "https://github.com/marit-solheim/orbital-elements/pull/31",
      branch: "codedistiller/orbital-elements",
      headSha: "a".repeat(40),
      state: "open",
    },
    ...given,
  };
}

export function failedRun(number: number, given: Partial<RunRecord> = {}): RunRecord {
  const run = verifiedRun(number);
  return {
    ...run,
    pullRequest: null,
    ending: run.ending && {
      ...run.ending,
      outcome: "failed",
      reasonCode: "environment-not-buildable",
      explanation: "The packages could not be installed: gdal-config was not found.",
      advice: "Name the missing package in `apt.txt`, then comment `/distill retry`.",
      checks: [
        { name: "executed", result: "failed", evidence: "pip install ended with exit status 1." },
        { name: "grounded", result: "not-made", evidence: "Nothing ran." },
      ],
    },
    ...given,
  };
}

/** Nothing that a line could be broken at. */
const long = "mmmmmmmm".repeat(30);
const mark = '"><img src=x onerror=alert(1)><script>alert(2)</script>';

/** Everything that comes from outside is an attempt to be more than text. */
export function hostileRun(number: number, given: Partial<RunRecord> = {}): RunRecord {
  const run = failedRun(number);
  const text = `${mark} \u202egnp.exe\u202c \u0007 {{settings}} javascript:alert(3) ${long} ghp_${"a".repeat(36)}`;
  return {
    ...run,
    target: { id: 666, owner: mark + long, name: `x${mark}\u202e`, isPrivate: false },
    source: `https://example.org/${mark}`,
    requestedBy: mark + long,
    feedback: text,
    dryRun: true,
    parent: idOf(1),
    progress: {
      stage: text,
      iteration: 1,
      done: [
        { stage: mark, seconds: 3 },
        { stage: long, seconds: 3 },
      ],
      costUsd: 0,
      note: text,
    },
    cancelled: { by: mark, reason: text },
    ending: run.ending && {
      ...run.ending,
      outcome: "error",
      reasonCode: mark,
      explanation: text.repeat(3),
      advice: `\`${mark}\` ${text}`,
      checks: [
        { name: mark, result: `passed" onmouseover="alert(4)`, evidence: text },
        { name: long, result: long, evidence: long },
      ],
      commit: mark,
    },
    pullRequest: {
      number: 1,
      url: "javascript:alert(5)",
      branch: mark,
      headSha: mark,
      state: "open",
    },
    maintainerReview: { executed: true, showsCore: false, correct: true, at: mark },
    ...given,
  };
}
