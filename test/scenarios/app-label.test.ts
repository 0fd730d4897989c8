import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, answerThat, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };

describe("a label on an issue", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      repositories: [
        {
          ...at,
          folder: fixture("orbital-elements"),
          labels: ["bug"],
          collaborators: { tess: "triage" },
          issues: [{ title: "It is slow" }, { title: "Please show how" }, { title: "Me too" }],
        },
      ],
      settings: { label: "show me" },
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("that is another one asks for nothing", async () => {
    expect(await app.github.label({ ...at, issue: 1, user: "ada", label: "bug" })).toMatchObject({ status: 200 });
    expect(await app.github.label({ ...at, issue: 1, user: "ada", label: "distill" })).toMatchObject({ status: 200 });
    expect(app.github.requests).toEqual([]);
  });

  it("by somebody who may only sort issues is refused", async () => {
    await app.github.label({ ...at, issue: 3, user: "tess", label: "show me" });
    const sentence = "Only people with write permission to ada/orbits may ask for this.";
    expect(await answerThat(app, { ...at, issue: 3, says: sentence })).toBe(sentence);
    expect(app.github.reactions({ ...at, issue: 3 }).map(({ content }) => content)).toEqual(["-1"]);
    expect(await readRuns(app)).toEqual([]);
  });

  it("that the operator chose asks for a run, whose progress is shown on that issue", async () => {
    await app.github.label({ ...at, issue: 2, user: "ada", label: "show me" });
    const run = await endOfRun(app);
    expect(run).toMatchObject({ trigger: "label", ending: { outcome: "verified" }, pullRequest: { state: "open" } });
    const answer = await answerThat(app, { ...at, issue: 2, says: "**Verified.**" });
    expect(answer).toContain(`/ada/orbits/pull/${run.pullRequest?.number}`);
    expect(app.github.reactions({ ...at, issue: 2 }).map(({ content }) => content)).toEqual(["eyes"]);
    expect(await answersOn(app, { ...at, issue: 1 })).toEqual([]);
    expect(await readRuns(app)).toHaveLength(1);
  });

  it("is named where people ask for help", async () => {
    const { answer } = await ask(app, { ...at, issue: 1, user: "ada", body: "/distill help", says: "What I can do" });
    expect(answer).toContain("The label `show me` on an issue is the same as `/distill`.");
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
