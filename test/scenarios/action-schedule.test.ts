import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { placeExample, pushFiles, readBadges, runStep, type Step } from "../support/standing-example.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const at = (name: string) => ({ owner: "ada", name });
const names = [
  "first",
  "merged",
  "changed",
  "edited",
  "gathered",
  "left",
  "right",
  "pinned",
  "taken",
  "keeper",
  "hidden",
];
const hidden = ["pinned", "hidden"];
const changedModule = tinyRepository["raindrops.py"].replace("9.65", "9.6");
/** Asked, it would end the run: nobody listens there. */
const model = { ANTHROPIC_API_KEY: "sk-ant-planted-0123456789abcdef", ANTHROPIC_BASE_URL: "http://127.0.0.1:9" };

describe.concurrent("on a schedule, the action", { timeout: 120_000 }, () => {
  let github: GitHubServer;
  let first: Step;

  /** With the example merged, as the first run made it. */
  const merge = async (
    target: string,
    { source, slug }: { source: string; slug: string } = { source: target, slug: target },
  ) => {
    const tree = await github.readTree("ada", "first", "codedistiller/first");
    const folder = "examples/first/";
    const files = [...tree].filter(([path]) => path.startsWith(folder));
    const example = Object.fromEntries(files.map(([path, { bytes }]) => [path.slice(folder.length), bytes.toString()]));
    await pushFiles(github, at(target), placeExample(example, { from: "first", to: source, slug }));
  };
  const writesOf = ({ writes }: Step) =>
    writes.map(({ method, path }) => `${method} ${path.split("/").slice(4).join("/")}`);
  const probe = ["POST git/blobs", "POST pulls"];
  const badgeWrites = ["POST git/trees", "POST git/commits", "POST git/refs"];

  beforeAll(async () => {
    github = await startGitHub({
      repositories: names.map((name) => ({ ...at(name), files: tinyRepository, private: hidden.includes(name) })),
    });
    first = await runStep({ github, repository: at("first") });
  });
  afterAll(async () => {
    expect(github?.violations).toEqual([]);
    await github?.[Symbol.asyncDispose]();
  });

  it("writes a first example, then only verifies it while its pull request waits, and leaves it when that is declined", async ({
    expect,
  }) => {
    expect(first.result.examples).toMatchObject([
      { action: "distilled", verdict: "verified", pullRequest: { number: 1 }, badgeUrl: null },
    ]);
    const head = await github.branchHead({ ...at("first"), branch: "codedistiller/first" });
    const again = await runStep({ github, repository: at("first") });
    expect(again.result.examples).toMatchObject([
      { action: "verified", verdict: "verified", pullRequest: { number: 1 }, advice: null, iterations: 0 },
    ]);
    expect(again.log).not.toContain("Draft an example");
    expect(writesOf(again)).toEqual([...probe, ...badgeWrites]);
    expect(await github.branchHead({ ...at("first"), branch: "codedistiller/first" })).toBe(head);
    await github.closePullRequest({ ...at("first"), pull: 1, user: "ada", merged: false });
    const declined = await runStep({ github, repository: at("first"), environment: model });
    expect(declined.status).toBe(0);
    expect(declined.result.examples).toMatchObject([
      { verdict: "skipped", reasonCode: "declined", iterations: 0, costUsd: 0, pullRequest: { number: 1 } },
    ]);
    expect(writesOf(declined)).toEqual(probe);
    expect(await github.pullRequests(at("first"))).toHaveLength(1);
  });

  it("asks no model where nothing that the example depends on has changed, and writes its badge", async ({
    expect,
  }) => {
    await merge("merged");
    await pushFiles(github, at("merged"), { "NOTES.md": "About something else.\n" });
    const main = await github.branchHead({ ...at("merged"), branch: "main" });
    const step = await runStep({ github, repository: at("merged"), environment: model });
    expect(step.status).toBe(0);
    expect(step.result.examples).toMatchObject([
      {
        repository: "ada/merged",
        slug: "merged",
        action: "verified",
        verdict: "verified",
        advice: null,
        commit: main,
        pullRequest: null,
        checks: [
          { name: "reproduced", result: "passed" },
          { name: "grounded", result: "passed" },
        ],
        costUsd: 0,
        badgeUrl: `${github.apiUrl}/ada/merged/raw/codedistiller-badges/merged.svg`,
      },
    ]);
    expect(writesOf(step)).toEqual([...probe, ...badgeWrites]);
    const badges = await readBadges(github, at("merged"));
    expect(Object.keys(badges).sort()).toEqual(["merged.json", "merged.svg"]);
    const parse = "import sys, xml.etree.ElementTree as tree; print(tree.fromstring(sys.stdin.read()).tag)";
    const root = execFileSync("python3", ["-c", parse], { input: badges["merged.svg"], encoding: "utf8" });
    expect(root.trim()).toBe("{http://www.w3.org/2000/svg}svg");
    const message = `verified on ${new Date().toISOString().slice(0, 10)} at ${main?.slice(0, 7)}`;
    expect(badges["merged.svg"]).toContain(message);
    // https://shields.io/badges/endpoint-badge
    expect(JSON.parse(badges["merged.json"] ?? "")).toEqual({
      schemaVersion: 1,
      label: "example",
      message,
      color: expect.stringMatching(/^#[0-9a-f]{6}$/),
    });
    expect(step.summary).toContain("[![Example by CodeDistiller](");
  });

  it("writes it anew where what it depends on has changed, once, and leaves it to whoever has committed to it since", async ({
    expect,
  }) => {
    await merge("changed");
    await pushFiles(github, at("changed"), { "raindrops.py": changedModule });
    const step = await runStep({ github, repository: at("changed") });
    expect(step.log).toContain("changed depends on what changed (raindrops.py): it is distilled anew.");
    expect(step.result.examples).toMatchObject([
      { action: "distilled", verdict: "verified", pullRequest: { number: 1 }, badgeUrl: null },
    ]);
    const tree = await github.readTree("ada", "changed", "codedistiller/changed");
    const main = await github.readTree("ada", "changed", "main");
    const results = "examples/changed/results.json";
    expect(tree.get(results)?.bytes).not.toEqual(main.get(results)?.bytes);
    const again = await runStep({ github, repository: at("changed") });
    expect(again.result.examples).toMatchObject([
      // What is not merged yet says nothing of the example that is: no badge.
      { action: "verified", verdict: "verified", pullRequest: { number: 1 }, badgeUrl: null },
    ]);
    expect(writesOf(again)).toEqual(probe);

    // Somebody goes on with ours, and there would be something else to show.
    const change = { branch: "codedistiller/changed", path: "examples/changed/NOTES.md", text: "Mine.\n", user: "ada" };
    const { commit } = await github.pushCommit({ ...at("changed"), ...change });
    await pushFiles(github, at("changed"), { "raindrops.py": changedModule.replace("10.3", "10.2") });
    for (const name of ["schedule", "push"]) {
      const skipped = await runStep({ github, repository: at("changed"), event: { name } });
      expect(skipped).toMatchObject({ status: 0, result: { verdict: "skipped", reasonCode: "human-commits" } });
      expect(skipped.result.examples).toMatchObject([
        { iterations: 0, costUsd: 0, examplePath: null, pullRequest: { number: 1 }, badgeUrl: null },
      ]);
      expect(skipped.log).not.toContain("Draft an example");
      expect(writesOf(skipped)).toEqual(probe);
    }
    expect(await github.branchHead({ ...at("changed"), branch: "codedistiller/changed" })).toBe(commit);
  });

  it("leaves a folder alone that has the example's name and is none of ours, before anything is spent", async ({
    expect,
  }) => {
    await pushFiles(github, at("taken"), { "examples/taken/main.py": "print(1)\n" });
    const step = await runStep({ github, repository: at("taken"), environment: model });
    expect(step).toMatchObject({ status: 0, result: { verdict: "skipped", reasonCode: "folder-taken" } });
    expect(step.result.examples).toMatchObject([{ iterations: 0, pullRequest: null }]);
    expect(writesOf(step)).toEqual(probe);
  });

  it("writes it anew where it is broken though nothing of the repository changed, and says so on its badge", async ({
    expect,
  }) => {
    const results = "examples/edited/results.json";
    await merge("edited");
    const right = (await github.readTree("ada", "edited", "main")).get(results)?.bytes.toString() ?? "";
    await pushFiles(github, at("edited"), { [results]: right.replace(/\d\.\d+/g, "7.25") });
    const step = await runStep({ github, repository: at("edited") });
    expect(step.log).toContain("edited is broken (results-differ): it is distilled anew.");
    expect(step.result.examples).toMatchObject([
      {
        action: "distilled",
        verdict: "verified",
        pullRequest: { number: 1 },
        badgeUrl: expect.stringContaining("edited.svg"),
      },
    ]);
    expect((await github.readTree("ada", "edited", "codedistiller/edited")).get(results)?.bytes.toString()).toBe(right);
    expect((await readBadges(github, at("edited")))["edited.json"]).toContain("broken at ");
  });

  it("keeps the badges of all jobs of a matrix that end at one time", async ({ expect }) => {
    await merge("gathered", { source: "left", slug: "ada-left" });
    await merge("gathered", { source: "right", slug: "ada-right" });
    const steps = ["left", "right"].map((source) =>
      runStep({
        github,
        repository: at("gathered"),
        inputs: { repository: `ada/${source}`, "open-pull-request": "false" },
      }),
    );
    for (const { result } of await Promise.all(steps))
      expect(result.examples).toMatchObject([
        { action: "verified", verdict: "verified", badgeUrl: expect.any(String) },
      ]);
    const badges = await readBadges(github, at("gathered"));
    expect(Object.keys(badges).sort()).toEqual(["ada-left.json", "ada-left.svg", "ada-right.json", "ada-right.svg"]);
  });

  it("goes on with a private repository that the workflow names", async ({ expect }) => {
    await merge("keeper", { source: "hidden", slug: "ada-hidden" });
    const inputs = { repository: "ada/hidden", "open-pull-request": "false" };
    const step = await runStep({ github, repository: at("keeper"), inputs, token: github.userToken("ada") });
    expect(step.log).not.toContain("Draft an example");
    expect(step.result.examples).toMatchObject([
      { repository: "ada/hidden", slug: "ada-hidden", action: "verified", verdict: "verified" },
    ]);
  });

  it("holds an example of a branch of another repository against that branch", async ({ expect }) => {
    await pushFiles(github, { ...at("right"), branch: "stable" }, tinyRepository);
    await merge("pinned", { source: "right", slug: "ada-right" });
    await pushFiles(github, at("right"), { "setup.cfg": "[metadata]\nname = raindrops\n" });
    const inputs = { repository: "ada/right", ref: "stable", "open-pull-request": "false" };
    // It opens no pull requests, and may not see them.
    const permissions = { contents: "write" } as const;
    const { result, log } = await runStep({ github, repository: at("pinned"), inputs, permissions });
    expect(log).not.toContain("Draft an example");
    const commit = await github.branchHead({ ...at("right"), branch: "stable" });
    expect(result.examples).toMatchObject([{ action: "verified", verdict: "verified", commit }]);
  });
});
