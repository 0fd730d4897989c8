import { z } from "zod";
import { allowsHost, listAllowedHosts } from "../app-config.ts";
import { Config } from "../config.ts";
import { DistillerError, ModelError } from "../errors.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import type { Emit } from "../pipeline/events.ts";
import { type RunState, readRunState } from "../pipeline/run-state.ts";
import { isSameAddress } from "../repository/git-url.ts";
import type { RunEnding, RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import { describeEnding } from "./describe-ending.ts";
import { withoutOptions } from "./end-run.ts";
import type { JobRequest } from "./job.ts";
import { runJob } from "./run-job.ts";

export interface DistillRecordOptions {
  run: RunRecord;
  repository: RepositoryFacts;
  emit: Emit;
  signal: AbortSignal;
  context: AppContext;
}

export interface Distilled {
  folder: string;
  /** Null where the run ended before it had a state. */
  state: RunState | null;
  ending: RunEnding;
  costUsd: number;
}

/**
 * Runs the job of a record, or goes on with it where another process left it. Throws where it may succeed later: the
 * failure is then not the run's.
 */
export async function distillRecord({
  run,
  repository,
  emit,
  signal,
  context,
}: DistillRecordOptions): Promise<Distilled> {
  const { store } = context;
  await store.files.restore(run.id);
  const folder = store.files.folderOf(run.id);
  const request = await chooseRequest(run, repository, context);
  const adapters = {
    ...context.createAdapters(run),
    gitAuthorization: async (url: string) =>
      repository.isPrivate && isSameAddress(url, repository.cloneUrl)
        ? context.github.authorizeClone(run.installationId, run.target.id)
        : null,
    // GitHub itself may lie on another host for git than for its pages.
    allowsHost: (host: string) =>
      host === new URL(repository.cloneUrl).host || allowsHost(listAllowedHosts(context.config), host),
  };
  const result = await runJob({ request, adapters, emit, signal });
  await store.files.keep(run.id);
  const { state, error } = result;
  const costUsd = Math.max(0, (state?.total_cost ?? 0) - (await readSpentBefore(run, context)));
  if (error && !error.cancelled && error.retryable) {
    const { code, message: userMessage, retryAfterMs } = error;
    const options = { code, userMessage: withoutOptions(userMessage), retryable: true };
    throw retryAfterMs === null ? new DistillerError(options) : new ModelError({ ...options, retryAfterMs });
  }
  return { folder, state, costUsd, ending: describeEnding(result, { feedback: run.feedback, door: "comment" }) };
}

/** What the folder's models had cost before this run, US dollars: a revision's folder is its parent's. */
export async function readSpentBefore(run: RunRecord, { store }: AppContext): Promise<number> {
  if (run.parent === null) return 0;
  const bytes = await store.files.read(run.parent, "current_state.json");
  const parsed = bytes && SpentState.safeParse(JSON.parse(bytes.toString("utf8")));
  return parsed?.success ? parsed.data.total_cost : 0;
}

const SpentState = z.object({ total_cost: z.number() });

/** New, gone on with, or gone on with from another run's folder: to revise its example, or after an error. */
async function chooseRequest(run: RunRecord, repository: RepositoryFacts, context: AppContext): Promise<JobRequest> {
  const { files } = context.store;
  const folder = files.folderOf(run.id);
  const { dryRun } = run;
  const config = Config.parse({ ...context.config.run, ...run.settings });
  let state = await readRunState(folder).catch(() => null);
  const isCopy = run.parent !== null && !state;
  if (run.parent !== null && isCopy) {
    await files.copy(run.parent, run.id);
    state = await readRunState(folder).catch(() => null);
  }
  if (run.feedback !== null) {
    const { distiller } = state ?? (await readRunState(folder));
    const changes = distiller.feedback.some(({ id }) => id === run.id) ? {} : changesOf(config, state);
    return { kind: "resume", runFolder: folder, dryRun, feedback: run.feedback, feedbackId: run.id, changes };
  }
  if (state) return { kind: "resume", runFolder: folder, dryRun, changes: isCopy ? changesOf(config, state) : {} };
  // What a process left that was ended before its first state.
  await files.remove(run.id);
  return { kind: "new", source: run.source ?? repository.cloneUrl, config, dryRun, folder, runId: run.id };
}

/** The budget is of the whole folder's calls, and the parent's were paid by the parent. */
function changesOf({ max_cost_usd, max_debug_iterations, max_runtime_mins }: Config, before: RunState | null) {
  return { max_cost_usd: (before?.total_cost ?? 0) + max_cost_usd, max_debug_iterations, max_runtime_mins };
}
