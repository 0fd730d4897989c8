import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyOfRun } from "../../src/action/progress-comment.ts";
import { createWorkflowClient } from "../../src/adapters/workflow-client.ts";
import { createComment } from "../../src/github/ensure-comment.ts";
import { processesWith } from "../support/command-line.ts";
import { type CommentOptions, commentAndAnswer } from "../support/comment-workflow.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const napping = { cancelled: "301.0617", killed: "301.0618" };
const at = (name: string) => ({ owner: "ada", name });
const asked = at("asked");
let github: GitHubServer;

beforeAll(async () => {
  const issues = [{ title: "An example, please" }, { title: "Another question" }, { title: "A third" }];
  github = await startGitHub({
    repositories: [
      { ...at("cancelled"), files: sleepingRepository(napping.cancelled), issues },
      { ...at("killed"), files: sleepingRepository(napping.killed), issues },
      { ...asked, files: tinyRepository, issues },
    ],
  });
});
afterAll(async () => {
  const { violations } = github;
  await github[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

const ask = (options: Omit<CommentOptions, "user">) => commentAndAnswer(github, { user: "ada", ...options });

/** The example says so just before it sleeps, and nothing after that. */
const isAsleep = (output: string) => output.includes("=== example1");

const cancelled =
  /^\*\*Cancelled\.\*\* The workflow run was cancelled, or ran out of time\.[\s\S]*`\/distill retry` starts it again/;

/** As a workflow run left it that asked for an example on an issue. */
async function leaveComment(issueNumber: number, runId: number): Promise<void> {
  const token = github.workflowToken({ repository: asked, permissions: { issues: "write" } });
  const client = createWorkflowClient({ token, apiUrl: github.apiUrl });
  const repository = { owner: asked.owner, repo: asked.name };
  await createComment({ github: client, repository, issueNumber, key: keyOfRun(runId), body: `Run ${runId}.` });
}

describe.concurrent("a comment's run that is ended from outside", { timeout: 120_000 }, () => {
  it("ends its program and says so in its comment, before the runner loses patience", async () => {
    const repository = at("cancelled");
    const times: number[] = [];
    using ended = await ask({
      ...repository,
      body: "/distill",
      cancel: (output) => isAsleep(output) && times.push(performance.now()) > 0,
    });
    // A status of its own: after 10 s the runner ends it by force.
    expect(ended).toMatchObject({ status: 0, postStatus: 0, postLog: "Nothing was left open." });
    expect(ended.outputs).toMatchObject({ verdict: "cancelled", "reason-code": "cancelled", "pull-request-url": "" });
    expect(ended.answers).toEqual([expect.stringMatching(cancelled)]);
    expect(ended.summary).toContain("The workflow run was cancelled, or ran out of time.");
    expect(processesWith(napping.cancelled)).toEqual([]);
    expect(await github.pullRequests(repository)).toEqual([]);
    expect(performance.now() - (times[0] ?? 0)).toBeLessThan(7_500);
  });

  it("has its comment closed by the step after the job where its process was killed", async () => {
    const repository = at("killed");
    using ended = await ask({ ...repository, body: "/distill", kill: isAsleep });
    expect(ended).toMatchObject({ status: null, postStatus: 0 });
    expect(ended.postLog).toBe("The comment says that the run was cancelled.");
    expect(ended.answers).toEqual([expect.stringMatching(cancelled)]);
    expect(ended.answers[0]).not.toMatch(/ 0 s/);
    expect(processesWith(napping.killed)).toEqual([]);
  });
});

describe.concurrent("/distill cancel and retry", () => {
  it("end and begin again the newest run that was asked for on the issue", async () => {
    await leaveComment(1, 501);
    await leaveComment(1, 502);
    const older = github.addWorkflowRun({ ...asked, id: 501, status: "in_progress" });
    const newer = github.addWorkflowRun({ ...asked, id: 502, status: "in_progress" });
    for (const command of ["cancel", "retry"]) {
      using ended = await ask({ ...asked, body: `/distill ${command}` });
      expect(ended).toMatchObject({ status: 0, reactions: ["eyes"] });
      // Their own comments say what becomes of them.
      expect(ended.answers).toEqual(["Run 501.", "Run 502."]);
    }
    expect([older, newer]).toMatchObject([
      { cancelled: 0, rerun: 0 },
      { cancelled: 1, rerun: 1 },
    ]);
  });

  it("say what to grant, that it has ended already, or that there is nothing", async () => {
    await leaveComment(2, 503);
    const run = github.addWorkflowRun({ ...asked, id: 503, status: "completed", conclusion: "success" });
    const permissions = { contents: "write", issues: "write", "pull-requests": "write" } as const;
    const all = await Promise.all([
      ask({ ...asked, issue: 2, body: "/distill retry", permissions }),
      ask({ ...asked, issue: 2, body: "/distill cancel" }),
      ask({ ...asked, issue: 3, body: "/distill cancel" }),
      ask({ ...asked, issue: 3, body: "/distill retry" }),
    ]);
    using stack = new DisposableStack();
    for (const ended of all) expect(stack.use(ended)).toMatchObject({ status: 0, reactions: ["eyes"] });
    const said = async (issue: number) =>
      (await github.comments({ ...asked, issue })).map(({ body }) => body.replaceAll("\\", "")).join("\n");
    expect(await said(2)).toContain("cannot be started again: grant `actions: write` in the workflow's permissions");
    expect(await said(2)).toContain("The workflow run cannot be cancelled: it has ended already.");
    expect(await said(3)).toContain("There is nothing to cancel: nothing runs or waits here.");
    expect(await said(3)).toContain("There is nothing to run again here.");
    expect(run).toMatchObject({ cancelled: 0, rerun: 0 });
  });
});
