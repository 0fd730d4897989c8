import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Config } from "../config.ts";
import { RunFolderError } from "../errors.ts";
import {
  createNewFolder,
  createRunFolder,
  type RunState,
  readRunState,
  removeUnfinishedWrites,
  writeRunState,
} from "../pipeline/run-state.ts";
import { parseRepositorySource, type RepositorySource } from "../repository/repository-source.ts";
import { type JobAdapters, type JobRequest, productVersion } from "./job.ts";

/** The folder and the state of a run: those it has, or new ones. */
export async function openRun(
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
