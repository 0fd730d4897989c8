import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { styleText } from "node:util";
import { extractiveModel, resolveConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { estimateJob } from "../jobs/estimate-job.ts";
import { type JobRequest, type JobResult, type ResumeChanges, runJob } from "../jobs/run-job.ts";
import { createAdapters, explainDefaultModel } from "./adapters.ts";
import { describeEstimate } from "./describe-estimate.ts";
import { exitStatus, statusOfOutcome } from "./exit-status.ts";
import { createProgress, formatSeconds, printable } from "./progress.ts";
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
  sandbox?: "local" | "none";
  maxDebugIterations?: number;
  maxRuntimeMins?: number;
  maxCost?: number;
  maxRepositoryMb?: number;
  resume?: string;
  dryRun: boolean;
  estimate: boolean;
  json: boolean;
  verbose: boolean;
}

export async function runDistill(
  terminal: Terminal,
  repository: string | undefined,
  configFile: string | undefined,
  flags: DistillFlags,
): Promise<number> {
  const request = await readRequest(terminal, repository, configFile, flags);
  const { stderr, stdout, signal, environment } = terminal;
  const warn = (text: string): void => void stderr.write(`${text}\n`);
  if (request.kind === "new" && !request.namesModel) warn(explainDefaultModel(environment, request.config));
  if (flags.record !== undefined && request.kind === "new" && request.config.model_str_code === extractiveModel)
    throw usage("nothing-to-record", `--record needs a model that is asked: ${extractiveModel} asks none.`);
  if (flags.estimate) return showEstimate(terminal, request, flags.json);
  const progress = createProgress({ stream: stderr, verbose: flags.verbose });
  const result = await runJob({
    request,
    adapters: createAdapters(terminal, warn, flags.record ?? null),
    emit: progress.emit,
    signal,
  });
  progress.stop();
  if (flags.json) stdout.write(`${JSON.stringify(describeResult(result), null, 2)}\n`);
  else describeForPeople(terminal, result, flags.dryRun);
  if (result.error) stderr.write(`codedistiller: ${result.error.message}\n`);
  if (result.error && result.runFolder && result.error.code !== "run-in-progress")
    stderr.write(`Continue with: codedistiller distill --resume ${shown(terminal, result.runFolder)}\n`);
  return statusOf(result);
}

/** Whether somebody named the model that writes. */
type ReadRequest = JobRequest & { namesModel?: boolean };

async function readRequest(
  terminal: Terminal,
  repository: string | undefined,
  configFile: string | undefined,
  flags: DistillFlags,
): Promise<ReadRequest> {
  if (flags.resume !== undefined) {
    if (repository !== undefined)
      throw usage(
        "resume-with-repository",
        "--resume takes its repository and configuration from the run folder: leave the others out.",
      );
    return { kind: "resume", runFolder: flags.resume, dryRun: flags.dryRun, changes: readChanges(terminal, flags) };
  }
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
      sandbox: flags.sandbox,
      max_debug_iterations: flags.maxDebugIterations,
      max_runtime_mins: flags.maxRuntimeMins,
      max_cost_usd: flags.maxCost,
      max_repository_mb: flags.maxRepositoryMb,
    },
    file,
    environment: terminal.environment,
  });
  const namesModel =
    flags.model !== undefined ||
    Boolean(terminal.environment.CODEDISTILLER_MODEL_STR_CODE) ||
    /"model_str_code"\s*:/.test(file?.text ?? "");
  return { kind: "new", source: repository, config, dryRun: flags.dryRun, namesModel };
}

/** What may change when a run is gone on with: who is asked, and what that may cost. */
function readChanges({ environment }: Terminal, flags: DistillFlags): ResumeChanges {
  const given = resolveConfig({ flags: {}, file: null, environment });
  return {
    model_str_code: flags.model,
    model_str_fast: flags.fastModel,
    model_str_judge: flags.judgeModel,
    max_cost_usd: flags.maxCost,
    prices: Object.keys(given.prices).length > 0 ? given.prices : undefined,
  };
}

/** What a run would cost; nothing is run, and no model is asked. */
async function showEstimate(terminal: Terminal, request: JobRequest, json: boolean): Promise<number> {
  if (request.kind === "resume") throw usage("estimate-of-resume", "--estimate takes a repository, not --resume.");
  const { source, config } = request;
  const { stdout, stderr, signal } = terminal;
  const warn = (text: string): void => void stderr.write(`${text}\n`);
  const models = { code: config.model_str_code, fast: config.model_str_fast, judge: config.model_str_judge };
  const asksNobody = config.model_str_code === extractiveModel;
  const estimate = asksNobody
    ? null
    : await estimateJob({ source, config, adapters: createAdapters(terminal, warn), signal });
  if (json) stdout.write(`${JSON.stringify({ models, maxCostUsd: config.max_cost_usd, estimate }, null, 2)}\n`);
  else stdout.write(estimate ? describeEstimate(estimate, config) : `${extractiveModel} asks no model: $0.\n`);
  return exitStatus.verified;
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

function statusOf({ error, outcome }: JobResult): number {
  if (error?.cancelled) return exitStatus.cancelled;
  if (error) return error.usage ? exitStatus.usage : exitStatus.error;
  return outcome ? statusOfOutcome(outcome) : exitStatus.verified;
}

/** The one JSON result: stable keys; paths are absolute. */
function describeResult({ runFolder, state, outcome, error }: JobResult): unknown {
  const distiller = state?.distiller;
  const verdict = distiller?.verdict;
  const best =
    distiller?.best === null || distiller?.best === undefined ? undefined : distiller.iterations[distiller.best];
  return {
    outcome: outcome?.outcome ?? (error?.cancelled ? "cancelled" : null),
    reasonCode: outcome?.reasonCode ?? error?.code ?? null,
    explanation: outcome?.explanation ?? error?.message ?? null,
    runFolder,
    exampleFolder: runFolder && best?.verdict?.executed.result === "passed" ? `${runFolder}/example` : null,
    report: runFolder && outcome ? `${runFolder}/report.html` : null,
    repository: distiller?.repository
      ? { name: distiller.repository.name, url: distiller.repository.url, commit: distiller.repository.commit }
      : null,
    checks: verdict
      ? {
          executed: verdict.executed,
          grounded: verdict.grounded,
          reproduced: verdict.reproduced,
          reviewed: verdict.reviewed,
        }
      : null,
    coreFunctionsCalled: (verdict ?? best?.verdict)?.coverage.called.map(({ qualifiedName }) => qualifiedName) ?? [],
    coreFunctionsNotCalled:
      (verdict ?? best?.verdict)?.coverage.notCalled.map(({ qualifiedName }) => qualifiedName) ?? [],
    iterations: distiller?.iterations.length ?? 0,
    seconds: state?.total_runtime_secs ?? 0,
    costUsd: state?.total_cost ?? 0,
    plan: distiller?.outcome ? null : (distiller?.iterations[0]?.draft.provenance ?? null),
  };
}

function describeForPeople(terminal: Terminal, { runFolder, state, outcome }: JobResult, dryRun: boolean): void {
  const { stdout } = terminal;
  if (!state || !runFolder) return;
  const line = (label: string, text: string): void => void stdout.write(`${label.padEnd(14)}${printable(text)}\n`);
  if (!outcome) {
    const planned = state.distiller.iterations[0];
    if (dryRun && planned) {
      for (const { example, title, path, place } of planned.draft.provenance)
        line(example, `${title} (${path}, ${place})`);
      line("main.py", shown(terminal, `${runFolder}/${planned.folder}/main.py`));
      line("to run it", `codedistiller distill --resume ${shown(terminal, runFolder)}`);
    } else if (dryRun && state.distiller.gaveUp) line("plan", state.distiller.gaveUp.explanation);
    return;
  }
  const colours = { verified: "green", partial: "yellow", failed: "red", skipped: "cyan", cancelled: "gray" } as const;
  stdout.write(
    `\n${styleText([colours[outcome.outcome], "bold"], outcome.outcome, { stream: stdout })}${outcome.outcome === "verified" ? "" : ` (${outcome.reasonCode})`}: ${printable(outcome.explanation)}\n`,
  );
  const { verdict, iterations } = state.distiller;
  if (verdict) {
    for (const name of ["executed", "grounded", "reproduced"] as const) line(`  ${name}`, verdict[name].evidence);
    if (verdict.reviewed.result !== "not-made") line("  reviewed", verdict.reviewed.evidence);
    if (verdict.coverage.called.length > 0)
      line("  called", verdict.coverage.called.map(({ qualifiedName }) => qualifiedName).join(", "));
    if (verdict.executed.result === "passed") line("  example", shown(terminal, `${runFolder}/example`));
  }
  line("  report", shown(terminal, `${runFolder}/report.html`));
  line(
    "  took",
    `${formatSeconds(state.total_runtime_secs)}, ${iterations.length} iteration${iterations.length === 1 ? "" : "s"}, $${state.total_cost.toFixed(2)}`,
  );
}

function shown({ workingFolder }: Terminal, path: string): string {
  const near = relative(workingFolder, path);
  return near && !near.startsWith("..") ? near : path;
}
