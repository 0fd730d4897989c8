import type { Octokit } from "@octokit/rest";
import { ProbotOctokit } from "probot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CheckAnnotation, ensureCheckRun } from "../../src/github/ensure-check-run.ts";
import type { GitHubServer } from "../support/github-server.ts";
import { type Connection, connect } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
const repository = { owner: "acme", repo: "orbits" };
let connection: Connection;
let server: GitHubServer;
let github: Octokit;
let headSha: string;

beforeEach(async () => {
  connection = await connect({ repositories: [{ ...at, files: { "main.py": "1\n" } }] });
  ({ server, github } = connection);
  headSha = (await server.branchHead({ ...at, branch: "main" })) ?? "";
});

afterEach(async () => {
  const { violations } = server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

const ensure = (changes: Partial<Parameters<typeof ensureCheckRun>[0]> = {}) =>
  ensureCheckRun({
    github,
    repository,
    headSha,
    checkRunId: null,
    externalId: "run-1",
    conclusion: "success",
    title: "Verified",
    summary: "It ran.",
    annotations: [],
    detailsUrl: "https://example.org/runs/1",
    ...changes,
  });
const annotations = (count: number): CheckAnnotation[] =>
  Array.from({ length: count }, (_, index) => ({
    path: "main.py",
    startLine: 1,
    endLine: 1,
    level: "notice",
    title: `note ${index}`,
    message: "x".repeat(5000),
  }));
const read = async () => (await github.rest.checks.listForRef({ ...repository, ref: headSha })).data.check_runs;

describe("ensureCheckRun", () => {
  it("adds a check to the commit and changes it from then on", async () => {
    const id = await ensure();
    expect(await ensure({ checkRunId: id, conclusion: "neutral", title: "Partial" })).toBe(id);
    expect(await read()).toMatchObject([
      {
        id,
        name: "CodeDistiller",
        status: "completed",
        conclusion: "neutral",
        output: { title: "Partial" },
        details_url: "https://example.org/runs/1",
      },
    ]);
  });

  it("finds the check that a process before it made, and no other run's", async () => {
    const id = await ensure();
    expect(await ensure({ title: "Again" })).toBe(id);
    expect(await ensure({ externalId: "run-2" })).not.toBe(id);
  });

  it("sends annotations 50 at a time", async () => {
    const id = await ensure({ annotations: annotations(120) });
    const sent = server.requests
      .filter(({ method }) => method !== "GET")
      .map(({ method, requestBody }) => [
        method,
        (requestBody as { output: { annotations: unknown[] } }).output.annotations.length,
      ]);
    expect(sent).toEqual([
      ["POST", 50],
      ["PATCH", 50],
      ["PATCH", 20],
    ]);
    expect(id).toBeGreaterThan(0);
  });

  it("is followed by a new one where it has annotations that nobody can take away", async () => {
    const id = await ensure({ annotations: annotations(1) });
    const next = await ensure({ checkRunId: id, annotations: annotations(2) });
    expect(next).not.toBe(id);
  });

  it.each([
    ["made", 10],
    ["given more annotations", 60],
  ])("is not %s twice behind a 502 that came too late", async (_what, count) => {
    const { appId, privateKey, installationId } = server.appCredentials;
    const retrying = new ProbotOctokit({
      baseUrl: server.apiUrl,
      auth: { appId, privateKey, installationId },
      throttle: { enabled: false },
      retry: { retryAfterBaseValue: 1 },
    });
    const [method, path] = (count > 50 ? ["PATCH", /check-runs\/\d+$/] : ["POST", /check-runs$/]) as [string, RegExp];
    const sent = () => server.requests.filter((request) => request.method === method && path.test(request.path));
    server.fail({ method, path, status: 502, done: true });
    await expect(ensure({ github: retrying, annotations: annotations(count) })).rejects.toMatchObject({
      retryable: true,
    });
    expect(sent()).toHaveLength(1);
  });

  it("is a new one on another commit, and where the old one is gone", async () => {
    const id = await ensure();
    const { data: base } = await github.rest.git.getCommit({ ...repository, commit_sha: headSha });
    const { data: other } = await github.rest.git.createCommit({
      ...repository,
      message: "x",
      tree: base.tree.sha,
      parents: [headSha],
    });
    expect(await ensure({ checkRunId: id, headSha: other.sha })).not.toBe(id);
    expect(await ensure({ checkRunId: 987_654 })).not.toBe(987_654);
  });

  it("cuts a summary that is too long", async () => {
    await ensure({ summary: "a line\n".repeat(20_000) });
    const [check] = await read();
    expect(check?.output.summary?.length).toBeLessThanOrEqual(65_535);
    expect(check?.output.summary).toMatch(/left out/);
  });
});
