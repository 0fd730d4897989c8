import { retry } from "@octokit/plugin-retry";
import { Octokit } from "@octokit/rest";
import { afterEach, describe, expect, it } from "vitest";
import { closeIssue, type EnsureIssueOptions, ensureIssue } from "../../src/github/ensure-issue.ts";
import type { GitHubServer, SeedRepository } from "../support/github-server.ts";
import { clientOf, connect, workflowLogin } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
let server: GitHubServer;
let options: EnsureIssueOptions;
const stack: AsyncDisposable[] = [];

afterEach(async () => {
  const broken = [...server.violations];
  for (const each of stack.splice(0)) await each[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

async function start(repository: Partial<SeedRepository> = {}): Promise<void> {
  const connection = await connect({
    users: [{ login: "maintainer" }],
    repositories: [{ ...at, files: { a: "1" }, collaborators: { maintainer: "write" }, ...repository }],
  });
  stack.push(connection);
  server = connection.server;
  options = {
    github: connection.github,
    repository: { owner: "acme", repo: "orbits" },
    key: "broken orbits",
    botLogin: server.appLogin,
    title: "The example orbits does not run any more",
    body: "It ended with status 1.",
  };
}

const ensure = (changes: Partial<EnsureIssueOptions> = {}) => ensureIssue({ ...options, ...changes });
const close = (changes: Partial<EnsureIssueOptions> = {}) =>
  closeIssue({ ...options, ...changes, comment: "It runs again." });
const asMaintainer = (method: string, path: string, body?: unknown) =>
  server.call({ method, path: `/repos/acme/orbits${path}`, body, as: "maintainer" });
const issues = async () =>
  (await asMaintainer("GET", "/issues?state=all&direction=asc")).body as Array<Record<string, unknown>>;
const writes = () =>
  server.requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path.replace("/repos/acme/orbits", "")}`);

describe("ensureIssue", () => {
  it("opens one issue, and is quiet where it says the same", async () => {
    await start();
    const first = await ensure({ labels: ["example"] });
    expect(first).toEqual({ kind: "opened", number: 1, url: expect.stringContaining("/issues/1") });
    expect(await ensure({ labels: ["example"] })).toEqual({ ...first, kind: "unchanged" });
    const [issue, ...more] = await issues();
    expect(more).toEqual([]);
    expect(issue).toMatchObject({ title: options.title, labels: [{ name: "example" }] });
    expect(issue?.body).toMatch(/^It ended with status 1\.\n\n<!-- codedistiller:broken_orbits body=[0-9a-f]{16} -->$/);
    expect(writes()).toEqual(["POST /issues"]);
  });

  it("updates its open issue instead of opening a second", async () => {
    await start();
    await ensure();
    expect(await ensure({ title: "Worse", body: "It ended with status 2." })).toMatchObject({ kind: "updated" });
    const [issue, ...more] = await issues();
    expect(more).toEqual([]);
    expect(issue?.title).toBe("Worse");
    expect(issue?.body).toMatch(/^It ended with status 2\./);
  });

  it("says the same also after GitHub's editor changed its line ends", async () => {
    await start();
    await ensure({ body: "a\nb" });
    const body = String((await issues())[0]?.body).replaceAll("\n", "\r\n");
    await asMaintainer("PATCH", "/issues/1", { body });
    expect(await ensure({ body: "a\nb" })).toMatchObject({ kind: "unchanged" });
  });

  it("keeps a title that somebody changed, and brings its body up to date below it", async () => {
    await start();
    await ensure();
    await asMaintainer("PATCH", "/issues/1", { title: "Orbits, again" });
    const later = { title: "Worse", body: "It ended with status 2." };
    expect(await ensure(later)).toMatchObject({ kind: "updated" });
    expect(await ensure(later)).toMatchObject({ kind: "unchanged" });
    expect((await issues())[0]).toMatchObject({ title: "Orbits, again", body: expect.stringContaining("status 2") });
  });

  it("reopens one that was closed as completed, with what is wrong now", async () => {
    await start();
    await ensure();
    await asMaintainer("PATCH", "/issues/1", { state: "closed", state_reason: "completed" });
    expect(await ensure({ body: "Broken again." })).toMatchObject({ kind: "reopened", number: 1 });
    const [issue, ...more] = await issues();
    expect(more).toEqual([]);
    expect(issue).toMatchObject({ state: "open", body: expect.stringContaining("Broken again.") });
  });

  it("leaves one closed that somebody closed as not planned", async () => {
    await start();
    await ensure();
    await asMaintainer("PATCH", "/issues/1", { state: "closed", state_reason: "not_planned" });
    const before = writes().length;
    expect(await ensure({ body: "Broken again." })).toMatchObject({ kind: "dismissed", number: 1 });
    expect(writes()).toHaveLength(before);
  });

  it("has an issue for each key, and takes no other's for its own", async () => {
    await start();
    await ensure();
    expect(await ensure({ key: "broken planets" })).toMatchObject({ kind: "opened", number: 2 });
    const body = "Mine.\n\n<!-- codedistiller:broken_moons -->";
    await asMaintainer("POST", "/issues", { title: "Copied", body });
    expect(await ensure({ key: "broken moons" })).toMatchObject({ kind: "opened", number: 4 });
    expect((await issues())[2]?.body).toBe(body);
  });

  it("believes no marker above the last line: words of others may stand there", async () => {
    await start();
    await ensure({ key: "other", body: "<!-- codedistiller:broken_orbits -->" });
    expect(await ensure()).toMatchObject({ kind: "opened", number: 2 });
  });

  it("finds its issue behind a page of others", async () => {
    await start();
    await ensure();
    for (let count = 0; count < 101; count++) {
      const { github, repository } = options;
      await github.rest.issues.create({ ...repository, title: `Another ${count}` });
    }
    expect(await ensure()).toMatchObject({ kind: "unchanged", number: 1 });
  });

  it("cuts what is too long for GitHub, with the marker still there", async () => {
    await start();
    const body = "a line\n".repeat(20_000);
    await ensure({ body });
    expect(await ensure({ body })).toMatchObject({ kind: "unchanged" });
    expect(String((await issues())[0]?.body).length).toBeLessThanOrEqual(65_536);
  });
});

it("is opened, found again and closed with a workflow's token", async () => {
  await start();
  const token = server.workflowToken({ repository: at, permissions: { issues: "write" } });
  const as = { github: clientOf(server, token), botLogin: workflowLogin };
  expect(await ensure(as)).toMatchObject({ kind: "opened", number: 1 });
  expect(await ensure({ ...as, body: "Worse." })).toMatchObject({ kind: "updated", number: 1 });
  expect(await close(as)).toMatchObject({ kind: "closed", number: 1 });
  expect(await ensure(as)).toMatchObject({ kind: "reopened", number: 1 });
  expect((await issues())[0]).toMatchObject({ user: { login: workflowLogin } });
});

it("is no pull request, whatever that one's last line says", async () => {
  await start();
  const { github, repository } = options;
  const { data: reference } = await github.rest.git.getRef({ ...repository, ref: "heads/main" });
  const { data: base } = await github.rest.git.getCommit({ ...repository, commit_sha: reference.object.sha });
  const commit = { ...repository, message: "More", tree: base.tree.sha, parents: [base.sha] };
  const { data: more } = await github.rest.git.createCommit(commit);
  await github.rest.git.createRef({ ...repository, ref: "refs/heads/more", sha: more.sha });
  const body = "<!-- codedistiller:broken_orbits -->";
  await github.rest.pulls.create({ ...repository, title: "More", head: "more", base: "main", body });
  expect(await ensure()).toMatchObject({ kind: "opened", number: 2 });
});

describe("closeIssue", () => {
  it("closes the open one as completed, with one comment", async () => {
    await start();
    const { number, url } = (await ensure()) as { number: number; url: string };
    expect(await close()).toEqual({ kind: "closed", number, url });
    expect(await close()).toBeNull();
    expect((await issues())[0]).toMatchObject({ state: "closed", state_reason: "completed" });
    const comments = await server.comments({ ...at, issue: number });
    expect(comments.map(({ body }) => body)).toEqual(["It runs again.\n\n<!-- codedistiller:broken_orbits_closed -->"]);
  });

  it("closes it again after it was reopened, with another comment", async () => {
    await start();
    await ensure();
    await close();
    await ensure({ body: "Broken again." });
    expect(await close()).toMatchObject({ kind: "closed", number: 1 });
    expect(await server.comments({ ...at, issue: 1 })).toHaveLength(2);
  });

  it("is nothing where there is none", async () => {
    await start();
    expect(await close()).toBeNull();
    expect(writes()).toEqual([]);
  });
});

describe("a repository that takes no issue", () => {
  it("is told apart: issues are switched off", async () => {
    await start();
    server.fail({
      method: "POST",
      path: /\/issues$/,
      status: 410,
      body: { message: "Issues has been disabled in this repository." },
    });
    expect(await ensure()).toEqual({ kind: "refused", explanation: expect.stringMatching(/^Issues are switched off/) });
  });

  it("is told apart: the permission is missing, with what to grant", async () => {
    await start();
    server.fail({
      method: "POST",
      path: /\/issues$/,
      status: 403,
      body: { message: "Resource not accessible by integration" },
    });
    expect(await ensure()).toEqual({
      kind: "refused",
      explanation: expect.stringContaining("grant write access to issues, "),
    });
  });

  it("says the same to a workflow that was not given issues: write", async () => {
    await start();
    const token = server.workflowToken({ repository: at, permissions: { contents: "write" } });
    const as = { github: clientOf(server, token), botLogin: workflowLogin };
    expect(await ensure(as)).toEqual({
      kind: "refused",
      explanation: expect.stringContaining("in the workflow's permissions"),
    });
  });

  it("is told apart: archived", async () => {
    await start({ archived: true });
    expect(await ensure()).toEqual({ kind: "refused", explanation: expect.stringContaining("archived") });
  });

  it("is tried again later where GitHub cannot be reached, and nothing is opened twice, also by a client that tries again itself", async () => {
    await start();
    const token = server.workflowToken({ repository: at, permissions: { issues: "write" } });
    const Retrying = Octokit.plugin(retry);
    options.github = new Retrying({ baseUrl: server.apiUrl, auth: token, retry: { retryAfterBaseValue: 1 } });
    options.botLogin = workflowLogin;
    server.fail({ method: "POST", path: /\/issues$/, status: 502, done: true });
    await expect(ensure()).rejects.toMatchObject({ code: "github-unavailable", retryable: true });
    expect(await ensure()).toMatchObject({ kind: "unchanged" });
    expect(await issues()).toHaveLength(1);
  });
});
