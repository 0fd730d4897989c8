import { randomBytes } from "node:crypto";
import { z } from "zod";

export const RunStatus = z.enum(["queued", "running", "finished"]);
export type RunStatus = z.infer<typeof RunStatus>;

/** Where a run's example goes, by GitHub's own number: names change. */
const TargetRepository = z.object({
  id: z.number().int(),
  owner: z.string(),
  name: z.string(),
  isPrivate: z.boolean(),
});

/** What a maintainer said in the form of the pull request: the three measures by hand. Null where nothing was ticked. */
const MaintainerReview = z.object({
  executed: z.boolean(),
  showsCore: z.boolean(),
  correct: z.boolean(),
  at: z.string(),
});

export const RunPullRequest = z.object({
  number: z.number().int(),
  url: z.string(),
  branch: z.string(),
  /** The commit that we put there; another one at the branch's head is somebody else's. */
  headSha: z.string(),
  state: z.enum(["open", "merged", "declined"]),
});
export type RunPullRequest = z.infer<typeof RunPullRequest>;

/** What has been done so far, as the progress comment and the pages show it. Seconds and US dollars. */
export const RunProgress = z.object({
  stage: z.string().nullable(),
  /** From 0; null before the first draft. */
  iteration: z.number().int().nullable(),
  /** Stages that ended, in the order in which they first did, and what they took in all. */
  done: z.array(z.object({ stage: z.string(), seconds: z.number() })),
  costUsd: z.number(),
  /** The newest line worth showing. */
  note: z.string().nullable(),
});
export type RunProgress = z.infer<typeof RunProgress>;

export const nothingDone: RunProgress = { stage: null, iteration: null, done: [], costUsd: 0, note: null };

/** How a run ended. `outcome` and `reasonCode` are the run's own (docs/outcomes.md), or say what kept it from having one. */
export const RunEnding = z.object({
  outcome: z.enum(["verified", "partial", "failed", "skipped", "cancelled", "error"]),
  reasonCode: z.string(),
  explanation: z.string(),
  /** What a person can do next; null where there is nothing to do. */
  advice: z.string().nullable(),
  checks: z.array(z.object({ name: z.string(), result: z.string(), evidence: z.string() })),
  commit: z.string().nullable(),
  seconds: z.number(),
  iterations: z.number().int(),
});
export type RunEnding = z.infer<typeof RunEnding>;

/** One run of the app, from its request to its pull request. Everything that another process needs to go on with it. */
export const RunRecord = z.object({
  /** 128 random bits in hexadecimal: whoever has the link may see a public repository's run. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** What asked for it (a delivery, and the repository in it): the same never makes two runs. */
  triggerKey: z.string(),
  installationId: z.number().int(),
  target: TargetRepository,
  /** Null: the target itself. Else what `/distill <repository>` named. */
  source: z.string().nullable(),
  /** Names branch and folder: `codedistiller/<slug>`, `examples/<slug>/`. */
  slug: z.string(),
  trigger: z.enum(["command", "label", "installation", "retry", "revise"]),
  /** Keys of the run's configuration that differ from the operator's. */
  settings: z.record(z.string(), z.unknown()),
  dryRun: z.boolean(),
  requestedBy: z.string(),
  /** Where it was asked for; null for new installations. A pull request is an issue to GitHub. */
  issue: z.object({ number: z.number().int(), commentId: z.number().int().nullable() }).nullable(),
  /** The run that a revision goes on from, and what was asked of it. */
  parent: z.string().nullable(),
  feedback: z.string().nullable(),
  status: RunStatus,
  /** Runs of one installation in one slot run one after the other. */
  slot: z.number().int(),
  cancelled: z.object({ by: z.string(), reason: z.string() }).nullable(),
  /** How often a process began with it, and how often something of ours or of a service failed. */
  starts: z.number().int(),
  failures: z.number().int(),
  maxCostUsd: z.number(),
  costUsd: z.number(),
  progress: RunProgress,
  /** The one progress comment; `gone` when somebody deleted it or its issue: never another. */
  comment: z.object({ id: z.number().int(), gone: z.boolean() }).nullable(),
  ending: RunEnding.nullable(),
  pullRequest: RunPullRequest.nullable(),
  checkRunId: z.number().int().nullable(),
  maintainerReview: MaintainerReview.nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
});
export type RunRecord = z.infer<typeof RunRecord>;

/** What is told of a run to people, whoever keeps it: the app in its store, a workflow while it goes on. */
export const ToldRun = RunRecord.pick({
  id: true,
  target: true,
  source: true,
  slug: true,
  requestedBy: true,
  feedback: true,
  dryRun: true,
  status: true,
  cancelled: true,
  starts: true,
  startedAt: true,
  maxCostUsd: true,
  costUsd: true,
  progress: true,
  ending: true,
  pullRequest: true,
});
export type ToldRun = z.infer<typeof ToldRun>;

/** What a request gives; the rest begins empty. */
export type NewRun = Pick<
  RunRecord,
  | "triggerKey"
  | "installationId"
  | "target"
  | "source"
  | "slug"
  | "trigger"
  | "settings"
  | "dryRun"
  | "requestedBy"
  | "issue"
  | "parent"
  | "feedback"
  | "comment"
  | "maxCostUsd"
>;

/** A record as it begins, with a number of its own. */
export function beginRecord(run: NewRun, slot = 0): RunRecord {
  return {
    ...run,
    id: randomBytes(16).toString("hex"),
    status: "queued",
    slot,
    cancelled: null,
    starts: 0,
    failures: 0,
    costUsd: 0,
    progress: nothingDone,
    ending: null,
    pullRequest: null,
    checkRunId: null,
    maintainerReview: null,
    createdAt: new Date().toISOString(),
    startedAt: null,
    finishedAt: null,
  };
}
