import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { GitHubError } from "../../src/errors.ts";
import { callGitHub, isGitHubError, readGitHub } from "../../src/github/wrap-github-error.ts";
import type { GitHubServer } from "../support/github-server.ts";
import { type Connection, connect } from "./connect.ts";

let connection: Connection;
let server: GitHubServer;
let github: Octokit;

beforeAll(async () => {
  connection = await connect({ repositories: [{ owner: "acme", name: "orbits", files: { a: "1" } }] });
  ({ server, github } = connection);
});
afterAll(() => connection[Symbol.asyncDispose]());

async function failWith(status: number, headers: Record<string, string> = {}, body: unknown = { message: "No." }) {
  server.fail({ method: "GET", path: /\/orbits$/, status, headers, body });
  const call = () => github.rest.repos.get({ owner: "acme", repo: "orbits" });
  const error = await callGitHub("Reading it", call).catch((caught: unknown) => caught);
  if (!(error instanceof GitHubError)) throw error;
  return error;
}

describe("callGitHub", () => {
  it.each([
    [404, "github-not-found", false],
    [410, "github-not-found", false],
    [401, "github-forbidden", false],
    [403, "github-forbidden", false],
    [451, "github-forbidden", false],
    [409, "github-conflict", true],
    [422, "github-conflict", false],
    [500, "github-unavailable", true],
    [503, "github-unavailable", true],
    [429, "github-rate-limited", true],
    [418, "github-unexpected", false],
  ])("gives a status of %i the code %s", async (status, code, retryable) => {
    const error = await failWith(status);
    expect(error).toMatchObject({ code, retryable, status });
    expect(error.userMessage).toMatch(/^Reading it failed: GitHub says "No\."\. [A-Z].*\.$/);
  });

  it("waits for the primary limit's end", async () => {
    const reset = Math.floor(Date.now() / 1000) + 600;
    const error = await failWith(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) });
    expect(error).toMatchObject({ code: "github-rate-limited", retryable: true });
    expect(error.retryAfterMs).toBeGreaterThan(590_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(600_000);
    expect(error.userMessage).toContain("10 minutes");
  });

  it.each([
    ["that names a time", { "retry-after": "7" }, 7000],
    ["that names none", {}, 60_000],
  ])("waits for a secondary limit %s", async (_, headers, milliseconds) => {
    const body = { message: "You have exceeded a secondary rate limit. Please wait." };
    expect(await failWith(403, headers, body)).toMatchObject({
      code: "github-rate-limited",
      retryAfterMs: milliseconds,
    });
  });

  it("tells GitHub's reasons in one bounded line", async () => {
    const message = `Repository rule\n\nviolations\u0000 found${"x".repeat(1000)}`;
    const error = await failWith(422, {}, { message: "Validation Failed", errors: [{ message }, "second"] });
    expect(error.said).toMatch(/^Validation Failed; Repository rule violations found/);
    expect(error.said.length).toBe(300);
    expect(error.userMessage).not.toMatch(/\n/);
  });

  it("says nothing where a proxy answers with a page", async () => {
    expect((await failWith(502, {}, "<html>Bad gateway</html>")).said).toBe("");
  });

  it("calls GitHub unavailable where nothing answers", async () => {
    const nobody = new Octokit({
      baseUrl: "http://127.0.0.1:9",
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    const error = await callGitHub("Reading it", () => nobody.rest.meta.get()).catch((caught: unknown) => caught);
    expect(isGitHubError(error, "github-unavailable")).toBe(true);
    expect(error).toMatchObject({ status: null, retryable: true });
  });

  it("leaves errors alone that are none of GitHub's", async () => {
    const error = new TypeError("a fault of ours");
    await expect(callGitHub("Reading it", () => Promise.reject(error))).rejects.toBe(error);
  });
});

it("refuses an answer in another form", async () => {
  const reading = readGitHub("Reading it", z.object({ id: z.string() }), async () => ({ data: { id: 1 } }));
  await expect(reading).rejects.toMatchObject({ code: "github-unexpected" });
});
