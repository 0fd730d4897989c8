import type { Author, AuthorContext, CostEstimate } from "../authors/author.ts";
import type { Config } from "../config.ts";
import type { Emit } from "../pipeline/events.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import type { RunState } from "../pipeline/run-state.ts";
import type { Owner, RecipeMemory } from "../recipes/recipe.ts";
import type { AllowsHost, GitAuthorization } from "../repository/clone-job.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import type { ResumeChanges } from "./change-config.ts";

export const productVersion = "0.1.0";

/** What a root hands over: everything that is constructed from the outside world. */
export interface JobAdapters {
  createProvider: (config: Config, request: ProviderRequest) => Promise<SandboxProvider>;
  createAuthor: (config: Config, run: AuthorRun) => Promise<Author>;
  /** What a run would cost, by the models of a configuration. */
  createEstimator: (config: Config) => (context: AuthorContext) => Promise<CostEstimate>;
  recipes: RecipeMemory;
  owner: Owner;
  gitEnvironment: NodeJS.ProcessEnv;
  /**
   * The value of an Authorization header (`basic ...`) for a clone URL, or null for none. Asked just before each clone;
   * what it answers is given to git for that URL alone, and kept nowhere.
   */
  gitAuthorization?: GitAuthorization | undefined;
  /** Where repositories may be fetched from; everywhere without. */
  allowsHost?: AllowsHost | undefined;
  homeFolder: string;
  workingFolder: string;
}

/** What a provider of sandboxes is told of what it is made for. */
export interface ProviderRequest {
  /** True: nothing will run. */
  dryRun: boolean;
  /** Null outside of runs. */
  runId: string | null;
  /** Told while something takes long: an image is fetched. */
  onProgress: (text: string) => void;
}

/** What an author is told of the run it writes for. */
export interface AuthorRun {
  /** Where answers that were paid for are kept. */
  folder: string;
  jobId: string;
  onSpent: (totalUsd: number) => void;
  warn: (text: string) => void;
}

export type JobRequest = { dryRun: boolean } & (
  | {
      kind: "new";
      source: string;
      config: Config;
      /** Where the run lives, an absolute path; it may be there and empty, and stays also where the run fails. Else named after the source. */
      folder?: string | undefined;
      /** Else random. */
      runId?: string | undefined;
    }
  | {
      kind: "resume";
      runFolder: string;
      /** A run may go on with other models, more money and other limits than it had; what ended for want of money then goes on as well. */
      changes: ResumeChanges;
      /** What a person wants changed in a run that has ended; it goes on from what it published. */
      feedback?: string | undefined;
      /** Asked again with an id that it knows, a run goes on with that revision, or tells how it ended. */
      feedbackId?: string | undefined;
    }
);

export interface JobResult {
  runFolder: string | null;
  state: RunState | null;
  outcome: Outcome | null;
  /** What went wrong, in words for a person; null where the run came to an outcome or a plan. */
  error: {
    code: string;
    message: string;
    cancelled: boolean;
    usage: boolean;
    /** Whether the same may succeed later. */
    retryable: boolean;
    /** Milliseconds that a provider of models asks to wait; null where nobody says. */
    retryAfterMs: number | null;
  } | null;
}

export interface JobOptions {
  request: JobRequest;
  adapters: JobAdapters;
  emit: Emit;
  signal?: AbortSignal;
}
