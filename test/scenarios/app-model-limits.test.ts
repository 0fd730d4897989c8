import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { canIsolate, fixture } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import type { Reply } from "../support/model-server/reply.ts";
import {
  anthropicAt,
  createScriptedAuthor,
  exchangesWith,
  kindOf,
  plantedKey,
  type QuestionKind,
} from "../support/scripted-author.ts";

const at = { owner: "ada", name: "orbits" };

describe.runIf(canIsolate)("a provider of models that refuses", () => {
  let fault: { at: QuestionKind; reply: Reply } | null = null;
  let server: ModelServer;
  let app: AppUnderTest;
  const script = createScriptedAuthor();

  beforeAll(async () => {
    server = await startModelServer({
      keepRequests: true,
      answer: (request) => (fault?.at === kindOf(request) ? fault.reply : script(request)),
    });
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "One" }, { title: "Two" }] }],
      environment: anthropicAt(server),
      run: {
        model_str_code: "claude-sonnet-4-5-20250929",
        model_str_fast: "claude-haiku-4-5-20251001",
        max_cost_usd: 2,
      },
    });
  });
  afterAll(async () => {
    await app?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  const ask = (issue: number, body: string) => app.github.comment({ ...at, issue, user: "ada", body });
  const commentOn = async (issue: number): Promise<string> =>
    (await app.github.comments({ ...at, issue })).findLast(({ login }) => login === app.github.appLogin)?.body ?? "";
  /** What was answered in full, and so paid for, since a moment. */
  const paid = (since = 0): QuestionKind[] =>
    exchangesWith(server)
      .slice(since)
      .filter(({ billed }) => billed?.complete)
      .map(({ kind }) => kind);

  it("for a while is waited for, and says so; nothing that was paid for is asked again", async () => {
    fault = { at: "writing", reply: { error: "server-error", retryAfter: { milliseconds: 5 } } };
    await ask(1, "/distill");
    const waiting = await eventually("a run that waits", async () => {
      const [run] = await readRuns(app);
      return run?.status === "queued" && run.progress.note !== null && run;
    });
    expect(waiting.progress.note).toMatch(/Anthropic is overloaded or out of order .* It goes on at \d\d:\d\d UTC\.$/);
    await eventually("its comment that says so", async () =>
      (await commentOn(1)).includes("It had begun, and goes on from what is saved. Anthropic is overloaded"),
    );
    fault = null;
    const run = await endOfRun(app);
    expect(run.ending?.outcome).toBe("verified");
    expect(paid()).toEqual(["summary", "classification", "writing", "judgement"]);
    expect(run.costUsd).toBeCloseTo(server.dollars, 6);
    await eventually("its last words", async () => (await commentOn(1)).startsWith("**Verified.**"));
    expect(await app.github.pullRequests(at)).toHaveLength(1);
  });

  it("for want of a valid key ends the run, with the reason and who can repair it, and without the key", async () => {
    const [before, dollars] = [server.requests.length, server.dollars];
    fault = { at: "writing", reply: { error: "unauthorized" } };
    await ask(2, '/distill --focus "ground tracks"');
    const run = await endOfRun(app, 2);
    expect(run.ending).toMatchObject({ outcome: "error", reasonCode: expect.stringMatching(/^model-/) });
    const body = await eventually("its last words", async () => {
      const text = await commentOn(2);
      return text.includes("Stopped by an error") && text;
    });
    expect(body).toContain("The operator of this app can repair this; after that, `/distill retry` goes on.");
    expect(body).not.toContain(plantedKey);
    expect(run.costUsd).toBeCloseTo(server.dollars - dollars, 6);
    expect(paid(before)).toEqual(["summary", "classification"]);
    expect(exchangesWith(server).slice(before)).toHaveLength(3);
  });

  it("is no end: /distill retry goes on once the provider is well, and pays for nothing again", async () => {
    const [before, dollars] = [server.requests.length, server.dollars];
    fault = null;
    await ask(2, "/distill retry");
    const run = await endOfRun(app, 3);
    expect(run.ending?.outcome).toBe("verified");
    expect(paid(before)).toEqual(["writing", "judgement"]);
    expect(run.costUsd).toBeCloseTo(server.dollars - dollars, 6);
  });

  it("for an hour is not asked before that is over", async () => {
    const before = server.requests.length;
    fault = { at: "summary", reply: { error: "rate-limited", retryAfter: { seconds: 3600 } } };
    await ask(1, '/distill --focus "transfers"');
    const waiting = await eventually("a run that waits", async () => {
      const [run, ...others] = await readRuns(app);
      return others.length === 3 && run?.status === "queued" && run.progress.note !== null && run;
    });
    expect(waiting.progress.note).toMatch(/limits how often it is asked.* It goes on at \d\d:\d\d UTC\.$/);
    await ask(1, "/distill cancel");
    await eventually("its end", async () => (await readRuns(app))[0]?.ending?.outcome === "cancelled");
    expect(server.requests.length).toBe(before + 1);
    expect(app.github.violations).toEqual([]);
    expect(server.unexpected).toEqual([]);
  });
});
