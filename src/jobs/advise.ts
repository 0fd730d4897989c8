import type { RunEnding } from "../store/run-record.ts";

/**
 * What a person can do next, by the reason of a run's end (docs/outcomes.md); null where there is nothing to do. Words
 * between back-ticks are typed as they stand.
 */
export function advise({ outcome, reasonCode }: Pick<RunEnding, "outcome" | "reasonCode">): string | null {
  if (Object.hasOwn(byReason, reasonCode)) return byReason[reasonCode] ?? null;
  return byFamily.find(([start]) => reasonCode.startsWith(start))?.[1] ?? byOutcome[outcome];
}

const rename = "Remove or rename what stands in the way, then comment `/distill retry`.";
const operator = "The operator of this app can repair this; after that, `/distill retry` goes on.";
const again = "After that, `/distill retry` asks again.";
const focus = 'Name something that needs less with `/distill --focus "<what to show>"`.';

const byReason: Readonly<Record<string, string | null>> = {
  // Of a run.
  "core-not-reached": 'Name the functions that matter with `/distill --focus "<what to show>"`.',
  "not-grounded": 'Name a function that the example should call with `/distill --focus "<what to show>"`.',
  "not-reproduced":
    "Where its values depend on chance, fix the seed in the repository's example, then `/distill retry`.",
  objected: "Read the judge's objection in the report, then comment `/distill retry`.",
  budget: "Allow more with `/distill --max-cost <dollars>`.",
  "model-refused": "Try another model with `/distill --model <name>`.",
  "model-unusable": "Try again with `/distill retry`, or another model with `/distill --model <name>`.",
  "no-example-found":
    "Add a short script to the repository's examples, or a code block to its README, and comment `/distill retry`.",
  "not-python": "Only repositories with Python code of their own can be distilled without a model.",
  "needs-gpu": `${focus} The operator of this app can also allow a GPU.`,
  "needs-api-key": `${focus} Keys are never given to a repository's code.`,
  "needs-gui": focus,
  "needs-data": `Add a small sample of the data to the repository. ${focus}`,
  "needs-program": focus,
  "missing-module": "Declare the missing package in the repository's requirements, then comment `/distill retry`.",
  "environment-not-buildable":
    "Make sure that `pip install .` works in a new environment, then comment `/distill retry`.",
  "examples-fail": "Repair the example that the explanation names, then comment `/distill retry`.",
  "too-slow": 'Name something quicker with `/distill --focus "<what to show>"`.',
  "iterations-used-up":
    'Try again with `/distill retry`, or name something simpler with `/distill --focus "<what to show>"`.',
  // Of the repository.
  "unknown-ref": "Name a branch, tag or commit that exists with `/distill --ref <name>`.",
  "subdirectory-not-found": "Name a folder that exists with `/distill --subdirectory <path>`.",
  "repository-not-found": "Check the name; a private repository can be distilled only where this app is installed.",
  "repository-empty": "Push some code, then comment `/distill retry`.",
  "repository-too-large":
    "Name a part of it with `/distill --subdirectory <path>`; the operator of this app sets the limit.",
  "repository-too-many-files": "Name a part of it with `/distill --subdirectory <path>`.",
  // Of what the app may do there; the explanation says what is in the way.
  "no-permission": again,
  protected: again,
  archived: again,
  empty: again,
  "refused-by-github": "`/distill retry` asks again.",
  "folder-taken": rename,
  "blocked-folder": rename,
  "branches-taken":
    "Delete branches that begin with `codedistiller/` and are not needed any more, then comment `/distill retry`.",
  "unsafe-path": null,
  disabled: null,
  gone: null,
  "repository-gone": null,
  unchanged: null,
  "process-ended": "Tell the operator of this app: this repository may need more memory than there is.",
  "human-commits": "Merge or close that pull request, then comment `/distill retry`.",
  declined: "`/distill retry` opens another.",
  cancelled: "`/distill retry` starts it again.",
};

const byFamily: ReadonlyArray<readonly [string, string]> = [
  ["model-rate-limited", "Wait a few minutes, then comment `/distill retry`."],
  ["model-unavailable", "Wait a few minutes, then comment `/distill retry`."],
  ["model-connection", "Wait a few minutes, then comment `/distill retry`."],
  ["model-timed-out", "Wait a few minutes, then comment `/distill retry`."],
  ["github-rate-limited", "Wait an hour, then comment `/distill retry`."],
  ["model-", operator],
  ["price-", operator],
  ["sandbox-", operator],
  ["snapshot-", operator],
  ["disk-", operator],
  ["output-", operator],
  ["archive-", "Name a repository that can be cloned with `/distill <owner>/<name>`."],
  ["source-", "Name a repository on GitHub with `/distill <owner>/<name>`."],
];

const byOutcome: Readonly<Record<RunEnding["outcome"], string | null>> = {
  verified: null,
  partial: "`/distill retry` tries again.",
  failed: "`/distill retry` tries again.",
  skipped: null,
  cancelled: "`/distill retry` starts it again.",
  error: "`/distill retry` goes on from what is saved; where it fails again, tell the operator of this app.",
};
