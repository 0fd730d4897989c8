import { getOctokit } from "@actions/github";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createProgressComment, keyOfRun } from "../../src/action/progress-comment.ts";
import { createComment } from "../../src/github/ensure-comment.ts";
import type { GitHubClient } from "../../src/github/github-client.ts";
import { nothingDone, type ToldRun } from "../../src/store/run-record.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";

const at = { owner: "ada", name: "naps" };
const repository = { owner: at.owner, repo: at.name };
const edits = /^\/repos\/ada\/naps\/issues\/comments\//;
const run: ToldRun = {
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
  startedAt: "2026-05-01T10:00:00.000Z",
  maxCostUsd: 1,
  costUsd: 0,
  progress: nothingDone,
  ending: null,
  pullRequest: null,
};
const noted = (note: string): ToldRun => ({ ...run, progress: { ...nothingDone, note } });
let github: GitHubServer;
let client: GitHubClient;
let commentId: number;

beforeAll(async () => {
  github = await startGitHub({ repositories: [{ ...at, files: { "a.py": "" }, issues: [{ title: "Please" }] }] });
  const token = github.workflowToken({ repository: at, permissions: { issues: "write" } });
  client = getOctokit(token, { baseUrl: github.apiUrl });
});
afterAll(() => github[Symbol.asyncDispose]());

beforeEach(async () => {
  github.clearFaults();
  commentId = (await createComment({ github: client, ...place(), body: "Received." })) ?? 0;
  github.requests.length = 0;
});

const place = () => ({ repository, issueNumber: 1, key: keyOfRun(7) });
const begin = (warnings: string[] = []) =>
  createProgressComment({
    github: client,
    place: { ...place(), commentId },
    pageUrl: "https://github.com/ada/naps/actions/runs/7",
    warn: (text) => warnings.push(text),
  });
const shown = async () => (await github.comments({ ...at, issue: 1 })).find(({ id }) => id === commentId)?.body;
const countEdits = () => github.requests.filter(({ method }) => method === "PATCH").length;

describe("the comment of a run", () => {
  it("says the last word after an edit that is still under way, and gathers what came between", async () => {
    github.delay({ method: "PATCH", path: edits, milliseconds: 300 });
    using comment = begin();
    comment.show(noted("first"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const word of ["second", "third", "last"]) comment.show(noted(word));
    expect(await comment.end()).toBe(true);
    expect(await shown()).toContain("> last");
    expect(countEdits()).toBe(2);
  });

  it("has its last word where GitHub refused an edit before", async () => {
    github.fail({ method: "PATCH", path: edits, status: 403, times: 2 });
    const warnings: string[] = [];
    using comment = begin(warnings);
    comment.show(noted("first"));
    await expect.poll(() => warnings.length).toBe(1);
    comment.show(noted("last"));
    expect(await comment.end()).toBe(true);
    expect(await shown()).toContain("> last");
    expect(warnings).toEqual(Array(2).fill(expect.stringContaining("The comment could not be kept up to date")));
  });

  it("tells that the last word is still to be said where GitHub takes none", async () => {
    github.fail({ method: "PATCH", path: edits, status: 403, times: 9 });
    using comment = begin();
    comment.show(noted("last"));
    expect(await comment.end()).toBe(false);
    expect(countEdits()).toBeLessThanOrEqual(3);
  });

  it("is never written again once somebody has deleted it", async () => {
    await github.deleteComment({ ...at, comment: commentId, user: "ada" });
    const warnings: string[] = [];
    using comment = begin(warnings);
    comment.show(noted("first"));
    await expect.poll(countEdits).toBe(1);
    comment.show(noted("last"));
    expect(await comment.end()).toBe(true);
    expect({ edits: countEdits(), warnings, shown: await shown() }).toEqual({
      edits: 1,
      warnings: [],
      shown: undefined,
    });
  });
});
