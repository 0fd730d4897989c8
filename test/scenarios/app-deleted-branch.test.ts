import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askForRun, awaitDeliveries, awaitRun } from "../support/app-conversation.ts";
import { type AppUnderTest, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };
const branch = "codedistiller/orbits";
const distill = { ...at, issue: 1, user: "ada", body: "/distill" };

describe("the branch of a pull request that is deleted", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "One" }, { title: "Two" }] }],
    });
    await askForRun(app, distill);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  const statesOfPulls = async () => (await app.github.pullRequests(at)).map(({ number, state }) => [number, state]);
  const goOn = (text: string) => app.github.pushCommit({ ...at, branch: "main", path: "NOTES.md", text, user: "ada" });
  /** Begins a run, and deletes the branch when a request like this comes, which waits meanwhile. */
  const deleteAt = async (method: string, path: RegExp, before: RegExp, begin: () => Promise<unknown>) => {
    const { github } = app;
    const requests = github.requests.length;
    github.delay({ method, path, milliseconds: 1000 });
    await begin();
    await eventually(`a request ${before}`, () =>
      github.requests.slice(requests).some((each) => before.test(each.path)),
    );
    await github.deleteBranch({ ...at, branch, user: "ada" });
  };

  it("before the run has looked for it: whoever asked gets another pull request, on a new branch", async () => {
    await goOn("One.\n");
    const { run, answer } = await awaitRun(app, distill, () =>
      deleteAt("GET", /\/git\/matching-refs/, /\/git\/ref\//, () => app.github.comment(distill)),
    );
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: { number: 4, state: "open" } });
    expect(answer).toContain("[Pull request 4]");
    expect(await statesOfPulls()).toEqual([
      [3, "closed"],
      [4, "open"],
    ]);
    expect(await app.github.branchHead({ ...at, branch })).toBe(run.pullRequest?.headSha);
  });

  it("between the run's look and its commit: the same", async () => {
    await goOn("Two.\n");
    const { run } = await awaitRun(app, distill, () =>
      deleteAt("POST", /\/git\/trees/, /\/git\/matching-refs/, () => app.github.comment(distill)),
    );
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: { number: 5, state: "open" } });
    expect(await statesOfPulls()).toEqual([
      [3, "closed"],
      [4, "closed"],
      [5, "open"],
    ]);
    expect(await app.github.branchHead({ ...at, branch })).toBe(run.pullRequest?.headSha);
  });

  it("while a run that nobody named asks: it takes that for a no, and says so", async () => {
    await goOn("Three.\n");
    const onTwo = { ...at, issue: 2 };
    const { run, answer } = await awaitRun(app, onTwo, () =>
      deleteAt("POST", /\/git\/trees/, /\/git\/matching-refs/, () =>
        app.github.label({ ...onTwo, user: "ada", label: "distill" }),
      ),
    );
    expect(run).toMatchObject({ trigger: "label", ending: { outcome: "verified" }, pullRequest: null });
    expect(answer).toContain("/ada/orbits/pull/5 was closed without merging, so no other was opened.");
    expect(answer).toContain("**What to do next:** `/distill retry` opens another.");
    expect(await statesOfPulls()).toHaveLength(3);
    expect(await app.github.branchHead({ ...at, branch })).toBeNull();
  });

  it("after all runs: the pull request counts as declined, and /distill retry opens another", async () => {
    const { run } = await askForRun(app, { ...at, issue: 2, user: "ada", body: "/distill retry" });
    expect(run.pullRequest).toMatchObject({ number: 6, state: "open" });
    await app.github.deleteBranch({ ...at, branch, user: "ada" });
    await awaitDeliveries(app);
    expect((await readRuns(app))[0]?.pullRequest).toMatchObject({ number: 6, state: "declined" });
    const again = await askForRun(app, distill);
    expect(again.run.pullRequest).toMatchObject({ number: 7, state: "open" });
    expect((await statesOfPulls()).filter(([, state]) => state === "open")).toEqual([[7, "open"]]);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
