import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createComment, ensureComment, findComment } from "../../src/github/ensure-comment.ts";
import type { GitHubServer } from "../support/github-server.ts";
import { type Connection, connect } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
const repository = { owner: "acme", repo: "orbits" };
let connection: Connection;
let server: GitHubServer;
let github: Octokit;

beforeEach(async () => {
  connection = await connect({
    users: [{ login: "maintainer" }],
    repositories: [{ ...at, files: { a: "1" }, issues: [{ title: "Please", user: "maintainer" }] }],
  });
  ({ server, github } = connection);
});

afterEach(async () => {
  const { violations } = server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

const ensure = (changes: Partial<Parameters<typeof ensureComment>[0]> = {}) =>
  ensureComment({
    github,
    repository,
    issueNumber: 1,
    key: "run-1",
    commentId: null,
    search: false,
    body: "one",
    ...changes,
  });
const bodies = async () => (await server.comments({ ...at, issue: 1 })).map(({ body }) => body);

describe("ensureComment", () => {
  it("writes a comment once and edits it from then on", async () => {
    const first = await ensure();
    expect(first).toEqual({ id: expect.any(Number), gone: false });
    expect(await ensure({ commentId: first.id, body: "two" })).toEqual(first);
    expect(await bodies()).toEqual(["two\n\n<!-- codedistiller:run-1 -->"]);
  });

  it("finds what a process before it wrote", async () => {
    const search = { botLogin: server.appLogin };
    const { id } = await ensure();
    expect(await ensure({ search, body: "two" })).toEqual({ id, gone: false });
    expect((await ensure({ search, key: "run-2" })).id).not.toBe(id);
    expect(await bodies()).toHaveLength(2);
  });

  it("never writes one again that somebody deleted", async () => {
    const { id } = await ensure();
    await server.deleteComment({ ...at, comment: id ?? 0, user: "maintainer" });
    expect(await ensure({ commentId: id })).toEqual({ id, gone: true });
    expect(await bodies()).toEqual([]);
  });

  it("says so where the issue is gone", async () => {
    await server.deleteIssue({ ...at, issue: 1, user: "maintainer" });
    expect(await ensure()).toEqual({ id: null, gone: true });
    expect(await ensure({ search: { botLogin: server.appLogin } })).toEqual({ id: null, gone: true });
  });

  it("cuts what is too long for GitHub, with the marker still there", async () => {
    await ensure({ body: "a line\n".repeat(20_000) });
    const [body = ""] = await bodies();
    expect(body.length).toBeLessThanOrEqual(65_536);
    expect(body).toMatch(/_The rest is left out: .*\n\n<!-- codedistiller:run-1 -->$/);
  });
});

describe("findComment", () => {
  it("takes the newest of ours, over pages, and nobody else's", async () => {
    const find = () => findComment({ github, repository, issueNumber: 1, key: "k", botLogin: server.appLogin });
    expect(await find()).toBeNull();
    await createComment({ github, repository, issueNumber: 1, key: "k", body: "older" });
    const id = await createComment({ github, repository, issueNumber: 1, key: "k", body: "newer" });
    for (let count = 0; count < 105; count++)
      await server.call({
        method: "POST",
        path: "/repos/acme/orbits/issues/1/comments",
        body: { body: "me too\n\n<!-- codedistiller:k -->" },
        as: "maintainer",
      });
    expect(await find()).toBe(id);
    const last = await createComment({ github, repository, issueNumber: 1, key: "k", body: "last" });
    expect(await find()).toBe(last);
  });

  it("believes no marker above the last line: words of others may stand there", async () => {
    await createComment({ github, repository, issueNumber: 1, key: "other", body: "<!-- codedistiller:k -->" });
    expect(await findComment({ github, repository, issueNumber: 1, key: "k", botLogin: server.appLogin })).toBeNull();
  });
});
