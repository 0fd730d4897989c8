import { relative } from "node:path";
import { styleText } from "node:util";
import { createAdapters, explainDefaultModel } from "../adapters/adapters.ts";
import type { JobResult } from "../jobs/job.ts";
import { runJob } from "../jobs/run-job.ts";
import { type DistillFlags, readDistillRequest } from "./distill-request.ts";
import { showEstimate } from "./estimate-command.ts";
import { exitStatus, statusOfOutcome } from "./exit-status.ts";
import { createProgress, formatSeconds, printable } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export async function runDistill(
  terminal: Terminal,
  repository: string | undefined,
  configFile: string | undefined,
  flags: DistillFlags,
): Promise<number> {
  const request = await readDistillRequest(terminal, repository, configFile, flags);
  const { stderr, stdout, signal, environment } = terminal;
  if (request.kind === "new" && !request.namesModel)
    stderr.write(`${explainDefaultModel(environment, request.config)}\n`);
  if (flags.estimate) return showEstimate(terminal, request, flags.json);
  const progress = createProgress({ stream: stderr, verbose: flags.verbose });
  const result = await runJob({
    request,
    adapters: createAdapters({ host: terminal, warn: progress.say, recordFile: flags.record ?? null }),
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
