import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActionResult } from "../../src/action/action-result.ts";
import { outputNames } from "../../src/action/compose-outputs.ts";
import { type ActionOptions, type EndedAction, runAction } from "../support/action-runner.ts";
import { canIsolate } from "../support/command-line.ts";
import { expectDiscreet } from "../support/expect-discreet.ts";
import { type GitHubServer, type RecordedRequest, type RepositoryRef, startGitHub } from "../support/github-server.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const raindrops = { owner: "marit", name: "raindrops" };
const rivers = { owner: "marit", name: "rivers" };
const branch = "codedistiller/raindrops";
const permissions = { contents: "write", "pull-requests": "write" } as const;

describe.runIf(canIsolate)("the action, asked to distil", () => {
  let github: GitHubServer;
  const ended: EndedAction[] = [];
  /** By hand: a first time, once more, and after somebody has committed to the branch. */
  let first: Step;
  let again: Step;
  let third: Step;
  /** A release, then after its pull request was closed a push, and a run by hand. */
  let released: Step;
  let pushed: Step;
  let asked: Step;
  let releasedCommit: string;
  let proposed: Awaited<ReturnType<GitHubServer["readTree"]>>;

  interface Step {
    ended: EndedAction;
    /** Of its repository. */
    requests: RecordedRequest[];
    clones: number;
  }

  async function run(repository: RepositoryRef, options: Omit<ActionOptions, "github" | "repository">): Promise<Step> {
    const isIts = (path: string) => path.startsWith(`/repos/${repository.owner}/${repository.name}/`);
    const clones = () => github.gitRequests.filter((each) => each.includes(`/${repository.name}.git/`)).length;
    const before = { requests: github.requests.length, clones: clones() };
    const inputs = { sandbox: "local", ...options.inputs };
    const token = github.workflowToken({ repository, permissions });
    const step = await runAction({ github, repository, token, ...options, inputs });
    ended.push(step);
    expectDiscreet(step, github, [token]);
    const requests = github.requests.slice(before.requests).filter(({ path }) => isIts(path));
    return { ended: step, requests, clones: clones() - before.clones };
  }

  async function runByHand(): Promise<void> {
    const event = { name: "workflow_dispatch" };
    first = await run(raindrops, { event, runId: 4711 });
    again = await run(raindrops, { event });
    await github.pushCommit({ ...raindrops, branch, path: "examples/raindrops/NOTE", text: "Mine.\n", user: "marit" });
    third = await run(raindrops, { event });
  }

  async function runByEvents(): Promise<void> {
    releasedCommit = (await github.branchHead({ ...rivers, branch: "main" })) ?? "";
    await github.pushCommit({ ...rivers, branch: "main", path: "CHANGES.md", text: "Later.\n", user: "marit" });
    released = await run(rivers, {
      event: { name: "release", ref: "refs/tags/v1.0.0", sha: releasedCommit, payload: { action: "published" } },
    });
    proposed = await github.readTree(rivers.owner, rivers.name, "codedistiller/rivers");
    await github.closePullRequest({ ...rivers, pull: 1, user: "marit", merged: false });
    pushed = await run(rivers, { event: { name: "push" } });
    asked = await run(rivers, { event: { name: "workflow_dispatch" } });
  }

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [raindrops, rivers].map((each) => ({ ...each, files: tinyRepository })),
    });
    await Promise.all([runByHand(), runByEvents()]);
  }, 120_000);
  afterAll(async () => {
    for (const each of ended) each[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });

  it("opens a pull request with a verified example to the default branch, as the workflow's bot", async () => {
    expect(first.ended.status, first.ended.log).toBe(0);
    const [pull, ...others] = await github.pullRequests(raindrops);
    expect(others).toEqual([]);
    expect(pull).toMatchObject({
      title: "Add a verified example of raindrops",
      draft: false,
      user: { login: "github-actions[bot]" },
      head: { ref: branch },
      base: { ref: "main" },
    });
    expect(pull?.body).toContain(`[the run](${github.gitUrl}/marit/raindrops/actions/runs/4711)`);
    // Nobody answers there, and nobody reads ticks.
    expect(pull?.body).not.toContain("`/distill");
    expect(pull?.body).not.toContain("- [ ]");
    const tree = await github.readTree("marit", "raindrops", branch);
    const added = [...tree.keys()].filter((path) => path.startsWith("examples/raindrops/"));
    for (const name of ["main.py", "run.sh", "runscript.sh", "metadata.json", "results.json", "README.md", "REPORT.md"])
      expect(added).toContain(`examples/raindrops/${name}`);
    expect(tree.get("examples/raindrops/run.sh")?.mode).toBe("100755");
    expect(tree.get("raindrops.py")?.bytes.toString()).toBe(tinyRepository["raindrops.py"]);
    const { body } = await github.call({ path: "/repos/marit/raindrops/pulls/1/commits" });
    expect(body).toMatchObject([
      { commit: { message: expect.stringMatching(/^Add an example of raindrops\n/) } },
      // Somebody's, later.
      { author: { login: "marit" } },
    ]);
  });

  it("sets every output, of which `result` has all", () => {
    const { outputs, temporary } = first.ended;
    expect(Object.keys(outputs).sort()).toEqual([...outputNames].sort());
    const url = `${github.apiUrl}/marit/raindrops/pull/1`;
    expect(outputs).toMatchObject({
      verdict: "verified",
      "reason-code": "verified",
      "pull-request-url": url,
      "pull-request-number": "1",
      "cost-usd": "0.0000",
      iterations: "1",
    });
    const { "example-path": example = "", "report-path": report = "" } = outputs;
    expect(example.startsWith(temporary)).toBe(true);
    expect(existsSync(join(example, "run.sh"))).toBe(true);
    expect(readFileSync(report, "utf8")).toContain("<html");
    const result = ActionResult.parse(JSON.parse(outputs.result ?? ""));
    expect(result).toMatchObject({ command: "distill", verdict: "verified", costUsd: 0, iterations: 1 });
    expect(result.examples).toEqual([
      expect.objectContaining({
        repository: "marit/raindrops",
        slug: "raindrops",
        action: "distilled",
        advice: null,
        pullRequest: { number: 1, url },
        issue: null,
        examplePath: example,
        reportPath: report,
      }),
    ]);
    expect(result.examples[0]?.checks.map(({ name, result }) => `${name} ${result}`)).toEqual([
      "executed passed",
      "grounded passed",
      "reproduced passed",
      "reviewed not-made",
    ]);
  });

  it("tells of it in the summary, a group a stage, and one notice", () => {
    const { summary, groups, annotations, commands, log, postLog } = first.ended;
    expect(summary).toContain("## Verified: `examples/raindrops`");
    expect(summary).toContain(`Pull request: [1](${github.apiUrl}/marit/raindrops/pull/1)`);
    expect(summary).toContain("| Reproduced | passed |");
    expect(groups.map(({ name }) => name)).toEqual([
      "Clone the repository",
      "Survey its files",
      "Summarize it",
      "Classify its files",
      "Draft an example",
      "Run it in a sandbox, iteration 1",
      "Run it again in a clean room",
      "Write the report",
    ]);
    for (const { lines } of groups) expect(lines.at(-1)).toMatch(/^It took [\d.]+ (s|ms)/);
    expect(log.match(/##\[endgroup\]/g)).toHaveLength(groups.length);
    expect(annotations).toEqual([
      expect.objectContaining({ level: "notice", title: "marit/raindrops: verified (verified)" }),
    ]);
    expect(commands).toEqual([]);
    expect(postLog).toBe("Nothing was left open.");
  });

  it("asked again for what is proposed already, commits nothing and opens no other", async () => {
    expect(again.ended.status, again.ended.log).toBe(0);
    expect(writesOf(again)).toEqual(["POST git/blobs 201", "POST pulls 422"]);
    expect(again.ended.outputs).toMatchObject({ verdict: "verified", "pull-request-number": "1" });
    expect(again.ended.outputs.result).toContain("so nothing was committed");
  });

  it("leaves a pull request alone that somebody has committed to, and says so", async () => {
    expect(third.ended.status, third.ended.log).toBe(0);
    expect(writesOf(third)).toEqual(["POST git/blobs 201", "POST pulls 422"]);
    const [example] = ActionResult.parse(JSON.parse(third.ended.outputs.result ?? "")).examples;
    expect(example?.explanation).toMatch(
      /Pull request .*\/pull\/1 has commits of somebody else, so it was left alone\./,
    );
    expect(example?.advice).toBe("Merge or close that pull request, then run the workflow again.");
    expect(third.ended.summary).toContain("has commits of somebody else");
    expect(await github.pullRequests(raindrops)).toHaveLength(1);
    expect((await github.readTree("marit", "raindrops", branch)).get("examples/raindrops/NOTE")).toBeDefined();
  });

  it("distils what was released, though the branch has gone on, and proposes it to the branch", async () => {
    expect(released.ended.status, released.ended.log).toBe(0);
    const { examples } = ActionResult.parse(JSON.parse(released.ended.outputs.result ?? ""));
    expect(examples[0]).toMatchObject({ verdict: "verified", commit: releasedCommit, pullRequest: { number: 1 } });
    expect(proposed.has("CHANGES.md")).toBe(true);
    expect(proposed.get("examples/rivers/metadata.json")?.bytes.toString()).toContain(releasedCommit);
  });

  it("runs nothing where a maintainer closed the pull request and nobody asks by name", () => {
    expect(pushed.ended.status, pushed.ended.log).toBe(0);
    expect(pushed.ended.groups).toEqual([]);
    expect(pushed.ended.outputs).toMatchObject({ verdict: "skipped", "reason-code": "declined", "example-path": "" });
    expect(pushed.ended.summary).toContain("was closed without merging, so no other was opened");
    expect(pushed.ended.summary).toContain("Run the workflow by hand (`workflow_dispatch`), which opens another.");
  });

  it("opens another where somebody does", async () => {
    expect(asked.ended.status, asked.ended.log).toBe(0);
    expect(asked.ended.outputs).toMatchObject({ verdict: "verified", "pull-request-number": "2" });
    const pulls = await github.pullRequests(rivers);
    expect(pulls.map(({ number, state }) => `${number} ${state}`).sort()).toEqual(["1 closed", "2 open"]);
  });
});

/** What it asked of GitHub to change. */
function writesOf({ requests }: { requests: RecordedRequest[] }): string[] {
  return requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, path, status }) => `${method} ${path.split("/").slice(4).join("/")} ${status}`);
}
