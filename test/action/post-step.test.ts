import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getOctokit } from "@actions/github";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  closeOpenComment,
  forgetOpenComment,
  isPostStep,
  keepOpenComment,
  markBegun,
} from "../../src/action/post-step.ts";
import { keyOfRun } from "../../src/action/progress-comment.ts";
import { createComment } from "../../src/github/ensure-comment.ts";
import { endWithError } from "../../src/jobs/end-run.ts";
import { nothingDone, type ToldRun } from "../../src/store/run-record.ts";
import { readEnvironmentFile } from "../support/action-runner/read-environment-file.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";

const at = { owner: "ada", name: "naps" };
const repository = { owner: at.owner, repo: at.name };
const folder = mkdtempSync(join(tmpdir(), "codedistiller-post-"));
const stateFile = join(folder, "state");
let github: GitHubServer;
let environment: Record<string, string>;
let commentId: number;

const begun = (): ToldRun => ({
  id: "0".repeat(32),
  target: { id: 1, ...at, isPrivate: false },
  source: null,
  slug: "naps",
  requestedBy: "ada",
  feedback: null,
  dryRun: false,
  status: "running",
  cancelled: null,
  starts: 1,
  startedAt: new Date(Date.now() - 61_000).toISOString(),
  maxCostUsd: 1,
  costUsd: 0,
  progress: nothingDone,
  ending: null,
  pullRequest: null,
});

beforeAll(async () => {
  github = await startGitHub({ repositories: [{ ...at, files: { "a.py": "" }, issues: [{ title: "Please" }] }] });
  const token = github.workflowToken({ repository: at, permissions: { issues: "write" } });
  environment = {
    "INPUT_GITHUB-TOKEN": token,
    GITHUB_REPOSITORY: "ada/naps",
    GITHUB_EVENT_NAME: "issue_comment",
    GITHUB_REF: "refs/heads/main",
    GITHUB_SHA: "0".repeat(40),
    GITHUB_RUN_ID: "7",
    GITHUB_SERVER_URL: github.gitUrl,
    GITHUB_API_URL: github.apiUrl,
    GITHUB_WORKSPACE: folder,
    RUNNER_TEMP: folder,
  };
  const client = getOctokit(token, { baseUrl: github.apiUrl });
  const comment = { github: client, repository, issueNumber: 1, key: keyOfRun(7), body: "Received." };
  commentId = (await createComment(comment)) ?? 0;
});
afterAll(async () => {
  await github[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  writeFileSync(stateFile, "");
  vi.stubEnv("GITHUB_STATE", stateFile);
  github.requests.length = 0;
});
afterEach(() => void vi.unstubAllEnvs());

const place = () => ({ repository, issueNumber: 1, key: keyOfRun(7), commentId });
const shown = async () => (await github.comments({ ...at, issue: 1 })).find(({ id }) => id === commentId)?.body;

/** The step after the job, with what the main step left for it. */
async function closeAfter(main: () => void): Promise<string> {
  main();
  for (const [name, value] of Object.entries(readEnvironmentFile(readFileSync(stateFile, "utf8"))))
    vi.stubEnv(`STATE_${name}`, value);
  return closeOpenComment(environment);
}

describe("the step after the job", () => {
  it("knows that it is one by what the main step left", async () => {
    expect(isPostStep()).toBe(false);
    await closeAfter(markBegun);
    expect(isPostStep()).toBe(true);
  });

  it("asks GitHub nothing where the last word was said, or the main step never got to a comment", async () => {
    expect(await closeAfter(() => undefined)).toBe("Nothing was left open.");
    const said = await closeAfter(() => {
      keepOpenComment(place(), begun());
      forgetOpenComment();
    });
    expect(said).toBe("Nothing was left open.");
    expect(github.requests).toEqual([]);
  });

  it("says that the run was cancelled, with what it had cost and taken by then", async () => {
    const said = await closeAfter(() => {
      keepOpenComment(place(), begun());
      keepOpenComment(place(), { ...begun(), costUsd: 0.42 });
    });
    expect(said).toBe("The comment says that the run was cancelled.");
    expect(await shown()).toMatch(/^\*\*Cancelled\.\*\*[\s\S]*\$0\.42 for models, 1 min /);
    expect(await shown()).toContain(`${github.gitUrl}/ada/naps/actions/runs/7`);
  });

  it("says the run's own last word where GitHub did not take it before", async () => {
    const ending = endWithError("repository-empty", "There is no code.", "workflow-comment");
    const said = await closeAfter(() => keepOpenComment(place(), { ...begun(), status: "finished", ending }));
    expect(said).toBe("The comment has its last word.");
    expect(await shown()).toMatch(/^\*\*Stopped by an error\.\*\* There is no code\./);
  });

  it("is quiet where somebody has deleted the comment", async () => {
    await github.deleteComment({ ...at, comment: commentId, user: "ada" });
    expect(await closeAfter(() => keepOpenComment(place(), begun()))).toBe("The comment is gone.");
    expect(await github.comments({ ...at, issue: 1 })).toEqual([]);
  });

  it("leaves alone what it cannot read", async () => {
    vi.stubEnv("STATE_open-comment", '{"place":{}}');
    expect(await closeOpenComment(environment)).toBe("What the main step left cannot be read.");
    vi.stubEnv("STATE_open-comment", "[".repeat(10_000));
    expect(await closeOpenComment(environment)).toBe("What the main step left cannot be read.");
    expect(github.requests).toEqual([]);
  });
});
