import { describeProvenance, describeSwallowed } from "../pipeline/report-example.ts";
import { formatDollars } from "../pipeline/report-format.ts";
import { describeRun, linkerOf, shownIteration } from "../pipeline/report-run.ts";
import type { RunState } from "../pipeline/run-state.ts";
import type { ToldRun } from "../store/run-record.ts";
import { render } from "../templates/render.ts";
import { cutLinesIn, plainLine } from "./cut-line.ts";

interface CheckAnnotation {
  path: string;
  startLine: number;
  endLine: number;
  level: "notice" | "warning";
  title: string;
  message: string;
}

export interface RenderedCheckRun {
  conclusion: "success" | "neutral" | "failure";
  /** Plain text. */
  title: string;
  /** Markdown. */
  summary: string;
  annotations: CheckAnnotation[];
}

/** GitHub takes 50 in one request. */
const maxAnnotations = 50;

export function renderCheckRun({
  state,
  run,
  folder,
}: {
  state: RunState;
  run: ToldRun;
  /** Where the example lies, such as `examples/orbital-elements`. */
  folder: string;
}): RenderedCheckRun {
  const head = describeRun(state, null);
  const conclusions: Record<string, RenderedCheckRun["conclusion"]> = { verified: "success", partial: "neutral" };
  return {
    conclusion: conclusions[head.outcome] ?? "failure",
    title: plainLine(`${head.verdict}: ${head.explanation}`, 200),
    summary: render("comments/check-run.md", {
      run: cutLinesIn({ ...head, cost: formatDollars(run.costUsd) }, 600, 10),
      originKind: head.origin.kind.toLowerCase(),
    }),
    annotations: annotate(state, `${folder}/main.py`),
  };
}

/** Warnings first, so that none of them is left out for a notice. */
function annotate(state: RunState, path: string): CheckAnnotation[] {
  const iteration = shownIteration(state);
  const lines = (iteration?.draft.files["main.py"] ?? "").split("\n").length;
  const at = (line: number) => ({ path, startLine: line, endLine: line });
  const swallowed = describeSwallowed(iteration?.execution ?? null).flatMap(({ what, line, count }) =>
    line !== null && line >= 1 && line <= lines
      ? [
          {
            ...at(line),
            level: "warning" as const,
            title: "An exception is caught here",
            message: plainLine(`${what} (${count === "1" ? "once" : `${count} times`})`, 500),
          },
        ]
      : [],
  );
  const taken = describeProvenance(state, linkerOf(state)).flatMap(({ example, line, title, place, changes }) =>
    line === null
      ? []
      : [
          {
            ...at(line),
            level: "notice" as const,
            title: plainLine(`${example}: ${title}`, 120),
            message: plainLine(`Taken from ${place.text}; ${describeChanges(changes)}.`, 1000),
          },
        ],
  );
  return [...swallowed, ...taken].slice(0, maxAnnotations);
}

function describeChanges(changes: readonly string[]): string {
  return changes.length === 0 ? "not changed" : `changed: ${changes.slice(0, 20).join("; ")}`;
}
