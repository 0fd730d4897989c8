import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";
import type { Fault, GitHubServer } from "../support/github-server.ts";

const at = { owner: "ada", name: "orbits" };

/** GitHub's limit for an hour, a minute or so on. */
const primaryLimit = (seconds: number): Pick<Fault, "status" | "headers" | "body"> => ({
  status: 403,
  headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + seconds) },
  body: { message: "API rate limit exceeded for installation ID 1." },
});
/** Its limit on what is done too quickly. */
const secondaryLimit = (seconds: number): Pick<Fault, "status" | "headers" | "body"> => ({
  status: 429,
  headers: { "retry-after": String(seconds) },
  body: { message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." },
});

const start = (throttle: boolean): Promise<AppUnderTest> =>
  startApp({
    repositories: [
      { ...at, folder: fixture("orbital-elements"), issues: [{ title: "An example" }, { title: "More" }] },
    ],
    throttle,
  });
const bodies = async (github: GitHubServer, issue = 1): Promise<string[]> =>
  (await github.comments({ ...at, issue })).slice(1).map(({ body }) => body);

describe("GitHub's limits on requests, waited out as in production", () => {
  let app: AppUnderTest;
  beforeAll(async () => {
    app = await start(true);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("are waited out where that takes seconds: one comment, one commit, one pull request", async () => {
    const { github } = app;
    github.fail({ method: "POST", path: /\/issues\/1\/comments$/, ...primaryLimit(2) });
    github.fail({ method: "POST", path: /\/git\/commits$/, ...secondaryLimit(1) });
    github.fail({ method: "POST", path: /\/pulls$/, ...primaryLimit(2) });
    await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    const run = await endOfRun(app);
    expect(run.ending?.outcome).toBe("verified");
    await eventually("its last words", async () => (await bodies(github))[0]?.startsWith("**Verified.**"));
    expect(await bodies(github)).toHaveLength(1);
    expect(await github.pullRequests(at)).toHaveLength(1);
    const asked = (path: RegExp): number[] =>
      github.requests.filter((each) => each.method === "POST" && path.test(each.path)).map(({ status }) => status);
    expect(asked(/\/issues\/1\/comments$/)).toEqual([403, 201]);
    expect(asked(/\/git\/commits$/)).toEqual([429, 201]);
    expect(asked(/\/pulls$/)).toEqual([403, 201]);
    expect(github.violations).toEqual([]);
  }, 90_000);

  it("are told where they last an hour: the run waits, its comment says so, and GitHub is not asked again", async () => {
    const { github } = app;
    for (const limit of [primaryLimit(3600), secondaryLimit(3600)]) {
      const runs = (await readRuns(app)).length;
      const before = github.requests.length;
      github.fail({ method: "POST", path: /\/git\/(trees|commits)$/, times: 100, ...limit });
      await github.comment({ ...at, issue: 2, user: "ada", body: '/distill --focus "ground tracks"' });
      const waiting = await eventually("a run that waits", async () => {
        const [run, ...others] = await readRuns(app);
        return others.length === runs && run?.status === "queued" && run.progress.note ? run : null;
      });
      expect(waiting.progress.note).toContain("GitHub's limit on requests is reached");
      await eventually("its comment that says so", async () =>
        (await bodies(github, 2)).at(-1)?.includes("limit on requests is reached: try again in 60 minutes"),
      );
      expect((await bodies(github, 2)).at(-1)).toContain("It had begun, and goes on from what is saved.");
      const refused = github.requests.slice(before).filter(({ status }) => status === limit.status);
      expect(refused).toHaveLength(1);
      github.clearFaults();
      await github.comment({ ...at, issue: 2, user: "ada", body: "/distill cancel" });
      await eventually("its end", async () => (await readRuns(app))[0]?.ending?.outcome === "cancelled");
      await eventually("its cancelled comment", async () =>
        (await bodies(github, 2)).some((body) => body.startsWith("**Cancelled by")),
      );
    }
    expect(github.violations).toEqual([]);
  }, 120_000);
});

describe("GitHub's limits and failures, met at once", () => {
  let app: AppUnderTest;
  beforeAll(async () => {
    app = await start(false);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("has a run go on by itself once the limit is over, from what it had made", async () => {
    const { github } = app;
    github.fail({ method: "POST", path: /\/pulls$/, ...primaryLimit(2) });
    await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    await eventually("a run that waits", async () => (await readRuns(app))[0]?.status === "queued");
    const run = await endOfRun(app);
    expect(run.ending?.outcome).toBe("verified");
    expect(await github.pullRequests(at)).toHaveLength(1);
    await eventually("its last words", async () => (await bodies(github))[0]?.startsWith("**Verified.**"));
    expect(await bodies(github)).toHaveLength(1);
    expect(github.violations).toEqual([]);
  });

  it("has a run go on where GitHub is down, and bring everything once it is back", async () => {
    const { github } = app;
    await github.comment({ ...at, issue: 2, user: "ada", body: '/distill --focus "ground tracks"' });
    await eventually("the run at work", async () => {
      const runs = await readRuns(app);
      return runs.length === 2 && runs[0]?.progress.stage;
    });
    for (const method of ["GET", "POST", "PATCH"]) github.fail({ method, path: /./, times: 1000, status: 502 });
    const waiting = await eventually("a run that waits for GitHub", async () => {
      const [run] = await readRuns(app);
      return run?.status === "queued" && run.progress.note?.includes("GitHub cannot be reached") ? run : null;
    });
    const cloned = github.gitRequests.length;
    github.clearFaults();
    const run = await endOfRun(app, 2);
    expect(run).toMatchObject({ id: waiting.id, ending: { outcome: "verified" } });
    expect(github.gitRequests).toHaveLength(cloned);
    await eventually("its last words", async () => (await bodies(github, 2))[0]?.startsWith("**Verified.**"));
    expect(await bodies(github, 2)).toHaveLength(1);
    expect(github.violations).toEqual([]);
  });
});
