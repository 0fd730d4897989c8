import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, answerThat } from "../support/app-answers.ts";
import { askForRun } from "../support/app-conversation.ts";
import { type AppUnderTest, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };
const branch = "codedistiller/orbits";
const distill = { ...at, issue: 1, user: "ada", body: "/distill" };
const mine = 'print("mine")\n';

describe("a person's commit on the app's branch", () => {
  let app: AppUnderTest;
  let commit: string;

  beforeAll(async () => {
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "An example, please" }] }],
    });
    await askForRun(app, distill);
    const path = "examples/orbits/main.py";
    ({ commit } = await app.github.pushCommit({ ...at, branch, path, text: mine, user: "ada" }));
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("stays where it is: the next run stops before it and says what to do", async () => {
    const { github } = app;
    const [before] = await github.pullRequests(at);
    const { run, answer } = await askForRun(app, distill);
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: null });
    expect(answer).toContain("/ada/orbits/pull/2 has commits of somebody else, so it was left alone.");
    expect(answer).toContain(
      "**What to do next:** Merge or close that pull request, then comment <code>/distill retry</code>.".replace(
        /<\/?code>/g,
        "`",
      ),
    );
    expect(await github.branchHead({ ...at, branch })).toBe(commit);
    expect(await github.pullRequests(at)).toEqual([before]);
    expect((await github.readTree("ada", "orbits", branch)).get("examples/orbits/main.py")?.bytes.toString()).toBe(
      mine,
    );
  });

  it("does not keep the example from whoever asked: its files are in one comment", async () => {
    const answer = await answerThat(app, { ...at, issue: 1, says: "The files of the example" });
    expect(answer).toContain("<summary><code>main.py</code></summary>");
    expect(answer).toContain("def example1():");
    expect(answer).toContain("<summary><code>run.sh</code></summary>");
    expect(await answersOn(app, { ...at, issue: 1 })).toHaveLength(3);
  });

  it("is gone with its branch: the next /distill opens another pull request", async () => {
    const { github } = app;
    await github.deleteBranch({ ...at, branch, user: "ada" });
    const { run, answer } = await askForRun(app, distill);
    expect(run.pullRequest).toMatchObject({ number: 3, state: "open" });
    expect(answer).toContain("[Pull request 3]");
    expect(await github.pullRequests(at)).toMatchObject([
      { number: 2, state: "closed" },
      { number: 3, state: "open" },
    ]);
    const tree = await github.readTree("ada", "orbits", branch);
    expect(tree.get("examples/orbits/main.py")?.bytes.toString()).toContain("def example1():");
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
