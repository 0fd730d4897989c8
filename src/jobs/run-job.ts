import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Author, AuthorContext, CostEstimate } from "../authors/author.ts";
import type { Config } from "../config.ts";
import { CancelledError, ConfigError, DistillerError, RunFolderError } from "../errors.ts";
import { createFileLogger, type Logger, redactSecrets } from "../log.ts";
import { distill } from "../pipeline/distill.ts";
import type { Emit } from "../pipeline/events.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { Run } from "../pipeline/run.ts";
import {
  createNewFolder,
  createRunFolder,
  type RunState,
  readRunState,
  removeUnfinishedWrites,
  writeRunState,
} from "../pipeline/run-state.ts";
import type { Owner, RecipeMemory } from "../recipes/recipe.ts";
import type { GitAuthorization } from "../repository/clone-job.ts";
import { parseRepositorySource, type RepositorySource } from "../repository/repository-source.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import { changeConfig, type ResumeChanges } from "./change-config.ts";
import { holdRunFolder } from "./hold-run-folder.ts";
import { beginRevision, needsNewRevision } from "./revise-run.ts";

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
  } | null;
}

export interface JobOptions {
  request: JobRequest;
  adapters: JobAdapters;
  emit: Emit;
  signal?: AbortSignal;
}

/** Runs one job from its request to its outcome. Never throws: every root shows the same words for the same failure. */
export async function runJob({ request, adapters, emit, signal }: JobOptions): Promise<JobResult> {
  const result: JobResult = { runFolder: null, state: null, outcome: null, error: null };
  let log: Logger | null = null;
  try {
    const { folder, state: opened, source } = await openRun(request, adapters);
    result.runFolder = folder;
    await using _held = await holdRunFolder(folder);
    await removeUnfinishedWrites(folder);
    // Until the lock was ours, another process may have gone on with the run.
    const state = request.kind === "resume" ? await readRunState(folder) : opened;
    result.state = state;
    const logger = createFileLogger(join(folder, "run.log"));
    log = logger;
    if (request.kind === "resume") {
      const isRevision = needsNewRevision(state, request);
      changeConfig(state, request.changes);
      if (isRevision) {
        beginRevision(state, request);
        await writeRunState(folder, state);
      }
    }
    const { config, runId } = state.distiller;
    if (state.distiller.outcome) {
      result.outcome = state.distiller.outcome;
      return result;
    }
    state.status = "STARTED";
    const tell: Emit = (event) => {
      if (event.kind !== "output" && event.kind !== "preparing") logger.info({ runId, ...event }, "run event");
      emit(event);
    };
    await using provider = await adapters.createProvider(config, {
      dryRun: request.dryRun,
      runId,
      onProgress: (text) => tell({ kind: "preparing", text }),
    });
    const author = await adapters.createAuthor(config, {
      folder,
      jobId: runId,
      onSpent: (totalUsd) => tell({ kind: "spent", totalUsd }),
      warn: (text) => tell({ kind: "note", stage: state.distiller.stage, text }),
    });
    const run = new Run({
      folder,
      state,
      source,
      provider,
      gitEnvironment: adapters.gitEnvironment,
      gitAuthorization: adapters.gitAuthorization,
      dryRun: request.dryRun,
      recipes: config.recipes ? { memory: adapters.recipes, owner: adapters.owner } : null,
      spending: () => author.spending(),
      signal,
      emit: tell,
    });
    try {
      await distill(run, author);
    } finally {
      await author.dispose();
    }
    result.outcome = state.distiller.outcome;
  } catch (error) {
    result.error = describeError(error, result.state?.distiller.runId ?? null, signal);
    log?.error(
      {
        code: result.error.code,
        error:
          error instanceof Error
            ? { message: error.message, stack: error.stack, cause: String(error.cause ?? "") }
            : String(error),
      },
      "run failed",
    );
    await recordFailure(result, error, request);
  }
  return result;
}

async function openRun(
  request: JobRequest,
  adapters: JobAdapters,
): Promise<{ folder: string; state: RunState; source: RepositorySource }> {
  const parse = (text: string): RepositorySource =>
    parseRepositorySource(text, { workingFolder: adapters.workingFolder, homeFolder: adapters.homeFolder });
  if (request.kind === "resume") {
    const folder = resolve(adapters.workingFolder, request.runFolder);
    const state = await readRunState(folder);
    return { folder, state, source: parse(state.distiller.source) };
  }
  const source = parse(request.source);
  const now = new Date();
  const stamp = now.toISOString().replace(/[-:]/g, "").replace("T", "_").slice(0, 15);
  const base = resolve(adapters.workingFolder, request.config.output_base_path, `${slugOf(source)}_${stamp}`);
  const folder =
    request.folder === undefined ? await createFreshFolder(base) : await takeEmptyFolder(resolve(request.folder));
  const state = startState(request.config, source.text, now, request.runId);
  await writeRunState(folder, state);
  return { folder, state, source };
}

/** What a process that was killed in its first moments left there counts for nothing. */
async function takeEmptyFolder(folder: string): Promise<string> {
  await createRunFolder(folder);
  await removeUnfinishedWrites(folder);
  if ((await readdir(folder)).length === 0) return folder;
  throw new RunFolderError({
    code: "run-folder-not-empty",
    userMessage: `${folder} is not empty: name another folder, or resume the run in it.`,
  });
}

/** Two runs of one repository may begin in the same second. */
async function createFreshFolder(base: string): Promise<string> {
  await createRunFolder(dirname(base));
  for (let number = 1; ; number++) {
    const folder = number === 1 ? base : `${base}-${number}`;
    if (await createNewFolder(folder)) return folder;
  }
}

/** `owner_name` as the reference system names its folders; for folders and archives their own name. */
function slugOf(source: RepositorySource): string {
  const name =
    source.kind === "git"
      ? source.text
          .replace(/\.git$/, "")
          .split(/[/:]/)
          .filter((part) => part !== "")
          .slice(-2)
          .join("_")
      : source.name;
  return (
    name
      .replace(/[^\w.-]+/g, "-")
      .replace(/^[-.]+/, "")
      .slice(0, 80) || "repository"
  );
}

function startState(
  config: Config,
  source: string,
  now: Date,
  runId: string = randomBytes(8).toString("hex"),
): RunState {
  return {
    repo_url: source,
    repository_description: null,
    status: "STARTED",
    status_message: "started",
    model_str_code: config.model_str_code,
    model_str_fast: config.model_str_fast,
    total_cost: 0,
    costs: {},
    total_runtime_secs: 0,
    runtimes: {},
    max_runtime_mins: config.max_runtime_mins,
    max_debug_iterations: config.max_debug_iterations,
    reflection_idx: 0,
    is_finished: false,
    change_log: [],
    code: null,
    requirements: null,
    runscript: null,
    metadata: null,
    error_information: null,
    classification_list: [],
    execution_result: null,
    distiller: {
      version: 2,
      productVersion,
      runId,
      author: config.model_str_code,
      source,
      config,
      startedAt: now.toISOString(),
      finishedAt: null,
      stage: "clone",
      repository: null,
      summary: null,
      sandbox: null,
      iterations: [],
      feedback: [],
      best: null,
      gaveUp: null,
      sentBack: null,
      spending: [],
      verdict: null,
      outcome: null,
      notes: [],
    },
  };
}

function describeError(
  error: unknown,
  runId: string | null,
  signal: AbortSignal | undefined,
): NonNullable<JobResult["error"]> {
  const facts = { cancelled: false, usage: false, retryable: false };
  if (error instanceof CancelledError || signal?.aborted)
    return { ...facts, code: "cancelled", message: "Cancelled.", cancelled: true };
  if (error instanceof DistillerError) {
    const { code, userMessage, retryable } = error;
    return { ...facts, code, message: redactSecrets(userMessage), usage: error instanceof ConfigError, retryable };
  }
  if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
    const message = "The disk is full. Free space, then continue with --resume.";
    return { ...facts, code: "disk-full", message, retryable: true };
  }
  const where = runId ? ` Run ${runId}: the details are in run.log of the run's folder.` : "";
  const message = `An unexpected fault of CodeDistiller.${where} Please report it.`;
  return { ...facts, code: "internal-error", message };
}

/** Saves how the run stands; a new one that a known fault ended before it got its repository leaves no folder of its own behind. */
async function recordFailure(result: JobResult, error: unknown, request: JobRequest): Promise<void> {
  const { runFolder, state } = result;
  if (!runFolder || !state || !result.error) return;
  // What was asked for and cannot be is not what the run is.
  if (request.kind === "resume" && result.error.usage) return;
  const ownsFolder = request.kind === "new" && request.folder === undefined;
  if (ownsFolder && !state.distiller.repository && error instanceof DistillerError && !result.error.cancelled) {
    await rm(runFolder, { recursive: true, force: true });
    result.runFolder = null;
    return;
  }
  if (!result.error.cancelled) state.status = "ERROR";
  state.status_message = result.error.message;
  await writeRunState(runFolder, state).catch(() => undefined);
}
