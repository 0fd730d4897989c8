import type { RunEnding } from "../store/run-record.ts";
import { type AdviceWords, adviceWords } from "./advice-words.ts";

export type AdviceDoor = keyof typeof adviceWords;

/**
 * What a person can do next, by the reason of a run's end (docs/outcomes.md); null where there is nothing to do. Words
 * between back-ticks are typed as they stand.
 */
export function advise({
  outcome,
  reasonCode,
  door,
}: Pick<RunEnding, "outcome" | "reasonCode"> & { door: AdviceDoor }): string | null {
  const advice = Object.hasOwn(byReason, reasonCode)
    ? byReason[reasonCode]
    : (byFamily.find(([start]) => reasonCode.startsWith(start))?.[1] ?? byOutcome[outcome]);
  return advice ? advice(adviceWords[door]) : null;
}

/** A door's words put into sentences. */
type Advice = (words: AdviceWords) => string;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const rename: Advice = ({ again }) => `Remove or rename what stands in the way, then ${again}.`;
const correct: Advice = ({ again }) => `Correct that, then ${again}.`;
const afterThat: Advice = ({ retry }) => `After that, ${retry("asks again")}.`;
const tryAgain: Advice = ({ retry }) => capital(`${retry("tries again")}.`);
const startAgain: Advice = ({ retry }) => capital(`${retry("starts it again")}.`);
const wait: Advice = ({ again }) => `Wait a few minutes, then ${again}.`;
const needLess: Advice = ({ focus }) => `Name something that needs less ${focus}.`;
const repair: Advice = ({ operator, retry }) =>
  capital(`${operator} can repair this; after that, ${retry("goes on")}.`);
const giveKey: Advice = (words) => (words.key === null ? repair(words) : capital(`${words.key}, then ${words.again}.`));
const choosePlace: Advice = (words) =>
  words.sandbox === null ? repair(words) : capital(`${words.sandbox}, then ${words.again}.`);

const byReason: Readonly<Record<string, Advice | null>> = {
  // Of a run.
  "core-not-reached": ({ focus }) => `Name the functions that matter ${focus}.`,
  "not-grounded": ({ focus }) => `Name a function that the example should call ${focus}.`,
  "not-reproduced": ({ again }) =>
    `Where its values depend on chance, fix the seed in the repository's example, then ${again}.`,
  objected: ({ again }) => `Read the judge's objection in the report, then ${again}.`,
  budget: ({ maxCost }) => `Allow more ${maxCost}.`,
  "model-refused": ({ model }) => `Try another model ${model}.`,
  "model-unusable": ({ byRetry, model }) => `Try again${byRetry}, or another model ${model}.`,
  "no-example-found": ({ again }) =>
    `Add a short script to the repository's examples, or a code block to its README, and ${again}.`,
  "not-python": () => "Only repositories with Python code of their own can be distilled without a model.",
  "needs-gpu": (words) => `${needLess(words)} ${capital(words.operator)} can also allow a GPU.`,
  "needs-api-key": (words) => `${needLess(words)} Keys are never given to a repository's code.`,
  "needs-gui": needLess,
  "needs-data": (words) => `Add a small sample of the data to the repository. ${needLess(words)}`,
  "needs-program": needLess,
  "missing-module": ({ again }) => `Declare the missing package in the repository's requirements, then ${again}.`,
  "environment-not-buildable": ({ again }) =>
    `Make sure that \`pip install .\` works in a new environment, then ${again}.`,
  "examples-fail": ({ again }) => `Repair the example that the explanation names, then ${again}.`,
  "too-slow": ({ focus }) => `Name something quicker ${focus}.`,
  "iterations-used-up": ({ byRetry, focus }) => `Try again${byRetry}, or name something simpler ${focus}.`,
  // Of a published example that was run again.
  "no-examples": ({ write }) => capital(`${write} to have a first one written.`),
  "program-failed": ({ rewrite }) =>
    `Where the repository has changed on purpose, ${rewrite}; else repair what the error names.`,
  "results-differ": ({ rewrite }) => `Where the new values are right, ${rewrite}; else repair what changed them.`,
  // Of the repository.
  "unknown-ref": ({ ref }) => `Name a branch, tag or commit that exists ${ref}.`,
  "subdirectory-not-found": ({ subdirectory }) => `Name a folder that exists ${subdirectory}.`,
  "repository-not-found": ({ notFound }) => notFound,
  "repository-empty": ({ again }) => `Push some code, then ${again}.`,
  "repository-too-large": ({ subdirectory, operator }) =>
    `Name a part of it ${subdirectory}; ${operator} sets the limit.`,
  "repository-too-many-files": ({ subdirectory }) => `Name a part of it ${subdirectory}.`,
  "repository-disabled": ({ again }) =>
    `Set \`enabled: true\` in \`.github/codedistiller.yml\` on the default branch, then ${again}.`,
  // Of what may be done there; the explanation says what is in the way.
  "no-permission": afterThat,
  protected: afterThat,
  archived: afterThat,
  empty: afterThat,
  "refused-by-github": ({ retry }) => capital(`${retry("asks again")}.`),
  "base-not-found": ({ base, again }) => `Create that branch${base}, then ${again}.`,
  "not-for-pull-requests": () =>
    "Pull requests come from runs on other events, such as `schedule` and `workflow_dispatch`.",
  "folder-taken": rename,
  "blocked-folder": rename,
  "branches-taken": ({ again }) =>
    `Delete branches that begin with \`codedistiller/\` and are not needed any more, then ${again}.`,
  "unsafe-path": null,
  disabled: null,
  gone: null,
  "repository-gone": null,
  unchanged: null,
  "process-ended": ({ operator }) => `Tell ${operator}: this repository may need more memory than there is.`,
  "human-commits": ({ again }) => `Merge or close that pull request, then ${again}.`,
  declined: ({ afterDeclined }) => capital(`${afterDeclined}.`),
  cancelled: startAgain,
  // Of what was asked for; the explanation says what is wrong.
  input: correct,
  "settings-refused": correct,
  "not-a-comment": null,
  "not-in-a-workflow": null,
  // Of what a run needs.
  "model-key-missing": giveKey,
  "model-key-refused": giveKey,
  "model-forbidden": giveKey,
};

const byFamily: ReadonlyArray<readonly [string, Advice]> = [
  ["model-rate-limited", wait],
  ["model-unavailable", wait],
  ["model-connection", wait],
  ["model-timed-out", wait],
  ["github-rate-limited", ({ again }) => `Wait an hour, then ${again}.`],
  ["model-", repair],
  ["price-", repair],
  ["sandbox-", choosePlace],
  ["snapshot-", repair],
  ["disk-", repair],
  ["output-", repair],
  ["archive-", ({ repository }) => `Name a repository that can be cloned ${repository}.`],
  ["source-", ({ repository }) => `Name a repository on GitHub ${repository}.`],
];

const byOutcome: Readonly<Record<RunEnding["outcome"], Advice | null>> = {
  verified: null,
  partial: tryAgain,
  failed: tryAgain,
  skipped: null,
  cancelled: startAgain,
  error: ({ afterError, operator }) => capital(`${afterError}; where it fails again, tell ${operator}.`),
};
