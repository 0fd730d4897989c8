import { certainStages, nameOfStage } from "../jobs/stage-names.ts";
import { formatSeconds } from "../pipeline/report-format.ts";
import type { RunRecord } from "../store/run-record.ts";

export interface StageRow {
  name: string;
  state: "done" | "current" | "broken" | "to-come";
  detail: string | null;
  took: string;
}

/** A checklist: what was done and took how long, where it is or broke off, and, while it goes on, what is to come. */
export function describeStages(run: RunRecord): StageRow[] {
  const { done, stage, iteration } = run.progress;
  const isFinished = run.status === "finished";
  const current = isFinished && isWhole(run) ? null : stage;
  const seconds = new Map(done.map((each) => [each.stage, each.seconds]));
  const names = [...seconds.keys()];
  if (current !== null && !seconds.has(current)) names.push(current);
  if (run.status === "running") {
    for (const name of certainStages) if (!names.includes(name)) names.push(name);
  }
  return names.map((name) => {
    const took = seconds.get(name);
    const isCurrent = name === current;
    return {
      name: nameStage(name),
      state: isCurrent ? (isFinished ? "broken" : "current") : took === undefined ? "to-come" : "done",
      detail: isCurrent && iteration !== null && iteration > 0 ? `iteration ${iteration + 1}` : null,
      took: took === undefined ? "" : formatSeconds(took),
    };
  });
}

export function nameStage(stage: string): string {
  return nameOfStage(stage) ?? stage;
}

/** An error or a cancellation leaves the stage in which it came; every other ending comes after the last one. */
function isWhole({ ending }: RunRecord): boolean {
  return ending !== null && !["error", "cancelled"].includes(ending.outcome);
}
