import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, answerThat, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture, processesWith } from "../support/command-line.ts";
import { readSettings } from "../support/run-settings.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

const napping = "301.0517";
const naps = { owner: "ada", name: "naps", issue: 1, user: "ada" };
const orbits = { owner: "ada", name: "orbits", issue: 1, user: "ada" };
const issues = [{ title: "An example, please" }, { title: "Another question" }];

describe("/distill cancel, retry, status and help", () => {
  let app: AppUnderTest;
  const newest = async () => (await readRuns(app))[0];
  const isAsleep = () => eventually("the example sleeps", () => processesWith(napping).length > 0, 60);

  beforeAll(async () => {
    app = await startApp({
      repositories: [
        { ...naps, files: sleepingRepository(napping), issues },
        { ...orbits, folder: fixture("orbital-elements"), issues },
      ],
      settings: { max_runs_per_installation: 1 },
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each([
    ["cancel", "There is nothing to cancel: nothing runs or waits here."],
    ["retry", "There is nothing to run again here. Comment `/distill` to begin a run."],
    ["status", "No runs yet. Comment `/distill` to begin one."],
  ])("say so where there is nothing to %s", async (command, says) => {
    const { answer } = await ask(app, { ...orbits, issue: 2, body: `/distill ${command}`, says });
    expect(answer).toBe(says);
  });

  it("ends a run while its program runs, within seconds, and leaves neither process nor branch", async () => {
    await app.github.comment({ ...naps, body: "/distill --focus naps" });
    await isAsleep();
    const asked = performance.now();
    await ask(app, { ...naps, body: "/distill cancel", says: "The run is being cancelled, as ada asked." });
    const run = await endOfRun(app);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(run).toMatchObject({ cancelled: { reason: "Cancelled by ada." }, ending: { outcome: "cancelled" } });
    const shown = await answerThat(app, { ...naps, says: "**Cancelled by `ada`.**" });
    expect(shown).toContain("`/distill retry` starts it again.");
    await eventually("no process is left", () => processesWith(napping).length === 0);
    expect(await app.github.pullRequests(naps)).toEqual([]);
    expect(await app.github.branchHead({ ...naps, branch: "codedistiller/naps-naps" })).toBeNull();
    const live = join(app.folder, "cache", "live");
    expect(existsSync(live) ? readdirSync(live) : []).toEqual([]);
    expect(await answersOn(app, naps)).toHaveLength(2);
  });

  it("runs it once more, with the same settings", async () => {
    const before = await newest();
    await app.github.comment({ ...naps, body: "/distill retry" });
    await isAsleep();
    const run = await newest();
    expect(run).toMatchObject({ trigger: "retry", status: "running", repository: before?.repository });
    expect(run?.id).not.toBe(before?.id);
    const { answer } = await ask(app, { ...naps, body: "/distill status", says: "| repository |" });
    expect(answer.split("\n")).toHaveLength(4);
    expect(answer).toMatch(/ada\/naps.*\| runs: \w+(?:, iteration 1)? \| \$0\.00 \| ada, .* \| none \|/);
    expect(answer).toMatch(/ada\/naps.*\| cancelled \| \$0\.00 \| ada, .* \| none \|/);
  });

  it("ends one that waits before it begins", async () => {
    await app.github.comment({ ...orbits, body: "/distill" });
    await answerThat(app, { ...orbits, says: /\*\*Queued\.\*\* 1 run is before it\./ });
    await ask(app, { ...orbits, body: "/distill cancel", says: "The run is being cancelled, as ada asked." });
    await answerThat(app, { ...orbits, says: "**Cancelled by `ada`.**" });
    const [waited, running] = await readRuns(app);
    expect(waited).toMatchObject({ status: "finished", ending: { outcome: "cancelled" }, progress: { stage: null } });
    expect(running).toMatchObject({ status: "running" });
    expect(app.github.gitRequests.filter((path) => path.includes("orbits"))).toEqual([]);
  });

  it("on another issue ends what runs in the repository, where that issue has nothing of its own", async () => {
    await ask(app, { ...naps, issue: 2, body: "/distill cancel", says: "The run is being cancelled, as ada asked." });
    await endOfRun(app, 3);
    const [, retried, first] = await readRuns(app);
    expect(retried).toMatchObject({ ending: { outcome: "cancelled" }, trigger: "retry" });
    await eventually("no process is left", () => processesWith(napping).length === 0);
    const settings = [retried, first].map((run) => readSettings(app, run?.id ?? ""));
    expect(settings[0]).toEqual(settings[1]);
    expect(settings[0]).toMatchObject({ focus: "naps" });
  });

  it("shows help on request, and with what was misunderstood", async () => {
    const { answer } = await ask(app, { ...orbits, body: "/distill help", says: "What I can do here" });
    expect(answer).toMatch(/^What I can do here:/);
    const { comment, answer: odd } = await ask(app, { ...orbits, body: "/distill cancle", says: "Did you mean" });
    expect(odd).toContain("I did not understand that.");
    expect(odd).toContain("What I can do here:");
    expect(app.github.reactions({ owner: "ada", name: "orbits", comment })).toMatchObject([{ content: "confused" }]);
    await ask(app, { ...orbits, body: "/distill --fokus x", says: /There is no option.*Did you mean/ });
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
