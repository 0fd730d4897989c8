import { formatDollars, formatSeconds, plural } from "../pipeline/report-format.ts";
import type { RunEnding, RunProgress, ToldRun } from "../store/run-record.ts";
import { render } from "../templates/render.ts";
import { neutraliseMarkdown } from "../templates/reports/neutralise-markdown.ts";
import { proseWithCode } from "../templates/reports/prose-with-code.ts";
import { cutLine, cutLinesIn, linkAddress } from "./cut-line.ts";
import { certainStages, nameOfStage, stageOrder } from "./stage-names.ts";

export interface ProgressInput {
  run: ToldRun;
  /** How many runs are before it; null where nobody knows yet. */
  place: number | null;
  now: Date;
  /** The run's own page; null where nobody but the operator may see it. */
  pageUrl: string | null;
  /** What is to be seen there once it has ended. */
  pageHolds?: "report" | "log";
}

/** A comment is to be taken in at a glance. */
const longestComment = 4000;

/** The one comment of a run, from its queueing to its end, as Markdown. Always shorter than 4,000 characters. */
export function renderProgress(input: ProgressInput): string {
  let text = "";
  for (const longest of [600, 250, 100, 40, 12]) {
    text = renderWithin(input, longest);
    if (text.length < longestComment) break;
  }
  return text;
}

function renderWithin({ run, place, now, pageUrl, pageHolds = "report" }: ProgressInput, longest: number): string {
  const view = {
    repository: cutLine(run.source ?? `${run.target.owner}/${run.target.name}`, Math.min(longest, 120)),
    requestedBy: cutLine(run.requestedBy, 40),
    feedback: run.feedback === null ? null : cutLine(run.feedback, Math.min(longest, 200)),
    dryRun: run.dryRun,
    pageUrl: linkAddress(pageUrl),
    hasReport: pageHolds === "report",
    maxCost: formatDollars(run.maxCostUsd),
    // It may have come to its end before it could be stopped.
    cancelledBy:
      run.cancelled && (run.ending?.outcome ?? "cancelled") === "cancelled" ? cutLine(run.cancelled.by, 40) : null,
  };
  const text =
    run.ending !== null
      ? render("comments/progress-finished.md", { ...view, ...describeEnding(run, run.ending, longest) })
      : run.status === "queued"
        ? render("comments/progress-queued.md", { ...view, ...describeWaiting(run, place, longest) })
        : render("comments/progress-running.md", { ...view, ...describeRunning(run, now, longest) });
  return `${text.trim()}\n`;
}

function describeWaiting({ startedAt, progress }: ToldRun, place: number | null, longest: number) {
  // What began and waits again was interrupted, or waits for a service; the note says which.
  const again = startedAt !== null;
  return {
    isPlaced: place !== null,
    before: describePlace(place ?? 0),
    again,
    note: again && progress.note ? cutLine(progress.note, longest) : null,
  };
}

function describePlace(place: number): string {
  // Runs of other installations are not counted, and may begin before it.
  if (place <= 0) return "It begins when a worker is free.";
  return place === 1 ? "1 run is before it." : `${place} runs are before it.`;
}

function describeRunning({ progress, starts, startedAt, costUsd }: ToldRun, now: Date, longest: number) {
  const elapsed = (now.getTime() - new Date(startedAt ?? Number.NaN).getTime()) / 1000;
  return {
    elapsed: Number.isFinite(elapsed) && elapsed >= 0 ? formatSeconds(Math.round(elapsed)) : null,
    cost: formatDollars(Math.max(costUsd, progress.costUsd)),
    stages: listStages(progress, Math.min(longest, 40)),
    note: progress.note && cutLine(progress.note, longest),
    again: starts > 1,
    updated: `${now.toISOString().slice(11, 16)} UTC`,
  };
}

interface ShownStage {
  name: string;
  isDone: boolean;
  isCurrent: boolean;
  /** After the name: what it took, or which iteration it is. */
  detail: string;
}

/** Those that ended, then the current one (also where it ended before), then those that every run still comes to. */
function listStages({ stage, iteration, done }: RunProgress, longest: number): ShownStage[] {
  const ended = done.filter((each) => each.stage !== stage);
  const seen = new Set([...done.map((each) => each.stage), stage]);
  const reached = Math.max(...[...seen].map((each) => stageOrder.indexOf(each ?? "")));
  const ahead = certainStages.filter((each) => stageOrder.indexOf(each) > reached && !seen.has(each));
  const show = (name: string, isDone: boolean, isCurrent: boolean, detail: string): ShownStage => ({
    name: nameStage(name, longest),
    isDone,
    isCurrent,
    detail,
  });
  return [
    ...ended.slice(0, 14).map((each) => show(each.stage, true, false, formatSeconds(each.seconds))),
    ...(stage === null ? [] : [show(stage, false, true, describeIteration(stage, iteration))]),
    ...ahead.map((each) => show(each, false, false, "")),
  ];
}

function describeIteration(stage: string, iteration: number | null): string {
  return iteration !== null && ["draft", "execute", "revise"].includes(stage) ? `iteration ${iteration + 1}` : "";
}

function nameStage(stage: string, longest: number): string {
  return nameOfStage(stage) ?? neutraliseMarkdown(cutLine(stage, longest));
}

const verdicts: Readonly<Record<RunEnding["outcome"], string>> = {
  verified: "Verified",
  partial: "Partial",
  failed: "Failed",
  skipped: "Skipped",
  cancelled: "Cancelled",
  error: "Stopped by an error",
};

function describeEnding(run: ToldRun, ending: RunEnding, longest: number) {
  const { outcome, commit, seconds, iterations } = ending;
  const { checks } = cutLinesIn({ checks: ending.checks }, Math.min(longest, 400), 6);
  const isPlan = run.dryRun && outcome === "skipped";
  const lines = ending.explanation.slice(0, 20_000).split("\n");
  return {
    isPlan,
    verdict: verdicts[outcome],
    explanation: proseWithCode(cutLine(ending.explanation, longest)),
    plan: isPlan && lines.length > 1 ? cutLinesIn(lines, Math.min(longest, 160), 12) : null,
    checks: isPlan ? [] : checks.map(describeCheck),
    advice: ending.advice && proseWithCode(cutLine(ending.advice, longest)),
    pullRequest: describePullRequest(run),
    canRetry: !isPlan && !["verified", "skipped"].includes(outcome) && !ending.advice?.includes("/distill"),
    commit: commit && /^[0-9a-f]{7,64}$/.test(commit) ? commit.slice(0, 12) : null,
    cost: formatDollars(run.costUsd),
    duration: formatSeconds(seconds),
    iterations: iterations > 0 ? plural(iterations, "iteration") : null,
  };
}

function describeCheck({ name, result, evidence }: RunEnding["checks"][number]) {
  const notMade = name === "reviewed" ? "not reviewed" : "not made";
  return {
    name: name.charAt(0).toUpperCase() + name.slice(1),
    result: result === "not-made" ? notMade : result,
    evidence,
  };
}

function describePullRequest({ pullRequest }: ToldRun) {
  const url = linkAddress(pullRequest?.url ?? null);
  if (!pullRequest || !url) return null;
  const { number, state } = pullRequest;
  const ends = { open: "", merged: " was merged", declined: " was closed without merging" } as const;
  return { number, url, end: ends[state], isOpen: state === "open" };
}
