import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, eventually, readRuns, type ShownRun, startApp } from "../support/app-under-test.ts";
import { canIsolate, processesWith } from "../support/command-line.ts";
import type { RepositoryRef } from "../support/github-server.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

/** Each has a time of its own to sleep, by which its program is known. */
const naps = {
  "issue-deleted": "1.0181",
  "issue-transferred": "1.0182",
  "comment-deleted": "1.0183",
  renamed: "1.0184",
  "repository-deleted": "1.0185",
  removed: "1.0186",
};
type Name = keyof typeof naps;

describe.runIf(canIsolate)("what is gone in mid run", () => {
  let app: AppUnderTest;
  beforeAll(async () => {
    app = await startApp({
      repositories: [
        ...Object.entries(naps).map(([name, seconds]) => ({
          owner: "ada",
          name,
          files: sleepingRepository(seconds),
          issues: [{ title: "An example, please" }],
        })),
        { owner: "ada", name: "elsewhere", files: { "README.md": "# Elsewhere\n" } },
      ],
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  /** Asks for a run, and waits until its example is at work. */
  const begin = async (name: Name): Promise<RepositoryRef & { id: string; comment: number; user: string }> => {
    const at = { owner: "ada", name };
    await app.github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    await eventually("its program", () => processesWith(naps[name]).length > 0);
    const [run] = await readRuns(app);
    const [, comment] = await app.github.comments({ ...at, issue: 1 });
    return { ...at, id: run?.id ?? "", comment: comment?.id ?? 0, user: "ada" };
  };
  const endOf = (id: string): Promise<ShownRun> =>
    eventually("its end", async () => (await readRuns(app)).find((run) => run.id === id && run.status === "finished"));
  /** What the app wrote to GitHub about a repository since a moment. */
  const writesTo = (name: string, since: number): string[] =>
    app.github.requests
      .slice(since)
      .filter((each) => each.method !== "GET" && new RegExp(`/ada/${name}/`).test(each.path))
      .map(({ method, path, status }) => `${method} ${path} ${status}`);

  it("ends the run with its issue, and says nothing to anybody", async () => {
    const { id, ...at } = await begin("issue-deleted");
    const since = app.github.requests.length;
    await app.github.deleteIssue({ ...at, issue: 1 });
    const run = await endOf(id);
    expect(run.cancelled?.reason).toBe("The issue that asked for it was deleted.");
    expect(run.ending?.outcome).toBe("cancelled");
    expect(await app.github.pullRequests(at)).toEqual([]);
    expect(writesTo(at.name, since)).toEqual([]);
    await eventually("no program", () => processesWith(naps["issue-deleted"]).length === 0);
  });

  it("opens the pull request also where the issue was transferred", async () => {
    const { id, ...at } = await begin("issue-transferred");
    await app.github.transferIssue({ ...at, issue: 1, to: { owner: "ada", name: "elsewhere" } });
    const run = await endOf(id);
    expect(run.ending?.outcome).toBe("verified");
    expect(await app.github.pullRequests(at)).toHaveLength(1);
    expect(await app.github.pullRequests({ owner: "ada", name: "elsewhere" })).toEqual([]);
  });

  it("writes no second comment where somebody deleted the first", async () => {
    const { id, ...at } = await begin("comment-deleted");
    await app.github.deleteComment(at);
    const run = await endOf(id);
    expect(run.ending?.outcome).toBe("verified");
    expect(await app.github.pullRequests(at)).toHaveLength(1);
    await app.github.comment({ ...at, issue: 1, body: "/distill status" });
    await eventually("the answer to another question", async () => {
      const comments = await app.github.comments({ ...at, issue: 1 });
      return comments.length === 3 && comments[2]?.body.includes("verified");
    });
  });

  it("opens the pull request in the repository's new name", async () => {
    const { id, ...before } = await begin("renamed");
    await app.github.renameRepository({ ...before, to: "known-anew" });
    const at = { owner: "ada", name: "known-anew" };
    const run = await endOf(id);
    expect(run).toMatchObject({ repository: "ada/known-anew", ending: { outcome: "verified" } });
    const [pull, ...others] = await app.github.pullRequests(at);
    expect(others).toEqual([]);
    expect(pull?.number).toBe(run.pullRequest?.number);
    await eventually("its last words", async () => {
      const [, comment, ...more] = await app.github.comments({ ...at, issue: 1 });
      return more.length === 0 && comment?.body.includes(`/ada/known-anew/pull/${pull?.number}`);
    });
  });

  it("ends the run with its repository", async () => {
    const { id, ...at } = await begin("repository-deleted");
    await app.github.deleteRepository(at);
    const run = await endOf(id);
    expect(run.ending?.outcome).toBe("cancelled");
    expect(run.cancelled?.reason).toBe("The repository was deleted.");
  });

  it("ends the run where the app is removed from the repository, and asks for no more there", async () => {
    const { id, ...at } = await begin("removed");
    await app.github.removeRepositories({ repositories: [at], user: "ada" });
    const since = app.github.requests.length;
    const run = await endOf(id);
    expect(run.cancelled?.reason).toBe("The app was removed from the repository.");
    expect(run.ending?.outcome).toBe("cancelled");
    expect(await app.github.pullRequests(at)).toEqual([]);
    expect(writesTo(at.name, since).filter((each) => !each.endsWith(" 403"))).toEqual([]);
  });

  it("fails at none of it, and asks for nothing that GitHub's own description does not have", () => {
    expect(app.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect(app.github.violations).toEqual([]);
  });
});
