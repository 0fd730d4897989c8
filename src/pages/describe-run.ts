import { formatBytes, formatCount, formatDate, formatDollars, formatSeconds } from "../pipeline/report-format.ts";
import type { RunRecord } from "../store/run-record.ts";
import { cleanTexts } from "./clean-texts.ts";
import { describeStages, nameStage, type StageRow } from "./describe-stages.ts";

interface Link {
  text: string;
  href: string | null;
}

export interface RunAround {
  /** Runs before it, while it waits. */
  place: number;
  /** Oldest first. */
  log: ReadonlyArray<{ at: string; text: string }>;
  /** Files of the published folder, by paths in it. */
  files: ReadonlyArray<{ path: string; bytes: number }>;
  hasReport: boolean;
  /** Where the site of GitHub is, without a slash at the end. */
  githubUrl: string;
  now: Date;
}

/** Files that a page lists; the archive has all of them. */
const maxListedFiles = 40;
export const maxLogLines = 100;

/** What the page of a run shows. Texts from outside come out redacted and with everything unseen made visible. */
export function describeRunPage(record: RunRecord, around: RunAround): object {
  const run = cleanTexts(record);
  const { log, files, hasReport, githubUrl } = around;
  const { ending } = run;
  const actions = [
    ...(hasReport ? [{ text: "Report", href: `/runs/${run.id}/report` }] : []),
    ...(files.length > 0 ? [{ text: "Example as an archive", href: `/runs/${run.id}/example.tar.gz` }] : []),
  ];
  return {
    ...describeStatus(run),
    kicker: formatDate(run.createdAt),
    isUnfinished: run.status !== "finished",
    repository: linkTo(repositoryName(run), `${githubUrl}/${encodeName(run.target)}`),
    explanation: ending?.explanation ?? describeUnfinished(run, around.place),
    advice: ending?.advice ? splitCode(ending.advice) : null,
    facts: describeFacts(run, around),
    actions: actions.map((action, index) => ({ ...action, isMain: index === 0 })),
    checks: (ending?.checks ?? []).map(describeCheck),
    stages: describeStages(run) satisfies StageRow[],
    noStages: run.status === "finished" ? "It ended before its first stage." : "It has not begun.",
    files: cleanTexts(files.slice(0, maxListedFiles)).map(({ path, bytes }) => ({ path, size: formatBytes(bytes) })),
    moreFiles: files.length > maxListedFiles ? formatCount(files.length - maxListedFiles) : null,
    log: cleanTexts(log).map(({ at, text }) => ({ at, clock: clockOf(at), text })),
    isLogCut: log.length >= maxLogLines,
  };
}

/** A run as programs read it: what may be seen by whoever has the link, and nothing of how it is kept. */
export function describeRunForPrograms(record: RunRecord, { place }: { place: number }): object {
  const run = cleanTexts(record);
  const { owner, name } = run.target;
  const { id, source, trigger, dryRun, requestedBy, status, costUsd, maxCostUsd, progress, ending, pullRequest } = run;
  return {
    ...{ id, status, repository: `${owner}/${name}`, source, trigger, dryRun, requestedBy },
    runsBefore: status === "queued" ? place : 0,
    createdAt: run.createdAt,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    ...{ costUsd, maxCostUsd, progress, cancelled: run.cancelled, ending, pullRequest },
    maintainerReview: run.maintainerReview,
  };
}

/** A line of the list. */
export function describeRunRow(record: RunRecord, now: Date): object {
  const run = cleanTexts(record);
  const { status, tone } = describeStatus(run);
  const detail =
    run.status === "finished" ? run.ending?.reasonCode : run.progress.stage && nameStage(run.progress.stage);
  return {
    id: run.id,
    repository: repositoryName(run),
    isPrivate: run.target.isPrivate,
    source: run.source,
    status,
    tone,
    detail: detail && detail !== run.ending?.outcome ? detail : null,
    pullRequest: run.pullRequest && pullRequestLink(run.pullRequest),
    asked: describeRequest(run),
    date: formatDate(run.createdAt),
    time: run.startedAt ? formatSeconds(secondsOf(run, now)) : "–",
    cost: formatDollars(costOf(run)),
  };
}

export function repositoryName({ target: { owner, name } }: Pick<RunRecord, "target">): string {
  return `${owner}/${name}`;
}

const outcomes: Record<NonNullable<RunRecord["ending"]>["outcome"], { status: string; tone: string }> = {
  verified: { status: "Verified", tone: "verified" },
  partial: { status: "Partial", tone: "partial" },
  failed: { status: "Failed", tone: "failed" },
  skipped: { status: "Skipped", tone: "skipped" },
  cancelled: { status: "Cancelled", tone: "cancelled" },
  error: { status: "Stopped by an error", tone: "failed" },
};

function describeStatus({ status, ending, cancelled }: RunRecord): { status: string; tone: string } {
  if (ending) return outcomes[ending.outcome];
  if (status === "finished") return { status: "Ended", tone: "skipped" };
  if (cancelled) return { status: "Being cancelled", tone: "cancelled" };
  return status === "running" ? { status: "Running", tone: "running" } : { status: "Queued", tone: "queued" };
}

function describeUnfinished(run: RunRecord, place: number): string {
  if (run.status === "finished") return "";
  if (run.cancelled) return run.cancelled.reason;
  const { note } = run.progress;
  if (run.status === "running") return note ?? "It has begun.";
  // It waits for a service, or was interrupted: the note says which.
  if (run.startedAt) return `It had begun, and goes on from what is saved.${note ? ` ${note}` : ""}`;
  if (place === 0) return "It begins when a worker is free.";
  return place === 1 ? "One run is before it." : `${formatCount(place)} runs are before it.`;
}

function describeFacts(run: RunRecord, { now, githubUrl }: RunAround): Array<{ name: string; value: Link }> {
  const { ending, pullRequest, cancelled, maintainerReview, progress } = run;
  const iterations = ending?.iterations ?? (progress.iteration === null ? 0 : progress.iteration + 1);
  const issue = run.issue && `${githubUrl}/${encodeName(run.target)}/issues/${run.issue.number}`;
  const facts: Array<[string, Link | string | null]> = [
    ["Repository read", run.source],
    ["Pull request", pullRequest && pullRequestLink(pullRequest)],
    ["Asked for", describeRequest(run)],
    ["Where", run.issue && linkTo(`#${run.issue.number}`, issue)],
    ["Goes on from", run.parent && { text: "an earlier run", href: `/runs/${run.parent}` }],
    ["To be changed", run.feedback],
    ["Dry run", run.dryRun ? "no pull request is opened" : null],
    [
      run.status === "finished" ? "Duration" : "Since its beginning",
      run.startedAt && formatSeconds(secondsOf(run, now)),
    ],
    ["Cost", `${formatDollars(costOf(run))} of at most ${formatDollars(run.maxCostUsd)}`],
    ["Iterations", iterations > 0 ? formatCount(iterations) : null],
    ["Commit", ending?.commit?.slice(0, 12) ?? null],
    ["Reason code", ending && ending.reasonCode !== ending.outcome ? ending.reasonCode : null],
    ["Cancelled by", cancelled?.by ?? null],
    ["Maintainer’s review", maintainerReview && describeReview(maintainerReview)],
  ];
  return facts.flatMap(([name, value]) => {
    if (!value) return [];
    return [{ name, value: typeof value === "string" ? { text: value, href: null } : value }];
  });
}

const triggers: Record<RunRecord["trigger"], string> = {
  command: "by a command",
  label: "by a label",
  installation: "as a new installation",
  retry: "once more",
  revise: "as a revision",
};

function describeRequest({ trigger, requestedBy }: RunRecord): string {
  return `${requestedBy}, ${triggers[trigger]}`;
}

function describeReview({ executed, showsCore, correct }: NonNullable<RunRecord["maintainerReview"]>): string {
  const not = (value: boolean): string => (value ? "" : "not ");
  return `${not(executed)}executed, core ${not(showsCore)}shown, ${not(correct)}correct`;
}

function pullRequestLink({ number, url, state }: NonNullable<RunRecord["pullRequest"]>): Link {
  return linkTo(`#${number}${state === "open" ? "" : `, ${state}`}`, url);
}

/** A link only where an address is one of the web: nothing else may be followed from a page. */
function linkTo(text: string, href: string | null): Link {
  return { text, href: href && /^https?:\/\/[^\s\\]+$/i.test(href) ? href : null };
}

function encodeName({ owner, name }: RunRecord["target"]): string {
  return `${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
}

function describeCheck({ name, result, evidence }: NonNullable<RunRecord["ending"]>["checks"][number]) {
  const tone = result === "passed" || result === "failed" ? result : "not-made";
  return { name: name.charAt(0).toUpperCase() + name.slice(1), result: result.replaceAll("-", " "), tone, evidence };
}

/** What it costs while it runs is in its progress; what earlier starts cost, in the record. */
function costOf({ costUsd, progress }: RunRecord): number {
  return Math.max(costUsd, progress.costUsd);
}

/** Advice names commands between back-ticks. */
function splitCode(text: string): Array<{ text: string; isCode: boolean }> {
  return text.split("`").map((each, index) => ({ text: each, isCode: index % 2 === 1 }));
}

function secondsOf({ startedAt, finishedAt }: RunRecord, now: Date): number {
  const end = finishedAt ? Date.parse(finishedAt) : now.getTime();
  return startedAt ? Math.max(0, (end - Date.parse(startedAt)) / 1000) : 0;
}

function clockOf(iso: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(iso)?.[1] ?? iso;
}
