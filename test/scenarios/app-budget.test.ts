import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerThat, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import { anthropicAt } from "../support/scripted-author.ts";

const issues = [{ title: "An example, please" }];
const orbits = { owner: "ada", name: "orbits", issue: 1, user: "ada" };
const tides = { ...orbits, name: "tides" };

describe("runs that cost money", () => {
  let models: ModelServer;
  let app: AppUnderTest;
  const statuses = async () => (await readRuns(app)).map(({ status }) => status);

  beforeAll(async () => {
    // The first question is never answered: the run holds its money for as long as the tests want.
    models = await startModelServer({ answer: () => new Promise(() => {}) });
    app = await startApp({
      repositories: [orbits, tides].map(({ owner, name }) => ({
        owner,
        name,
        folder: fixture("orbital-elements"),
        issues,
      })),
      environment: anthropicAt(models),
      run: {
        model_str_code: "claude-sonnet-4-5-20250929",
        model_str_fast: "claude-haiku-4-5-20251001",
        max_cost_usd: 2,
      },
      settings: {
        max_runs_per_installation: 1,
        max_waiting_per_installation: 3,
        max_cost_per_repository_day_usd: 5,
        max_cost_per_installation_month_usd: 5.5,
      },
    });
    await app.github.comment({ ...orbits, body: "/distill" });
    await eventually("a question to the model", () => models.inFlight > 0, 60);
    await app.github.comment({ ...orbits, body: "/distill --focus anomaly" });
    await answerThat(app, { ...orbits, says: "1 run is before it." });
  });
  afterAll(async () => {
    await app?.[Symbol.asyncDispose]();
    await models?.[Symbol.asyncDispose]();
  });

  it("are refused where they could cross what their repository may spend in a day, with figures and advice", async () => {
    const { answer } = await ask(app, { ...orbits, body: "/distill", says: "This run may cost" });
    expect(answer.split("\n")).toEqual([
      "This run may cost $2.00, and $1.00 of the $5.00 a day for this repository is left.",
      "",
      "- `/distill --max-cost 1.00` runs with what is left.",
      "- `/distill --model builtin/extract` is free.",
    ]);
    expect(await statuses()).toEqual(["queued", "running"]);
  });

  it("are refused where they could cross what their installation may spend in a month", async () => {
    const { answer } = await ask(app, { ...tides, body: "/distill", says: "This run may cost" });
    expect(answer).toContain("$1.50 of the $5.50 a month for this installation is left.");
    expect(answer).toContain("`/distill --max-cost 1.50`");
  });

  it("are taken as far as the advice goes", async () => {
    await ask(app, { ...orbits, body: "/distill --max-cost 1.00", says: "Models may cost $1.00 at most." });
    const { answer } = await ask(app, { ...orbits, body: "/distill", says: "This run may cost" });
    expect(answer).toContain("$0.00 of the $5.00");
    expect(answer).not.toContain("--max-cost");
  });

  it("say nothing about those that cost nothing", async () => {
    await ask(app, { ...orbits, body: "/distill --model builtin/extract", says: "3 runs are before it." });
    expect(await statuses()).toEqual(["queued", "queued", "queued", "running"]);
  });

  it("or not, are refused where too many wait", async () => {
    const says = "3 runs of this installation wait already, and no more may.";
    await ask(app, { ...orbits, body: "/distill --model builtin/extract", says });
    await ask(app, { ...tides, body: "/distill --model builtin/extract", says });
    expect(await statuses()).toHaveLength(4);
  });

  it("give back what they did not spend when they end", async () => {
    await ask(app, { ...orbits, body: "/distill cancel", says: "4 runs are being cancelled, as ada asked." });
    await endOfRun(app, 4);
    expect(models.inFlight).toBe(0);
    await ask(app, { ...orbits, body: "/distill --max-cost 2", says: /Running|Queued/ });
    await eventually("a run", async () => (await statuses()).length === 5);
    await ask(app, { ...orbits, body: "/distill cancel", says: "The run is being cancelled, as ada asked." });
    await endOfRun(app, 5);
    await app.github.comment({ ...orbits, body: "/distill --model builtin/extract" });
    const run = await endOfRun(app, 6);
    expect(run).toMatchObject({ ending: { outcome: "verified" }, costUsd: 0 });
    expect(app.github.violations).toEqual([]);
  });
});
