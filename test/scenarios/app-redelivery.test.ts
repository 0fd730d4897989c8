import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";
import type { GitHubServer } from "../support/github-server.ts";

const at = { owner: "ada", name: "orbits" };
const reactions = /\/issues\/comments\/\d+\/reactions$/;

/** The app's own comments on an issue. */
async function answersOn(github: GitHubServer, issue: number): Promise<string[]> {
  const comments = await github.comments({ ...at, issue });
  return comments.filter(({ login }) => login === github.appLogin).map(({ body }) => body);
}

describe("a webhook that comes again, or whose handling fails half-way", () => {
  let app: AppUnderTest;
  beforeAll(async () => {
    app = await startApp({
      repositories: [
        {
          ...at,
          folder: fixture("orbital-elements"),
          issues: ["One", "Two", "Three", "Four"].map((title) => ({ title })),
        },
      ],
      // As in production, where what fails is also tried again at once.
      throttle: true,
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("makes one run and one comment of a delivery that comes four times, three of them at once", async () => {
    const { github } = app;
    const first = await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    const again = await Promise.all([github.redeliver(first), github.redeliver(first), github.redeliver(first)]);
    expect(again.map(({ status }) => status)).toEqual([200, 200, 200]);
    await eventually("its last words", async () => (await answersOn(github, 1))[0]?.startsWith("**Verified.**"));
    expect((await github.redeliver(first)).status).toBe(200);
    expect(await answersOn(github, 1)).toHaveLength(1);
    expect(await readRuns(app)).toHaveLength(1);
    expect(github.reactions({ ...at, comment: first.comment })).toHaveLength(1);
    expect(await github.pullRequests(at)).toHaveLength(1);
    expect(github.requests.filter(({ path }) => reactions.test(path))).toHaveLength(1);
  });

  it("makes one of them also where they come before the first was written down", async () => {
    const { github } = app;
    // What GitHub sends first reaches nobody.
    github.deliverTo("http://127.0.0.1:9/");
    const lost = await github.comment({ ...at, issue: 2, user: "ada", body: "/distill help" });
    expect(lost.status).toBeNull();
    github.deliverTo(`${app.address}/api/github/webhooks`);
    const both = await Promise.all([github.redeliver(lost), github.redeliver(lost)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    await eventually("the answer", async () => (await answersOn(github, 2)).length > 0);
    expect(await answersOn(github, 2)).toHaveLength(1);
  });

  it("reacts and answers once where GitHub fails at the reaction and then at the comment", async () => {
    const { github } = app;
    github.fail({ method: "POST", path: reactions, times: 1, status: 502 });
    github.fail({ method: "POST", path: /\/issues\/3\/comments$/, times: 1, status: 502 });
    const asked = await github.comment({ ...at, issue: 3, user: "ada", body: "/distill status" });
    await eventually("the answer", async () => (await answersOn(github, 3)).length > 0);
    expect(await answersOn(github, 3)).toHaveLength(1);
    expect(github.reactions({ ...at, comment: asked.comment })).toEqual([{ login: github.appLogin, content: "eyes" }]);
  });

  it("writes no second comment where GitHub had written the first and said that it failed", async () => {
    const { github } = app;
    github.fail({ method: "POST", path: /\/issues\/4\/comments$/, times: 1, status: 502, done: true });
    await github.comment({ ...at, issue: 4, user: "ada", body: "/distill --dry-run" });
    await eventually("its last words", async () =>
      (await answersOn(github, 4)).some((body) => body.startsWith("**Plan.**")),
    );
    expect(await answersOn(github, 4)).toHaveLength(1);
    expect(await readRuns(app)).toHaveLength(2);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
