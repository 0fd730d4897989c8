import type { DeadLetter, Queue } from "../jobs/queue.ts";
import { formatCount, formatDate, plural } from "../pipeline/report-format.ts";
import { RunStatus } from "../store/run-record.ts";
import type { RunStore } from "../store/store.ts";
import { cleanTexts } from "./clean-texts.ts";
import { describeRunRow, repositoryName } from "./describe-run.ts";

type QueueCounts = Awaited<ReturnType<Queue["counts"]>>;

export interface ListRunsOptions {
  runs: Pick<RunStore, "find" | "count">;
  query: URLSearchParams;
  deadLetters: ReadonlyArray<Pick<DeadLetter, "at" | "what" | "error">>;
  queueCounts: QueueCounts;
  now: Date;
}

interface ListFilter {
  status: RunStatus | null;
  repositoryId: number | null;
  /** From 1. */
  page: number;
}

const pageLength = 50;
/** The store gives the newest so and so many: going back further would read them all. */
const lastPage = 100;

const statusNames: Record<RunStatus, string> = { queued: "Queued", running: "Running", finished: "Finished" };

/** What the operator's list shows: a page of the runs that the address asks for, newest first. */
export async function listRuns({ runs, query, deadLetters, queueCounts, now }: ListRunsOptions): Promise<object> {
  const filter = readFilter(query);
  const [found, counts] = await Promise.all([
    runs.find({
      ...(filter.status ? { statuses: [filter.status] } : {}),
      ...(filter.repositoryId === null ? {} : { repositoryId: filter.repositoryId }),
      limit: filter.page * pageLength + 1,
    }),
    runs.count(),
  ]);
  const shown = found.slice((filter.page - 1) * pageLength, filter.page * pageLength);
  const [first] = shown;
  return {
    heading:
      filter.repositoryId !== null && first ? `Runs of ${cleanTexts(repositoryName(first))}` : "All runs, newest first",
    counts: describeCounts(counts, queueCounts),
    filters: describeFilters(filter),
    clearRepository: filter.repositoryId === null ? null : addressOf({ ...filter, repositoryId: null, page: 1 }),
    runs: shown.map((run) => ({
      ...describeRunRow(run, now),
      filterHref: filter.repositoryId === null ? addressOf({ ...filter, repositoryId: run.target.id, page: 1 }) : null,
    })),
    pages: describePages(filter, found.length),
    deadLetters: deadLetters.map(({ at, what, error }) => cleanTexts({ at: formatDate(at), what, error })),
    deadLetterCount: plural(Math.max(queueCounts["dead-letters"], deadLetters.length), "job"),
  };
}

/** Only what a list of ours asks for; the rest is as if it were not there. */
function readFilter(query: URLSearchParams): ListFilter {
  const number = (name: string): number | null => {
    const text = query.get(name) ?? "";
    return /^\d{1,15}$/.test(text) ? Number(text) : null;
  };
  return {
    status: RunStatus.safeParse(query.get("status")).data ?? null,
    repositoryId: number("repository"),
    page: Math.min(lastPage, Math.max(1, number("page") ?? 1)),
  };
}

function addressOf({ status, repositoryId, page }: ListFilter): string {
  const query = new URLSearchParams();
  if (status) query.set("status", status);
  if (repositoryId !== null) query.set("repository", String(repositoryId));
  if (page > 1) query.set("page", String(page));
  return query.size > 0 ? `/runs?${query}` : "/runs";
}

function describeFilters(filter: ListFilter) {
  return [null, ...RunStatus.options].map((status) => ({
    name: status === null ? "All" : statusNames[status],
    href: addressOf({ ...filter, status, page: 1 }),
    isCurrent: status === filter.status,
  }));
}

function describePages(filter: ListFilter, found: number): Array<{ name: string; href: string }> {
  const { page } = filter;
  return [
    ...(page > 1 ? [{ name: "Newer", href: addressOf({ ...filter, page: page - 1 }) }] : []),
    ...(found > page * pageLength && page < lastPage
      ? [{ name: "Older", href: addressOf({ ...filter, page: page + 1 }) }]
      : []),
  ];
}

function describeCounts(
  counts: Awaited<ReturnType<RunStore["count"]>>,
  queueCounts: QueueCounts,
): Array<{ name: string; value: string }> {
  const sum = (wanted: (row: (typeof counts)[number]) => boolean): number =>
    counts.filter(wanted).reduce((total, { runs }) => total + runs, 0);
  const outcomes = [...new Set(counts.flatMap(({ outcome }) => outcome ?? []))].sort();
  const rows: Array<[string, number]> = [
    ["Queued", sum(({ status }) => status === "queued")],
    ["Running", sum(({ status }) => status === "running")],
    ...outcomes.map((name): [string, number] => [
      `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
      sum(({ outcome }) => outcome === name),
    ]),
    ["Webhooks to handle", queueCounts.deliveries],
  ];
  return rows.map(([name, value]) => ({ name, value: formatCount(value) }));
}
