import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Author, AuthorContext, CostEstimate } from "../authors/author.ts";
import type { Config } from "../config.ts";
import { CancelledError, ConfigError, DistillerError } from "../errors.ts";
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
import { parseRepositorySource, type RepositorySource } from "../repository/repository-source.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import { changeConfig, type ResumeChanges } from "./change-config.ts";
import { holdRunFolder } from "./hold-run-folder.ts";

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
  | { kind: "new"; source: string; config: Config }
  /** A run may go on with other models, more money and other limits than it had; what ended for want of money then goes on as well. */
  | { kind: "resume"; runFolder: string; changes: ResumeChanges }
);

export interface JobResult {
  runFolder: string | null;
  state: RunState | null;
  outcome: Outcome | null;
  /** What went wrong, in words for a person; null where the run came to an outcome or a plan. */
  error: { code: string; message: string; cancelled: boolean; usage: boolean } | null;
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
    if (request.kind === "resume") changeConfig(state, request.changes);
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
    await recordFailure(result, error, request.kind === "new");
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
  const folder = await createFreshFolder(base);
  const state = startState(request.config, source.text, now);
  await writeRunState(folder, state);
  return { folder, state, source };
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

function startState(config: Config, source: string, now: Date): RunState {
  const runId = randomBytes(8).toString("hex");
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
  if (error instanceof CancelledError || signal?.aborted)
    return { code: "cancelled", message: "Cancelled.", cancelled: true, usage: false };
  if (error instanceof DistillerError)
    return {
      code: error.code,
      message: redactSecrets(error.userMessage),
      cancelled: false,
      usage: error instanceof ConfigError,
    };
  if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
    return {
      code: "disk-full",
      message: "The disk is full. Free space, then continue with --resume.",
      cancelled: false,
      usage: false,
    };
  }
  const where = runId ? ` Run ${runId}: the details are in run.log of the run's folder.` : "";
  return {
    code: "internal-error",
    message: `An unexpected fault of CodeDistiller.${where} Please report it.`,
    cancelled: false,
    usage: false,
  };
}

/** Saves how the run stands; a new one that a known fault ended before it got its repository leaves nothing behind. */
async function recordFailure(result: JobResult, error: unknown, isNew: boolean): Promise<void> {
  const { runFolder, state } = result;
  if (!runFolder || !state || !result.error) return;
  // What was asked for and cannot be is not what the run is.
  if (!isNew && result.error.usage) return;
  if (isNew && !state.distiller.repository && error instanceof DistillerError && !result.error.cancelled) {
    await rm(runFolder, { recursive: true, force: true });
    result.runFolder = null;
    return;
  }
  if (!result.error.cancelled) state.status = "ERROR";
  state.status_message = result.error.message;
  await writeRunState(runFolder, state).catch(() => undefined);
}
