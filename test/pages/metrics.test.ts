import { describe, expect, it } from "vitest";
import { createMetrics } from "../../src/pages/metrics.ts";
import { createMemoryStore } from "./memory-store.ts";
import { failedRun, queuedRun, verifiedRun } from "./sample-records.ts";

const counts = async () => ({ deliveries: 3, runs: 20, "dead-letters": 2 });

describe("the metrics", () => {
  it("count what happened in this process", async () => {
    const metrics = createMetrics({ store: createMemoryStore(), queue: { counts } });
    metrics.webhook("issue_comment", "queued", 0.02);
    metrics.webhook("issue_comment", "queued", 0.3);
    metrics.webhook("issues", "repeated", 0.01);
    metrics.runEnded("verified", 401, 0.43);
    metrics.runEnded("verified", 99, Number.NaN);
    metrics.githubRequest(201);
    metrics.githubRequest(0);
    const text = await metrics.text();
    for (const line of [
      'codedistiller_webhooks_total{event="issue_comment",result="queued"} 2',
      'codedistiller_webhooks_total{event="issues",result="repeated"} 1',
      'codedistiller_webhook_answer_seconds_bucket{le="0.025"} 2',
      "codedistiller_webhook_answer_seconds_count 3",
      'codedistiller_runs_ended_total{outcome="verified"} 2',
      'codedistiller_run_seconds_total{outcome="verified"} 500',
      'codedistiller_cost_usd_total{outcome="verified"} 0.43',
      'codedistiller_github_requests_total{status="201"} 1',
      'codedistiller_github_requests_total{status="none"} 1',
    ])
      expect(text.split("\n")).toContain(line);
    expect(text).toContain("process_resident_memory_bytes");
  });

  it("show what is kept as it is now, not as it was at the last scrape", async () => {
    const store = createMemoryStore();
    const metrics = createMetrics({ store, queue: { counts } });
    store.putRun(queuedRun(1));
    store.putRun(verifiedRun(2));
    expect(await metrics.text()).toContain('codedistiller_runs{status="queued",outcome="none"} 1');
    store.putRun(failedRun(1));
    const text = await metrics.text();
    expect(text).not.toContain('status="queued"');
    expect(text).toContain('codedistiller_runs{status="finished",outcome="failed"} 1');
    expect(text).toContain('codedistiller_queue_jobs{queue="dead-letters"} 2');
  });

  it("are told without the database's figures where it does not answer", async () => {
    const store = createMemoryStore();
    store.putRun(queuedRun(1));
    let isDown = false;
    const fail = <Value>(value: Value): Promise<Value> =>
      isDown ? Promise.reject(new Error("no database")) : Promise.resolve(value);
    const metrics = createMetrics({
      store: { runs: { count: async () => fail(await store.runs.count()) } },
      queue: { counts: async () => fail(await counts()) },
    });
    expect(await metrics.text()).toContain("codedistiller_runs{");
    isDown = true;
    await metrics.text();
    const text = await metrics.text();
    expect(text).not.toContain("codedistiller_runs{");
    expect(text).not.toContain("codedistiller_queue_jobs{");
    expect(text).toMatch(/codedistiller_scrape_failures_total [1-9]/);
    expect(text).toContain("process_resident_memory_bytes");
  });

  it("of two apps in one process are apart", async () => {
    const [one, other] = [1, 2].map(() => createMetrics({ store: createMemoryStore(), queue: { counts } }));
    one?.githubRequest(200);
    expect(await other?.text()).not.toContain('status="200"');
  });
});
