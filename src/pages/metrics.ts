import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Queue } from "../jobs/queue.ts";
import type { RunEnding } from "../store/run-record.ts";
import type { RunStore } from "../store/store.ts";

type WebhookResult = "queued" | "repeated" | "failed";

/** What Prometheus reads. Counters are this process's own; what is kept in the database is counted on every scrape. */
export interface Metrics {
  /** In Prometheus' text format. */
  text(): Promise<string>;
  /** A webhook was written down or refused, after so many seconds. `event` as GitHub names it, such as `issue_comment`. */
  webhook(event: string, result: WebhookResult, seconds: number): void;
  runEnded(outcome: RunEnding["outcome"], seconds: number, costUsd: number): void;
  /** GitHub answered one of our requests; 0: no answer came. */
  githubRequest(status: number): void;
}

export interface MetricsOptions {
  store: { runs: Pick<RunStore, "count"> };
  queue: Pick<Queue, "counts">;
}

export function createMetrics({ store, queue }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  addStoredFigures({ registers, store, queue });
  const webhooks = new Counter({
    name: "codedistiller_webhooks_total",
    help: "Webhooks received",
    labelNames: ["event", "result"],
    registers,
  });
  const answerSeconds = new Histogram({
    name: "codedistiller_webhook_answer_seconds",
    help: "Time until a webhook was written down",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const outcome = { labelNames: ["outcome"] as const, registers };
  const ended = new Counter({ name: "codedistiller_runs_ended_total", help: "Runs that ended here", ...outcome });
  const runSeconds = new Counter({
    name: "codedistiller_run_seconds_total",
    help: "What runs that ended here took",
    ...outcome,
  });
  const cost = new Counter({
    name: "codedistiller_cost_usd_total",
    help: "What models cost in runs that ended here, US dollars",
    ...outcome,
  });
  const requests = new Counter({
    name: "codedistiller_github_requests_total",
    help: "Requests to GitHub by the status of the answer",
    labelNames: ["status"],
    registers,
  });
  return {
    text: () => registry.metrics(),
    webhook: (event, result, seconds) => {
      webhooks.inc({ event, result });
      answerSeconds.observe(seconds);
    },
    runEnded: (outcome, seconds, costUsd) => {
      ended.inc({ outcome });
      runSeconds.inc({ outcome }, atLeastZero(seconds));
      cost.inc({ outcome }, atLeastZero(costUsd));
    },
    githubRequest: (status) => requests.inc({ status: status === 0 ? "none" : status }),
  };
}

/** A database that does not answer costs its own figures only: the rest is wanted most just then. */
function addStoredFigures({ registers, store, queue }: MetricsOptions & { registers: Registry[] }): void {
  const failures = new Counter({
    name: "codedistiller_scrape_failures_total",
    help: "Figures that could not be read from the database",
    registers,
  });
  const addGauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    fill: (gauge: Gauge<Label>) => Promise<void>,
  ): void => {
    const gauge = new Gauge<Label>({
      name,
      help,
      labelNames,
      registers,
      collect: async () => {
        gauge.reset();
        await fill(gauge).catch(() => {
          gauge.reset();
          failures.inc();
        });
      },
    });
  };
  addGauge(
    "codedistiller_runs",
    "Runs by status, and of ended ones by outcome",
    ["status", "outcome"],
    async (gauge) => {
      for (const { status, outcome, runs } of await store.runs.count())
        gauge.set({ status, outcome: outcome ?? "none" }, runs);
    },
  );
  addGauge("codedistiller_queue_jobs", "Jobs by queue; dead-letters are those given up", ["queue"], async (gauge) => {
    for (const [name, jobs] of Object.entries(await queue.counts())) gauge.set({ queue: name }, jobs);
  });
}

/** A counter refuses what is less, and an unknown price is no number. */
function atLeastZero(value: number): number {
  return Number.isFinite(value) ? Math.max(0, value) : 0;
}
