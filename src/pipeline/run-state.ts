import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { FileClassification, RepositorySummary, Review, Spending } from "../authors/author.ts";
import { SavedConfig } from "../config.ts";
import { describeFullDisk, RunFolderError } from "../errors.ts";
import { Draft, ExampleMetadata } from "../example/example.ts";
import { Execution } from "../example/execution.ts";
import { Recipe } from "../recipes/recipe.ts";
import { Repository } from "../repository/repository.ts";
import { Stage } from "./events.ts";
import { Outcome, Reproduction, Verdict } from "./outcome.ts";

/** One turn of draft (or revise) and execute. */
export const Iteration = z.object({
  /** From 0. */
  index: z.number().int(),
  /** Folder below the run folder that holds its files and output. */
  folder: z.string(),
  draft: Draft,
  /** Null while it runs: a resumed run executes it again. */
  execution: Execution.nullable(),
  verdict: Verdict.pick({ executed: true, grounded: true, coverage: true }).nullable(),
  /** What the clean room came to; null where it was not tried. */
  reproduction: Reproduction.nullable(),
  /** Null where nobody was asked. */
  review: Review.nullable(),
  /** Where the draft was changed by a recipe: the recipe, and the draft as its author gave it. */
  recipe: z.object({ offered: Recipe, ownDraft: Draft }).nullable().default(null),
  issuesIdentified: z.array(z.string()),
  changesMade: z.array(z.string()),
  startedAt: z.string(),
  seconds: z.number(),
});
export type Iteration = z.infer<typeof Iteration>;

/** What a person asked of a run that had ended. */
export const Feedback = z.object({
  text: z.string(),
  /** Who asks twice with one id has asked once; null where nobody gave one. */
  id: z.string().nullable(),
  /** Index of the first iteration that comes of it: those before no longer count. */
  iteration: z.number().int(),
  /** Index of the iteration that it goes on from; null where there was none to go on from. */
  from: z.number().int().nullable(),
  at: z.string(),
});
export type Feedback = z.infer<typeof Feedback>;

/**
 * `current_state.json`. The keys in snake case are the reference system's and mean what they mean there; below
 * `distiller` is ours. Seconds and US dollars.
 */
export const RunState = z.object({
  repo_url: z.string(),
  repository_description: z.string().nullable(),
  status: z.enum(["STARTED", "COMPLETED", "FAILED", "ERROR"]),
  status_message: z.string(),
  model_str_code: z.string(),
  model_str_fast: z.string(),
  total_cost: z.number(),
  costs: z.record(z.string(), z.number()),
  total_runtime_secs: z.number(),
  runtimes: z.record(z.string(), z.number()),
  max_runtime_mins: z.number(),
  max_debug_iterations: z.number(),
  reflection_idx: z.number().int(),
  is_finished: z.boolean(),
  change_log: z.array(
    z.object({
      iteration: z.number().int(),
      error_information: z.unknown(),
      issues_identified: z.array(z.string()),
      changes_made: z.array(z.string()),
    }),
  ),
  code: z.string().nullable(),
  requirements: z.string().nullable(),
  runscript: z.string().nullable(),
  metadata: ExampleMetadata.nullable(),
  error_information: z.unknown().nullable(),
  classification_list: z.array(FileClassification),
  execution_result: z.unknown().nullable(),
  distiller: z.object({
    version: z.literal(2),
    productVersion: z.string(),
    runId: z.string(),
    author: z.string(),
    source: z.string(),
    config: SavedConfig,
    startedAt: z.string(),
    finishedAt: z.string().nullable(),
    stage: Stage,
    repository: Repository.nullable(),
    summary: RepositorySummary.nullable(),
    sandbox: z
      .object({
        provider: z.string(),
        system: z.string(),
        architecture: z.string(),
        python: z.string().nullable(),
        isolated: z.boolean(),
        image: z.string().nullable().default(null),
        /** Why this provider was taken, where nobody asked for it by name. */
        chosenBecause: z.string().nullable().default(null),
      })
      .nullable(),
    iterations: z.array(Iteration),
    /** Oldest first; the last one holds. */
    feedback: z.array(Feedback).default([]),
    /** Index of the iteration that is published. */
    best: z.number().int().nullable(),
    /** Why the author stopped, where it did. */
    gaveUp: z
      .object({ outcome: z.enum(["skipped", "failed"]), reasonCode: z.string(), explanation: z.string() })
      .nullable(),
    /** The iteration that the clean room or the judge sent back; once a run. */
    sentBack: z.number().int().nullable(),
    spending: Spending,
    verdict: Verdict.nullable(),
    outcome: Outcome.nullable(),
    notes: z.array(z.string()),
  }),
});
export type RunState = z.infer<typeof RunState>;

const stateFile = "current_state.json";

/** Reads a run's state; throws RunFolderError where there is none that can be read. */
export async function readRunState(folder: string): Promise<RunState> {
  let text: string;
  try {
    text = await readFile(join(folder, stateFile), "utf8");
  } catch (error) {
    throw new RunFolderError({
      code: "run-folder-without-state",
      userMessage: `${folder} holds no ${stateFile}: name the folder of a run.`,
      cause: error,
    });
  }
  try {
    return RunState.parse(JSON.parse(text));
  } catch (error) {
    throw new RunFolderError({
      code: "run-state-unreadable",
      userMessage: `${join(folder, stateFile)} was not written by this version of CodeDistiller, or is damaged.`,
      cause: error,
    });
  }
}

/** Replaces the state whole: a reader, also one after a crash, sees the old state or the new one. */
export async function writeRunState(folder: string, state: RunState): Promise<void> {
  await writeFileAtomically(join(folder, stateFile), `${JSON.stringify(RunState.parse(state), null, 2)}\n`);
}

export async function writeFileAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw describeWriteError(path, error);
  }
}

/** Removes what a write left that a kill cut off; only for whoever holds the folder. */
export async function removeUnfinishedWrites(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (/\.json\.\d+\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
}

/** Makes a folder, with the folders above it. */
export async function createRunFolder(folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  // Not `recursive`: Node then hangs below /proc, and takes a read-only disk for a missing folder.
  const parent = dirname(folder);
  if (parent !== folder) await createRunFolder(parent);
  try {
    await mkdir(folder);
  } catch (error) {
    // Another run may have made it just now.
    if (!(await isFolder(folder))) throw describeWriteError(folder, error);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

/** Makes one folder; false where something of its name is there. */
export async function createNewFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw describeWriteError(folder, error);
  }
}

/** What is wrong with a disk or a folder, in words for a person. */
export function describeWriteError(path: string, cause: unknown): RunFolderError {
  const full = describeFullDisk(path, cause);
  if (full) return full;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "EROFS" || code === "EACCES" || code === "EPERM")
    return new RunFolderError({
      code: "output-not-writable",
      userMessage: `${path} cannot be written. Choose another folder with --out.`,
      cause,
    });
  if (code === "ENOTDIR" || code === "EEXIST")
    return new RunFolderError({
      code: "output-not-a-folder",
      userMessage: `${path} cannot be made: a file stands in the way. Choose another folder with --out.`,
      cause,
    });
  return new RunFolderError({
    code: "output-failed",
    userMessage: `${path} cannot be written (${code || "unknown error"}). Choose another folder with --out.`,
    cause,
  });
}
