import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAdapters } from "../../src/adapters/adapters.ts";
import { type Config, extractiveModel, resolveConfig } from "../../src/config.ts";
import type { JobAdapters, JobRequest, JobResult } from "../../src/jobs/job.ts";
import { runJob } from "../../src/jobs/run-job.ts";
import { git, makeTemporaryFolder, makeWorkTree, writeTree } from "../repository/make-repository.ts";
import { canIsolate, filesWith, fixture } from "../support/command-line.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";
import { readState } from "../support/run-result.ts";

const token = "ghs_planted0123456789abcdefghijklmnop";
const credentials = Buffer.from(`x-access-token:${token}`).toString("base64");

const base = makeTemporaryFolder();
const root = join(base, "server");
const work = join(base, "work");
let server: GitHttpServer;
let folders = 0;

beforeAll(async () => {
  server = await startGitHttpServer({ root, intercept: askForLogin });
  cpSync(fixture("orbital-elements"), join(work, "orbits"), { recursive: true });
  makeWorkTree(work, { "README.md": "# Exercise classes\n" });
  publish();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(base, { recursive: true });
});

function publish(): void {
  rmSync(join(root, "octo"), { recursive: true, force: true });
  git(base, "clone", "--quiet", "--mirror", work, join(root, "octo/private.git"));
}

function askForLogin({ headers }: IncomingMessage, response: ServerResponse): boolean {
  if (headers.authorization === `basic ${credentials}`) return false;
  response.writeHead(401, { "www-authenticate": "Basic" }).end();
  return true;
}

function createTestAdapters(): JobAdapters {
  const environment = {
    PATH: process.env.PATH,
    CODEDISTILLER_CACHE: join(base, "cache"),
    GIT_SSL_CAINFO: server.certificateFile,
  };
  const host = { environment, homeFolder: base, workingFolder: base, signal: new AbortController().signal };
  return {
    ...createAdapters({ host, warn: () => undefined }),
    gitAuthorization: async () => `basic ${credentials}`,
  };
}

function run(request: JobRequest, adapters: Partial<JobAdapters> = {}): Promise<JobResult> {
  return runJob({ request, adapters: { ...createTestAdapters(), ...adapters }, emit: () => undefined });
}

function newRequest(given: Partial<Extract<JobRequest, { kind: "new" }>> = {}): JobRequest {
  const flags: Partial<Config> = { model_str_code: extractiveModel, sandbox: "local", subdirectory: "orbits" };
  const config = resolveConfig({ flags, file: null, environment: {} });
  return { kind: "new", source: `${server.url}/octo/private.git`, config, dryRun: true, ...given };
}

function newFolder(): string {
  folders += 1;
  return join(base, "runs", String(folders));
}

describe("a run in a folder that is given", () => {
  it("lives there, whether the folder is there or not, with the id that is given", async () => {
    for (const isThere of [false, true]) {
      const folder = newFolder();
      if (isThere) mkdirSync(folder, { recursive: true });
      const result = await run(newRequest({ folder, runId: "f".repeat(32) }));
      expect(result).toMatchObject({ runFolder: folder, error: null });
      expect(readState(folder).distiller).toMatchObject({ runId: "f".repeat(32), iterations: [{ index: 0 }] });
    }
  });

  it("begins again where a process was killed before it had written its state", async () => {
    const folder = newFolder();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "current_state.json.1.tmp"), "{");
    expect((await run(newRequest({ folder }))).error).toBeNull();
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("touches nothing of a folder that holds something", async () => {
    const folder = newFolder();
    writeTree(folder, { mine: "1" });
    const { error, runFolder } = await run(newRequest({ folder }));
    expect(error).toMatchObject({ code: "run-folder-not-empty", retryable: false });
    expect(runFolder).toBeNull();
    expect(readdirSync(folder)).toEqual(["mine"]);
  });

  it("keeps its log and its state when the repository cannot be had, and goes on when it can", async () => {
    const folder = newFolder();
    const failed = await run(newRequest({ folder }), { gitAuthorization: undefined });
    expect(failed).toMatchObject({ runFolder: folder, error: { code: "authentication-required", retryable: false } });
    expect(readFileSync(join(folder, "run.log"), "utf8")).toContain("authentication-required");
    expect(readState(folder)).toMatchObject({ status: "ERROR", distiller: { repository: null } });
    const resumed = await run({ kind: "resume", runFolder: folder, changes: {}, dryRun: true });
    expect(resumed).toMatchObject({ error: null, state: { distiller: { iterations: [{ index: 0 }] } } });
  });

  it("says that what a server in trouble refuses may succeed later", async () => {
    const folder = newFolder();
    const source = "https://localhost:1/octo/private.git";
    expect((await run(newRequest({ folder, source }))).error).toMatchObject({ retryable: true });
    expect(existsSync(folder)).toBe(true);
  });
});

describe.runIf(canIsolate)("a run of a repository that asks for a login", () => {
  const folder = join(base, "runs", "whole");

  it("ends verified, and the login is in no file that it leaves", async () => {
    const result = await run(newRequest({ folder, dryRun: false }));
    expect(result.outcome, JSON.stringify(result.error)).toMatchObject({ outcome: "verified" });
    expect(readdirSync(folder)).toContain("run.log");
    for (const text of [token, credentials]) expect(filesWith(base, text)).toEqual([]);
  });

  it("is revised at the commit that it began with, although the branch has moved on", async () => {
    const before = readState(folder).distiller.repository;
    writeTree(join(work, "orbits"), { "README.md": "# All new\n" });
    git(work, "add", "--all");
    git(work, "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "--quiet", "--message", "moved on");
    publish();
    const feedback = "How to solve Kepler's equation for the mean anomaly, by itself";
    const request = { kind: "resume", runFolder: folder, changes: {}, dryRun: false, feedback } as const;
    const revised = await run({ ...request, feedbackId: "one" });
    expect(revised.outcome, JSON.stringify(revised.error)).toMatchObject({ outcome: "verified" });
    const { repository, iterations, feedback: kept } = readState(folder).distiller;
    expect(repository).toMatchObject({ commit: before?.commit, ref: null, subdirectory: "orbits" });
    expect(iterations.at(-1)?.draft.provenance[0]?.title).toBe("Kepler's equation by itself");
    expect(kept).toMatchObject([{ id: "one" }]);

    const state = readFileSync(join(folder, "current_state.json"), "utf8");
    const again = await run({ ...request, feedbackId: "one" });
    expect(again.outcome).toEqual(revised.outcome);
    expect(readFileSync(join(folder, "current_state.json"), "utf8"), "asked twice, done once").toBe(state);
  });
});
