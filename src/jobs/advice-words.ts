/** What a door calls things, as parts of sentences. */
export interface AdviceWords {
  /** Asks for the run again. */
  again: string;
  /** The same, with what comes of it. */
  retry: (effect: string) => string;
  /** The same, after "try again". */
  byRetry: string;
  /** Where a thing is named. */
  focus: string;
  maxCost: string;
  model: string;
  ref: string;
  subdirectory: string;
  repository: string;
  /** Where to name another branch for pull requests; empty where that cannot be said. */
  base: string;
  /** Writes a first example. */
  write: string;
  /** Has a broken example written anew. */
  rewrite: string;
  /** After a pull request was closed without merging. */
  afterDeclined: string;
  afterError: string;
  notFound: string;
  operator: string;
  /** Repairs a missing key, and the place where programs run; null where only the operator can. */
  key: string | null;
  sandbox: string | null;
}

const byComment = {
  again: "comment `/distill retry`",
  retry: (effect: string) => `\`/distill retry\` ${effect}`,
  byRetry: " with `/distill retry`",
  focus: 'with `/distill --focus "<what to show>"`',
  maxCost: "with `/distill --max-cost <dollars>`",
  model: "with `/distill --model <name>`",
  ref: "with `/distill --ref <name>`",
  subdirectory: "with `/distill --subdirectory <path>`",
  repository: "with `/distill <owner>/<name>`",
  base: "",
  write: "comment `/distill`",
  rewrite: "comment `/distill` to have the example written anew",
  afterDeclined: "`/distill retry` opens another",
  afterError: "`/distill retry` goes on from what is saved",
} satisfies Partial<AdviceWords>;

const byInputs = {
  again: "run the workflow again",
  retry: () => "run the workflow again",
  byRetry: "",
  focus: "(input `focus`)",
  maxCost: "(input `max-cost-usd`)",
  model: "(input `model`)",
  ref: "(input `ref`)",
  subdirectory: "(input `subdirectory`)",
  repository: "(input `repository`)",
  base: " or name another one (input `base`)",
  write: "run the workflow with `command: distill`",
  rewrite: "name a model (input `model`), which then writes the example anew",
  afterDeclined: "run the workflow by hand (`workflow_dispatch`), which opens another",
  afterError: "run the workflow again",
} satisfies Partial<AdviceWords>;

const ofApp = {
  notFound: "Check the name; a private repository can be distilled only where this app is installed.",
  operator: "the operator of this app",
  key: null,
  sandbox: null,
} satisfies Partial<AdviceWords>;

const ofWorkflow = {
  notFound: "Check the name; a private repository needs a `github-token` that may read it.",
  operator: "whoever maintains the workflow",
  key: "pass a key that the provider accepts to the step, from a secret through `env`",
  sandbox: "choose another place for programs (input `sandbox`), or a runner that has Docker",
} satisfies Partial<AdviceWords>;

/** By where a run was asked for: in a comment that the app reads, in one that a workflow reads, or by a workflow's inputs. */
export const adviceWords = {
  comment: { ...byComment, ...ofApp },
  // A workflow keeps nothing of a run.
  "workflow-comment": { ...byComment, ...ofWorkflow, afterError: "`/distill retry` begins it again" },
  workflow: { ...byInputs, ...ofWorkflow },
} satisfies Record<string, AdviceWords>;
