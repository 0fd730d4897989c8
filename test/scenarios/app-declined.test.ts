import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askForRun, awaitDeliveries } from "../support/app-conversation.ts";
import { type AppUnderTest, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };
const distill = { ...at, issue: 1, user: "ada", body: "/distill" };

describe("a pull request that a maintainer closes", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "One" }, { title: "Two" }] }],
    });
    await askForRun(app, distill);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  /** Of the newest run that has a pull request. */
  const stateOfPull = async () => (await readRuns(app)).find(({ pullRequest }) => pullRequest)?.pullRequest?.state;

  it("without merging is recorded as declined, and nothing is answered", async () => {
    await app.github.closePullRequest({ ...at, pull: 3, user: "ada", merged: false });
    await awaitDeliveries(app);
    expect(await stateOfPull()).toBe("declined");
    expect(await app.github.comments({ ...at, issue: 3 })).toEqual([]);
  });

  it("stays closed when somebody labels an issue: the answer says how to have another", async () => {
    const { github } = app;
    const says = "was declined, so I opened no other. Comment `/distill` to have one all the same.";
    const at2 = { ...at, issue: 2, user: "ada" };
    const before = github.requests.length;
    await github.label({ ...at2, label: "distill" });
    await eventually("an answer", async () =>
      (await github.comments(at2)).some(({ body }) => body.includes("/ada/orbits/pull/3") && body.includes(says)),
    );
    expect(await readRuns(app)).toHaveLength(1);
    const writes = github.requests.slice(before).filter(({ method }) => method !== "GET");
    expect(writes.map(({ path }) => path)).toEqual(["/repos/ada/orbits/issues/2/comments"]);
  });

  it("stays closed when the repository is added to an installation anew: the log says why", async () => {
    const { github } = app;
    await github.removeRepositories({ repositories: [at], user: "ada" });
    await github.addRepositories({ repositories: [at], user: "ada" });
    await eventually("a line of the log", () =>
      app.log.find(({ because }) => because === "its pull request was declined before"),
    );
    expect(await readRuns(app)).toHaveLength(1);
  });

  it("is followed by another when somebody asks in so many words", async () => {
    const { run, answer } = await askForRun(app, distill);
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: { number: 4, state: "open" } });
    expect(answer).toContain("[Pull request 4]");
    expect(await app.github.pullRequests(at)).toMatchObject([
      { number: 3, state: "closed" },
      { number: 4, state: "open" },
    ]);
  });

  it("by merging is recorded as merged", async () => {
    await app.github.closePullRequest({ ...at, pull: 4, user: "ada", merged: true });
    await awaitDeliveries(app);
    expect(await stateOfPull()).toBe("merged");
    const main = await app.github.readTree("ada", "orbits", "main");
    expect(main.has("examples/orbits/main.py")).toBe(true);
  });

  it("is enough where the default branch has the same example: no other is opened, and the answer says so", async () => {
    const { run, answer } = await askForRun(app, distill);
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: null });
    expect(answer).toContain("The default branch has this example already, so no pull request was opened.");
    expect(await app.github.pullRequests(at)).toHaveLength(2);
    expect(await app.github.comments({ ...at, issue: 1 })).toHaveLength(6);
  });

  it("is followed by another where the example is another by now", async () => {
    const readme = (await app.github.readTree("ada", "orbits", "main")).get("README.md")?.bytes.toString() ?? "";
    const text = readme.replace("0.74", "0.70");
    await app.github.pushCommit({ ...at, branch: "main", path: "README.md", text, user: "ada" });
    const { run } = await askForRun(app, distill);
    expect(run.pullRequest).toMatchObject({ number: 5, state: "open" });
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
