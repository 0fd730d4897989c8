import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Config, extractiveModel, resolveConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { ResumeChanges } from "../jobs/change-config.ts";
import type { JobRequest } from "../jobs/job.ts";
import type { Terminal } from "./terminal.ts";

export interface DistillFlags {
  ref?: string;
  subdirectory?: string;
  focus?: string;
  out?: string;
  model?: string;
  fastModel?: string;
  judgeModel?: string;
  record?: string;
  sandbox?: Config["sandbox"];
  sandboxImage?: string;
  containerEngine?: NonNullable<Config["container_engine"]>;
  gpu?: string;
  maxDebugIterations?: number;
  maxRuntimeMins?: number;
  maxCost?: number;
  maxRepositoryMb?: number;
  /** False where `--no-recipes` was given. */
  recipes: boolean;
  resume?: string;
  feedback?: string;
  dryRun: boolean;
  estimate: boolean;
  json: boolean;
  verbose: boolean;
}

/** Whether somebody named the model that writes. */
export type DistillRequest = JobRequest & { namesModel?: boolean };

/** Reads what is to be done from the arguments; throws ConfigError for what cannot go together. */
export async function readDistillRequest(
  terminal: Terminal,
  repository: string | undefined,
  configFile: string | undefined,
  flags: DistillFlags,
): Promise<DistillRequest> {
  if (flags.resume !== undefined) {
    if (repository !== undefined)
      throw usage(
        "resume-with-repository",
        "--resume takes its repository and configuration from the run folder: leave the others out.",
      );
    const kept = fixedFlags.find((name) => flags[name] !== undefined);
    if (kept)
      throw usage("resume-with-other-flags", `--resume takes ${optionOf(kept)} from the run folder: leave it out.`);
    const { resume: runFolder, feedback, dryRun } = flags;
    return { kind: "resume", runFolder, dryRun, changes: readChanges(terminal, flags), feedback };
  }
  if (flags.feedback !== undefined)
    throw usage("feedback-without-run", "--feedback is about the example of a run: name it by --resume <run folder>.");
  if (repository === undefined)
    throw usage(
      "repository-missing",
      "Name a repository: codedistiller distill <repository> [config.json], or --resume <run folder>.",
    );
  const file =
    configFile === undefined
      ? null
      : { name: configFile, text: await readConfigFile(resolve(terminal.workingFolder, configFile), configFile) };
  const config = resolveConfig({
    flags: {
      ref: flags.ref,
      subdirectory: flags.subdirectory,
      focus: flags.focus,
      output_base_path: flags.out,
      model_str_code: flags.model,
      model_str_fast: flags.fastModel,
      model_str_judge: flags.judgeModel,
      ...sandboxSettings(flags),
      max_debug_iterations: flags.maxDebugIterations,
      max_runtime_mins: flags.maxRuntimeMins,
      max_cost_usd: flags.maxCost,
      max_repository_mb: flags.maxRepositoryMb,
      recipes: flags.recipes ? undefined : false,
    },
    file,
    environment: terminal.environment,
  });
  const namesModel =
    flags.model !== undefined ||
    Boolean(terminal.environment.CODEDISTILLER_MODEL_STR_CODE) ||
    /"model_str_code"\s*:/.test(file?.text ?? "");
  if (flags.record !== undefined && config.model_str_code === extractiveModel)
    throw usage("nothing-to-record", `--record needs a model that is asked: ${extractiveModel} asks none.`);
  return { kind: "new", source: repository, config, dryRun: flags.dryRun, namesModel };
}

/** What a run is; going on with another of these would be another run. */
const fixedFlags = ["ref", "subdirectory", "focus", "out", "maxRepositoryMb"] as const;

function optionOf(flag: (typeof fixedFlags)[number]): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Where programs run, by what was given on the command line. */
export function sandboxSettings({
  sandbox,
  sandboxImage,
  containerEngine,
  gpu,
}: Pick<DistillFlags, "sandbox" | "sandboxImage" | "containerEngine" | "gpu">): Pick<
  ResumeChanges,
  "sandbox" | "sandbox_image" | "container_engine" | "gpu"
> {
  return { sandbox, sandbox_image: sandboxImage, container_engine: containerEngine, gpu };
}

/**
 * What may change when a run is gone on with: who is asked, what that may cost, how far it may go, and where its
 * programs run.
 */
function readChanges({ environment }: Terminal, flags: DistillFlags): ResumeChanges {
  const given = resolveConfig({ flags: {}, file: null, environment });
  return {
    model_str_code: flags.model,
    model_str_fast: flags.fastModel,
    model_str_judge: flags.judgeModel,
    max_cost_usd: flags.maxCost,
    max_debug_iterations: flags.maxDebugIterations,
    max_runtime_mins: flags.maxRuntimeMins,
    recipes: flags.recipes ? undefined : false,
    ...sandboxSettings(flags),
    prices: Object.keys(given.prices).length > 0 ? given.prices : undefined,
  };
}

async function readConfigFile(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError({
      code: "config-unreadable",
      userMessage: `The configuration file ${name} cannot be read. Check its path.`,
      cause: error,
    });
  }
}

function usage(code: string, userMessage: string): ConfigError {
  return new ConfigError({ code, userMessage });
}
