import { describeStep, type Execution, type StepResult, stepSucceeded } from "../example/execution.ts";
import { linkTraceback } from "./report-code.ts";
import { diffDrafts, type FileDiff } from "./report-diff.ts";
import { cutText, formatDate, formatSeconds } from "./report-format.ts";
import { shownIteration } from "./report-run.ts";
import type { Iteration, RunState } from "./run-state.ts";

const longestStream = 16_000;

export interface StepDescription {
  name: string;
  file: string;
  succeeded: boolean;
  status: string;
  seconds: string;
  memory: string;
  streams: Array<{ name: string; pieces: ReturnType<typeof linkTraceback>; note: string | null }>;
}

/** The two steps of an execution with what they printed; empty where nothing ran. */
export function describeSteps(execution: Execution | null, mainLines: number): StepDescription[] {
  if (!execution) return [];
  const { environment, program } = execution;
  return [
    describeOneStep("Environment", "runscript.sh", environment, mainLines),
    ...(program ? [describeOneStep("Program", "main.py", program, mainLines)] : []),
  ];
}

function describeOneStep(name: string, file: string, step: StepResult, mainLines: number): StepDescription {
  const streams = (["stdout", "stderr"] as const).flatMap((stream) => {
    const { text, note } = cutText(asTerminalShows(step[stream]), longestStream);
    return text.trim() ? [{ name: stream, pieces: linkTraceback(text, mainLines), note }] : [];
  });
  return {
    name,
    file,
    succeeded: stepSucceeded(step),
    status: describeStep(step),
    seconds: step.reused ? "reused" : formatSeconds(step.seconds),
    memory: step.peakMemoryMb === null ? "" : `${Math.round(step.peakMemoryMb)} MiB`,
    streams,
  };
}

/** Without colours, and of a line that a program wrote over again and again what was there last. Control characters come as pictures. */
function asTerminalShows(text: string): string {
  return text
    .replace(/␛\[[\d;?]*[A-Za-z]/g, "")
    .split("\n")
    .map((line) => line.replace(/␍+$/, "").replace(/^.*␍/, ""))
    .join("\n");
}

export interface IterationDescription {
  title: string;
  when: string;
  result: string;
  succeeded: boolean;
  published: boolean;
  issues: string[];
  changes: string[];
  error: string;
  diffs: FileDiff[];
}

/** What each iteration came to, what was changed for it, and how its files differ from those before. */
export function describeIterations(state: RunState): IterationDescription[] {
  const { iterations, best, outcome } = state.distiller;
  const wasPublished = outcome?.outcome === "verified" || outcome?.outcome === "partial";
  return iterations.map((iteration, position) => {
    const before = iterations[position - 1];
    return {
      title: `Iteration ${iteration.index}${iteration.draft.preliminary ? " (preliminary, by rule)" : ""}`,
      when: formatDate(iteration.startedAt),
      result: describeResult(iteration),
      succeeded: iteration.verdict?.executed.result === "passed" && iteration.verdict.grounded.result === "passed",
      published: wasPublished && iteration.index === best,
      issues: iteration.issuesIdentified,
      changes: iteration.changesMade,
      error: describeLastError(iteration),
      diffs: before ? diffDrafts(before.draft, iteration.draft) : [],
    };
  });
}

function describeResult({ execution, verdict }: Iteration): string {
  if (!execution) return "was not run to its end";
  if (verdict) return verdict.executed.result === "passed" ? verdict.grounded.evidence : verdict.executed.evidence;
  return `Environment: ${describeStep(execution.environment)}${execution.program ? `; main.py: ${describeStep(execution.program)}` : ""}.`;
}

function describeLastError({ execution }: Iteration): string {
  if (!execution) return "";
  const failed = [execution.environment, execution.program].find((step) => step !== null && !stepSucceeded(step));
  return failed
    ? asTerminalShows(failed.stderr).trim().split("\n").slice(-6).join("\n").slice(-1500).toWellFormed()
    : "";
}

export interface ErrorAssessment {
  failures: Array<{ example: string; what: string; pieces: ReturnType<typeof linkTraceback> }>;
  impostors: Array<{ module: string; file: string }>;
  observerErrors: string[];
  resultsProblem: string | null;
  judgement: Array<{ name: string; value: string }>;
  issues: Array<{ critical: boolean; text: string }>;
  gaveUp: string | null;
  left: Array<{ path: string; reason: string }>;
}

/** Everything that went wrong or was doubted, in the shown iteration and at the end. */
export function assessErrors(state: RunState, mainLines: number): ErrorAssessment {
  const { gaveUp } = state.distiller;
  const { execution, review } = shownIteration(state) ?? {};
  const judgement = review?.kind === "judged" ? review.judgement : null;
  return {
    failures: (execution?.log ?? []).flatMap(({ example, error }) =>
      error
        ? [
            {
              example: example ?? "main.py",
              what: `${error.type}: ${error.message.slice(0, 500)}`,
              pieces: linkTraceback(cutText(error.traceback, 6000).text, mainLines),
            },
          ]
        : [],
    ),
    impostors: execution?.evidence.impostors ?? [],
    observerErrors: execution?.evidence.errors ?? [],
    resultsProblem: execution?.resultsProblem ?? null,
    judgement: judgement
      ? [
          { name: "Correct behaviour", value: yesNo(judgement.correct_behavior) },
          { name: "Faithful", value: yesNo(judgement.is_faithful) },
          { name: "Accurate", value: yesNo(judgement.is_accurate) },
          { name: "Complete", value: yesNo(judgement.is_complete) },
          { name: "Statement", value: judgement.faithfulness_accurate_completeness_statement },
        ]
      : [],
    issues: [
      ...(judgement?.critical_issues ?? []).map((text) => ({ critical: true, text })),
      ...(judgement?.issues ?? []).map((text) => ({ critical: false, text })),
    ],
    gaveUp: gaveUp?.explanation ?? null,
    left: (execution?.left ?? []).slice(0, 50).map(({ path, reason }) => ({ path, reason: reason.replace(/-/g, " ") })),
  };
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}
