import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CancelledError, ConfigError, DistillerError, ModelError } from "../errors.ts";
import { createFileLogger, type Logger, redactSecrets } from "../log.ts";
import { distill } from "../pipeline/distill.ts";
import type { Emit } from "../pipeline/events.ts";
import { Run } from "../pipeline/run.ts";
import { readRunState, removeUnfinishedWrites, writeRunState } from "../pipeline/run-state.ts";
import { changeConfig } from "./change-config.ts";
import { holdRunFolder } from "./hold-run-folder.ts";
import type { JobOptions, JobRequest, JobResult } from "./job.ts";
import { openRun } from "./open-run.ts";
import { beginRevision, needsNewRevision } from "./revise-run.ts";

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
      allowsHost: adapters.allowsHost,
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

function describeError(
  error: unknown,
  runId: string | null,
  signal: AbortSignal | undefined,
): NonNullable<JobResult["error"]> {
  const facts = { cancelled: false, usage: false, retryable: false, retryAfterMs: null };
  if (error instanceof CancelledError || signal?.aborted)
    return { ...facts, code: "cancelled", message: "Cancelled.", cancelled: true };
  if (error instanceof DistillerError) {
    const { code, userMessage, retryable } = error;
    const retryAfterMs = error instanceof ModelError ? error.retryAfterMs : null;
    const usage = error instanceof ConfigError;
    return { ...facts, code, message: redactSecrets(userMessage), usage, retryable, retryAfterMs };
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
