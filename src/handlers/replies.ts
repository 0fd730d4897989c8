import { extractiveModel } from "../config.ts";
import type { RunRecord } from "../store/run-record.ts";
import { commandOptions, commands, workflowCommands } from "../templates/command-table.ts";
import { render } from "../templates/render.ts";
import { repositoryConfigFile } from "./repository-config.ts";

/** What is said in answer to a command, in Markdown. Whatever comes from outside is inert in it, and no answer is a command itself. */

export function renderHelp({
  problem,
  label,
}: {
  problem: string | null;
  /** Null where a workflow answers: it reads comments alone, and keeps nothing of its runs. */
  label: string | null;
}): string {
  return render("comments/help.md", {
    problem,
    label,
    configPath: repositoryConfigFile,
    commands: label === null ? workflowCommands : commands,
    options: commandOptions,
  });
}

/** One sentence: why not. */
export function renderRefusal({ sentence }: { sentence: string }): string {
  return render("comments/refusal.md", { sentence });
}

/** What `parseRepositoryConfig` complained of. */
export function renderConfigError({ problem }: { problem: string }): string {
  return render("comments/config-error.md", { problem, configPath: repositoryConfigFile });
}

/** What `mergeSettings` cannot give. */
export function renderSettingsRefusal({ problems }: { problems: readonly string[] }): string {
  return render("comments/settings-refusal.md", { problems });
}

export interface StatusRow {
  run: RunRecord;
  /** Runs before it; only of one that waits. */
  place: number;
  /** Null where nobody but the operator may see the run's page. */
  pageUrl: string | null;
}

/** Newest first, as they are given. */
export function renderStatus({ rows }: { rows: readonly StatusRow[] }): string {
  return render("comments/status.md", {
    rows: rows.slice(0, maxRows).map(showRow),
    more: Math.max(0, rows.length - maxRows),
  });
}

export type Asked = "cancel" | "retry" | "revise";

/** Nothing runs or waits here; nothing was run here; the pull request's run is no more. */
export function renderNothingTo({ asked }: { asked: Asked }): string {
  return render("comments/nothing.md", {
    isCancel: asked === "cancel",
    isRetry: asked === "retry",
    isRevise: asked === "revise",
  });
}

/** `/distill revise` where there is no example of ours to change. */
export function renderReviseElsewhere(): string {
  return render("comments/revise-elsewhere.md", {});
}

export function renderCancelled({ runs, by }: { runs: number; by: string }): string {
  return render("comments/cancelled.md", { runs, isOne: runs === 1, by });
}

/** The pull request was closed without being merged before: none is opened again until somebody says so. */
export function renderDeclined({ pullRequest }: { pullRequest: { number: number; url: string } }): string {
  const { number, url } = pullRequest;
  return render("comments/declined.md", { number, url: plainUrl(url) });
}

export interface BudgetRefusal {
  /** What the run may cost, what is left, and what there is in all, in US dollars. */
  runUsd: number;
  leftUsd: number;
  limitUsd: number;
  budget: "repository-day" | "installation-month";
}

export function renderBudgetRefusal({ runUsd, leftUsd, limitUsd, budget }: BudgetRefusal): string {
  // Never more than there is: cents are rounded to the side where what is suggested is then allowed.
  const leftCents = Math.max(0, Math.floor(leftUsd * 100 + 1e-6));
  return render("comments/budget.md", {
    run: dollars(Math.ceil(runUsd * 100 - 1e-6)),
    left: dollars(leftCents),
    limit: dollars(Math.round(limitUsd * 100)),
    isDay: budget === "repository-day",
    lower: leftCents > 0 ? (leftCents / 100).toFixed(2) : null,
    freeModel: extractiveModel,
  });
}

export function renderTooManyWaiting({ waiting }: { waiting: number }): string {
  return render("comments/too-many.md", { waiting });
}

export function renderTooManyToday({ limit }: { limit: number }): string {
  return render("comments/too-many.md", { today: true, limit });
}

/** A table that a person still reads. */
const maxRows = 20;

function showRow({ run, place, pageUrl }: StatusRow): Record<string, unknown> {
  const { pullRequest, ending } = run;
  return {
    what: cut(run.source?.replace(/^https:\/\/(?:github\.com\/)?/, "") ?? `${run.target.owner}/${run.target.name}`),
    url: pageUrl === null ? null : plainUrl(pageUrl),
    by: cut(run.requestedBy),
    asked: showTime(run.createdAt),
    status: cut(describeStatus(run, place)),
    reason:
      ending && ending.outcome !== "verified" && ending.reasonCode !== ending.outcome ? cut(ending.reasonCode) : null,
    cost: dollars(Math.round(Math.max(run.costUsd, run.progress.costUsd) * 100)),
    pullRequest: pullRequest
      ? { number: pullRequest.number, url: plainUrl(pullRequest.url), state: pullRequest.state }
      : null,
  };
}

function describeStatus({ status, progress, ending, cancelled }: RunRecord, place: number): string {
  if (status === "finished") return ending?.outcome ?? "finished";
  if (cancelled) return "being cancelled";
  if (status === "queued")
    return place === 0 ? "waits for a free worker" : `waits for ${place} other${place === 1 ? "" : "s"}`;
  const iteration = progress.iteration === null ? "" : `, iteration ${progress.iteration + 1}`;
  return `runs${progress.stage === null ? "" : `: ${progress.stage}${iteration}`}`;
}

function dollars(cents: number): string {
  return `$${(cents / 100).toFixed(2)}`;
}

/** More than any honest name; a cell stays a cell. */
function cut(text: string): string {
  return text.length > 120 ? `${text.slice(0, 119).toWellFormed()}…` : text;
}

/** Minutes are enough; what is no time stays as it is. */
function showTime(iso: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)}, ${iso.slice(11, 16)} UTC` : iso;
}

/** A link's address as it may stand in Markdown; null for any other. */
function plainUrl(url: string): string | null {
  return /^https?:\/\/[\w.:[\]-]+\/[\w./~%?=&#+,:@-]*$/.test(url) ? url : null;
}
