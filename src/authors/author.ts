import { z } from "zod";
import type { Draft } from "../example/example.ts";
import type { Execution } from "../example/execution.ts";
import { SpendingRow } from "../models/spending.ts";
import type { Repository } from "../repository/repository.ts";
import type { Survey } from "../repository/survey.ts";
import type { PythonInterpreter, SandboxDescription } from "../sandboxes/sandbox.ts";

/**
 * The port behind which an example is written. An author reads what the survey found, drafts, revises after each
 * run, and may judge. It is never told of a failure of the infrastructure.
 */
export interface Author {
  /** As in the configuration: `builtin/extract`, or a model's name. */
  readonly name: string;
  summarize(context: AuthorContext): Promise<RepositorySummary>;
  classify(context: AuthorContext, summary: RepositorySummary): Promise<FileClassification[]>;
  draft(context: WritingContext): Promise<DraftOutcome>;
  /**
   * The same draft in an environment that worked before; whatever comes of its run, `revise` goes on from there. Null
   * where the author cannot.
   */
  adopt(context: WritingContext, draft: Draft, proven: ProvenEnvironment): Promise<Draft | null>;
  /** Called after a run that did not reach what the verdict asks for, after a preliminary one, after an objection, and with a person's words. */
  revise(context: WritingContext, attempt: Attempt): Promise<Revision>;
  /** Null where the author has no judge. */
  judge: ((context: WritingContext, example: Pick<Attempt, "draft" | "execution">) => Promise<Review>) | null;
  /**
   * Whether it can mend what the clean room, a judge or a person objects to; one that takes what is there can only take
   * other things.
   */
  readonly answersObjections: boolean;
  /** What was paid for models so far, in this process and before it. */
  spending(): Spending;
  /** Closes what the author holds open; it is asked nothing afterwards. */
  dispose(): Promise<void>;
}

export interface AuthorContext {
  repository: Repository;
  survey: Survey;
  sandbox: SandboxDescription;
  /** What the person asked to see; null for the core functionality. */
  focus: string | null;
  /** Longest run of `main.py`, in seconds. */
  maxProgramSeconds: number;
  /** Whether `main.py` may use the network; building the environment always may. */
  programNetwork: boolean;
  readText: (path: string) => Promise<string | null>;
  /** Told what is going on while an author takes its time. */
  onProgress?: ((text: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** With what the first two steps came to. */
export interface WritingContext extends AuthorContext {
  summary: RepositorySummary;
  classification: readonly FileClassification[];
}

/** An environment in which a program with the same requirements ran to its end. */
export interface ProvenEnvironment {
  python: PythonInterpreter;
  /** Versions of what the draft asks for and leaves open. */
  pins: ProvenVersion[];
  /** What had to be added to it. */
  additions: ProvenVersion[];
  /** Debian packages. */
  systemPackages: string[];
  /** Package indexes beside the default one. */
  indexes: string[];
}

interface ProvenVersion {
  name: string;
  /** As a requirement has them: `[all]`; empty for none. */
  extras: string;
  version: string;
}

export interface Attempt {
  draft: Draft;
  execution: Execution;
  /** What the verdict still asks for, as sentences. */
  shortcomings: string[];
  /** Values that came out otherwise in a new sandbox, a line each. */
  differences: string[];
  /** What a person wants changed, in their words; told once. */
  requested?: readonly string[];
}

export const RepositorySummary = z.object({ description: z.string(), highlyRelevantFiles: z.array(z.string()) });
export type RepositorySummary = z.infer<typeof RepositorySummary>;

/** The reference system's classes. */
export const FileClass = z.enum([
  "code_example",
  "code_main_entry_point",
  "code_general",
  "documentation_running",
  "documentation_example",
  "documentation_general",
  "runscript_example",
  "runscript_running",
  "runscript_general",
  "data",
  "other",
]);

export type FileClass = z.infer<typeof FileClass>;

export const FileClassification = z.object({
  path: z.string(),
  classification: FileClass,
  description: z.string(),
  important_information: z.string(),
  computational_requirements: z.string(),
  highly_relevant_files: z.array(z.string()),
  how_relevant_rating: z.number().int().min(1).max(5),
  stand_alone_example: z.boolean(),
});
export type FileClassification = z.infer<typeof FileClassification>;

/** Why an author stops; stable, documented in `docs/outcomes.md`. */
export const AuthorReason = z.enum([
  "no-example-found",
  "needs-gpu",
  "needs-api-key",
  "needs-data",
  "needs-gui",
  "needs-program",
  "not-python",
  "missing-module",
  "environment-not-buildable",
  "examples-fail",
  "too-slow",
  "core-not-reached",
  "model-refused",
  "model-unusable",
]);
export type AuthorReason = z.infer<typeof AuthorReason>;

export type DraftOutcome = { kind: "drafted"; draft: Draft } | GivingUp;

export type Revision = { kind: "revised"; draft: Draft; issuesIdentified: string[]; changesMade: string[] } | GivingUp;

export interface GivingUp {
  kind: "gave-up";
  /** `skipped`: nothing could be tried; `failed`: it was tried. */
  outcome: "skipped" | "failed";
  reasonCode: AuthorReason;
  explanation: string;
}

export const Judgement = z.object({
  correct_behavior: z.boolean(),
  critical_issues: z.array(z.string()),
  issues: z.array(z.string()),
  is_faithful: z.boolean(),
  is_accurate: z.boolean(),
  is_complete: z.boolean(),
  faithfulness_accurate_completeness_statement: z.string(),
  is_finished: z.boolean(),
});
export type Judgement = z.infer<typeof Judgement>;

/** An answer that cannot be used is no judgement: the evidence stands, and the report says that nobody reviewed it. */
export const Review = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("judged"), judgement: Judgement }),
  z.object({ kind: z.literal("not-judged"), why: z.string() }),
]);
export type Review = z.infer<typeof Review>;

/** Whether a judgement says that an example leads whoever takes it for a model astray. */
export function objects({ correct_behavior, is_faithful, is_accurate, critical_issues }: Judgement): boolean {
  return !correct_behavior || !is_faithful || !is_accurate || critical_issues.length > 0;
}

/** By stage and model. */
export const Spending = z.array(SpendingRow);
export type Spending = z.infer<typeof Spending>;

/** What a run would cost, in US dollars; null where a price is not known. */
export interface CostEstimate {
  rows: Array<{
    /** Runs of the loop: 1 where the first draft is right. */
    runs: number;
    readingUsd: number | null;
    writingUsd: number | null;
    judgingUsd: number | null;
    totalUsd: number | null;
  }>;
  /** What the writer is shown before it writes, in tokens. */
  openingTokens: number;
}
