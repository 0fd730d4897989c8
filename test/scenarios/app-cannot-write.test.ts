import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, answerThat } from "../support/app-answers.ts";
import { askForRun } from "../support/app-conversation.ts";
import { type AppUnderTest, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const folder = fixture("orbital-elements");
const issues = [{ title: "An example, please" }];
const named = (name: string) => ({ owner: "ada", name });

describe("a repository that the app cannot write to", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      repositories: [
        { ...named("locked"), folder, issues, writable: false },
        { ...named("ruled"), folder, issues },
        { ...named("owned"), folder, issues, files: { "examples/owned/main.py": "print('ours')\n" } },
        { ...named("elsewhere"), folder, issues },
      ],
    });
    const push = { ...named("elsewhere"), branch: "main", user: "ada" };
    await app.github.pushCommit({ ...push, path: "examples/iss_ground_track.py", text: null });
    await app.github.pushCommit({ ...push, path: "examples", text: "None yet.\n" });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  /** Runs, and holds what is said to what the app leaves there: the reason, what to do, the files, and nothing else. */
  async function expectFilesInstead(name: string, { reason, todo }: { reason: RegExp | string; todo: string }) {
    const { github } = app;
    const issue = { ...named(name), issue: 1 };
    const { run, answer } = await askForRun(app, { ...issue, user: "ada", body: "/distill" });
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: null });
    expect(answer).toMatch(reason);
    expect(answer).toContain("**What to do next:**");
    expect(answer).toContain(todo);
    const files = await answerThat(app, { ...issue, says: "The files of the example" });
    expect(files).toContain("<summary><code>main.py</code></summary>");
    expect(files).toContain("def example1():");
    expect(await answersOn(app, issue)).toHaveLength(2);
    expect(await github.pullRequests(named(name))).toEqual([]);
    for (const suffix of ["", "-2"])
      expect(await github.branchHead({ ...named(name), branch: `codedistiller/${name}${suffix}` })).toBeNull();
  }

  it("because it was not given the permission", () =>
    expectFilesInstead("locked", {
      reason:
        "No pull request was opened: CodeDistiller may not write to this repository: grant write access to contents and pull requests, to the app's installation",
      todo: "After that, `/distill retry` asks again.",
    }));

  it("because a rule keeps it from making its branch, in GitHub's words", async () => {
    app.github.fail({
      method: "POST",
      path: /\/repos\/ada\/ruled\/git\/refs$/,
      times: 5,
      status: 422,
      body: { message: "Repository rule violations found\n\nCannot create ref due to creations being restricted.\n\n" },
    });
    await expectFilesInstead("ruled", {
      reason: /rules refuse the branch .*Cannot create ref due to creations being restricted\./,
      todo: "After that, `/distill retry` asks again.",
    });
    app.github.clearFaults();
  });

  it("because a file stands where the examples go", () =>
    expectFilesInstead("elsewhere", {
      reason: /No pull request was opened: examples is not a folder here/,
      todo: "Remove or rename what stands in the way, then comment `/distill retry`.",
    }));

  it("because the repository has a folder of that name of its own", () =>
    expectFilesInstead("owned", {
      reason: /the repository has a folder `examples\/owned` of its own/,
      todo: "Remove or rename what stands in the way, then comment `/distill retry`.",
    }));

  it("can be written to as soon as what stood in the way is gone", async () => {
    const at = named("owned");
    await app.github.pushCommit({ ...at, branch: "main", path: "examples/owned/main.py", text: null, user: "ada" });
    const { run, answer } = await askForRun(app, { ...at, issue: 1, user: "ada", body: "/distill retry" });
    expect(run.pullRequest).toMatchObject({ number: 2, state: "open" });
    expect(answer).toContain("[Pull request 2]");
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
