import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askForRun, type EndedRun } from "../support/app-conversation.ts";
import { type AppUnderTest, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };
const branch = "codedistiller/orbits";
const distill = { ...at, issue: 1, user: "ada", body: "/distill" };

describe("/distill where its pull request is open", () => {
  let app: AppUnderTest;
  let first: EndedRun;

  beforeAll(async () => {
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "An example, please" }] }],
    });
    first = await askForRun(app, distill);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  /** What the app changed in the repository since so many requests. */
  const writesSince = (requests: number) =>
    app.github.requests
      .slice(requests)
      .filter(({ method, path }) => method !== "GET" && /\/(git|pulls)(\/|$)/.test(path));

  it("commits nothing and leaves the body alone where nothing changed, and says so", async () => {
    const { github } = app;
    const [before, requests] = [await github.pullRequests(at), github.requests.length];
    const { run, answer } = await askForRun(app, distill);
    expect(answer).toContain("The pull request has this example already, so nothing was committed.");
    expect(answer).toContain("[Pull request 2]");
    expect(run.pullRequest).toEqual(first.run.pullRequest);
    expect(writesSince(requests)).toEqual([]);
    expect(await github.pullRequests(at)).toEqual(before);
  });

  it("puts one more commit on top of its own after the default branch went on, and tells it in the same pull request", async () => {
    const { github } = app;
    const [[before], requests] = [await github.pullRequests(at), github.requests.length];
    const { commit } = await github.pushCommit({
      ...at,
      branch: "main",
      path: "NOTES.md",
      text: "New.\n",
      user: "ada",
    });
    const { run, answer } = await askForRun(app, distill);
    const head = await github.branchHead({ ...at, branch });
    expect(run).toMatchObject({
      ending: { outcome: "verified" },
      pullRequest: { number: 2, state: "open", headSha: head },
    });
    expect(answer).toContain("/ada/orbits/pull/2");
    expect(answer).toContain(`at commit \`${commit.slice(0, 12)}\``);
    const [pull, ...others] = await github.pullRequests(at);
    expect(others).toEqual([]);
    expect(pull).toMatchObject({ number: 2, state: "open" });
    expect(pull?.body).not.toBe(before?.body);
    expect(pull?.body).toContain(commit.slice(0, 12));
    const writes = writesSince(requests);
    const [committed, moved] = ["/git/commits", "/git/refs/"].map((part) =>
      writes.filter(({ path }) => path.includes(part)).map(({ requestBody }) => requestBody),
    );
    expect(committed).toMatchObject([{ parents: [first.run.pullRequest?.headSha] }]);
    expect(moved).toEqual([{ sha: head, force: false }]);
    const tree = await github.readTree("ada", "orbits", branch);
    expect(tree.get("examples/orbits/runscript.sh")?.bytes.toString()).toContain(commit);
  });

  it("puts a check on the new commit", async () => {
    const head = await app.github.branchHead({ ...at, branch });
    const { body } = await app.github.call({ path: `/repos/ada/orbits/commits/${head}/check-runs` });
    expect(body).toMatchObject({ check_runs: [{ name: "CodeDistiller", conclusion: "success" }] });
  });

  it("brings new files below a description that somebody wrote, leaves that alone, and says so", async () => {
    const { github } = app;
    const body = "Merged after the course, please.";
    await github.editPullRequestBody({ ...at, pull: 2, user: "ada", body });
    await github.pushCommit({ ...at, branch: "main", path: "NOTES.md", text: "Newer.\n", user: "ada" });
    const before = await github.branchHead({ ...at, branch });
    const { answer } = await askForRun(app, distill);
    expect(answer).toContain("Somebody has changed the pull request's title or description");
    expect(await github.pullRequests(at)).toMatchObject([{ number: 2, state: "open", body }]);
    expect(await github.branchHead({ ...at, branch })).not.toBe(before);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
