import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActionResult } from "../../src/action/action-result.ts";
import { type ActionOptions, type EndedAction, runAction } from "../support/action-runner.ts";
import { canIsolate, hostPath } from "../support/command-line.ts";
import { expectDiscreet } from "../support/expect-discreet.ts";
import { type GitHubServer, startGitHub, type WorkflowPermissions } from "../support/github-server.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const names = ["reader", "closed", "quiet", "keyless", "forked", "guarded", "limited"] as const;
type Name = (typeof names)[number];

const both: WorkflowPermissions = { contents: "write", "pull-requests": "write" };
const byHand = { name: "workflow_dispatch" };

describe.runIf(canIsolate)("the action, where something is in the way", () => {
  let github: GitHubServer;
  const ended = new Map<string, EndedAction>();

  interface Asked extends Partial<Omit<ActionOptions, "github" | "repository" | "token">> {
    permissions?: WorkflowPermissions;
  }

  async function run(name: Name, label: string, { permissions = both, ...options }: Asked): Promise<void> {
    const repository = { owner: "marit", name };
    const token = github.workflowToken({ repository, permissions });
    const inputs = { sandbox: "local", ...options.inputs };
    const one = await runAction({ event: byHand, ...options, github, repository, token, inputs });
    ended.set(label, one);
    expectDiscreet(one, github, [token]);
  }

  beforeAll(async () => {
    github = await startGitHub({
      repositories: names.map((name) => ({
        owner: "marit",
        name,
        files:
          name === "quiet"
            ? { ...tinyRepository, ".github/codedistiller.yml": "enabled: false\n" }
            : { ...tinyRepository },
      })),
      users: [{ login: "eve" }],
    });
    github.forbidActionsPullRequests({ owner: "marit", name: "closed" });
    github.protectBranch({ owner: "marit", branch: "codedistiller/guarded", name: "guarded" });
    // Longer than the action waits: the same for it as a GitHub that is down, which it asks again for some seconds.
    const headers = { "retry-after": "3600" };
    const body = { message: "You have exceeded a secondary rate limit." };
    github.fail({ method: "POST", path: /^\/repos\/marit\/limited\/git\/trees/, status: 403, headers, body });
    await Promise.all([publishing(), refusals(), pullRequests()]);
  }, 120_000);
  afterAll(async () => {
    for (const each of ended.values()) each[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });

  async function refusals(): Promise<void> {
    await run("reader", "contents: read", { permissions: { contents: "read", "pull-requests": "write" } });
    await run("closed", "switched off", { inputs: { "fail-on": "never" } });
    await run("quiet", "enabled: false", {});
    await run("keyless", "no key", { inputs: { model: "claude-sonnet-4-6" }, environment: { ANTHROPIC_API_KEY: "" } });
    await run("keyless", "inputs", { inputs: { sandbox: "docker", "max-cost-usd": "five", base: "a..b" } });
    await run("keyless", "base", { inputs: { base: "nowhere" } });
  }

  async function pullRequests(): Promise<void> {
    const at = { owner: "marit", name: "forked" };
    const sha = await github.branchHead({ ...at, branch: "main" });
    const body = { ref: "refs/heads/proposed", sha };
    await github.call({ method: "POST", path: "/repos/marit/forked/git/refs", body, as: "marit" });
    const text = tinyRepository["README.md"].replace("(1.0)", "(2.0)");
    const { commit } = await github.pushCommit({ ...at, branch: "proposed", path: "README.md", text, user: "marit" });
    const payload = {
      action: "opened",
      number: 7,
      pull_request: { number: 7, head: { sha: commit, repo: { fork: true, full_name: "eve/forked" } } },
    };
    const event = { payload, actor: "eve", ref: "refs/pull/7/merge" };
    const reading: WorkflowPermissions = { contents: "read", "pull-requests": "read", issues: "read" };
    await run("forked", "fork", { event: { ...event, name: "pull_request", sha: commit }, permissions: reading });
  }

  async function publishing(): Promise<void> {
    await Promise.all([run("guarded", "protected", {}), run("limited", "GitHub refuses for an hour", {})]);
  }

  function get(label: string): EndedAction {
    const found = ended.get(label);
    if (!found) throw new Error(`Nobody ran ${label}.`);
    return found;
  }
  const clonesOf = (name: Name) => github.gitRequests.filter((each) => each.includes(`/marit/${name}.git/`));
  const writesTo = (name: Name) =>
    github.requests.filter(({ method, path }) => method !== "GET" && path.startsWith(`/repos/marit/${name}/`));

  it.each<[string, Name, number, string, string]>([
    ["contents: read", "reader", 1, "no-permission", "grant write access to contents and pull requests"],
    [
      "switched off",
      "closed",
      0,
      "no-permission",
      'switch on "Allow GitHub Actions to create and approve pull requests"',
    ],
    ["base", "keyless", 1, "base-not-found", 'There is no branch "nowhere"'],
    ["no key", "keyless", 1, "model-key-missing", "ANTHROPIC_API_KEY"],
  ])("says so before anything is fetched or run: %s", async (label, name, status, reasonCode, words) => {
    const { outputs, summary, annotations, groups, log, ...one } = get(label);
    expect(one.status, log).toBe(status);
    expect(outputs).toMatchObject({
      verdict: "error",
      "reason-code": reasonCode,
      "example-path": "",
      "cost-usd": "0.0000",
    });
    ActionResult.parse(JSON.parse(outputs.result ?? ""));
    expect(summary).toContain("## Stopped by an error");
    expect(summary).toContain("**What to do next:**");
    expect(annotations.map(({ level }) => level)).toEqual([status === 1 ? "error" : "warning"]);
    expect(annotations[0]?.message).toContain(words);
    expect(log).not.toMatch(/^\s*at |Error:/m);
    expect(groups).toEqual([]);
    expect(clonesOf(name)).toEqual([]);
    expect(await github.pullRequests({ owner: "marit", name })).toEqual([]);
  });

  it("says where to put a key that is missing", () => {
    const { summary, annotations } = get("no key");
    for (const text of [summary, annotations[0]?.message]) expect(text).toMatch(/secret through `?env/);
  });

  it("names every input that cannot be used, in one go", () => {
    const { annotations, status } = get("inputs");
    expect(status).toBe(1);
    expect(annotations[0]?.message).toMatch(
      /Input sandbox: has to be one of auto, .* Input max-cost-usd: has to be a number\. Input base: cannot be the name/,
    );
  });

  it("does nothing where the repository has switched runs off, and that is no fault", () => {
    const { status, outputs, log } = get("enabled: false");
    expect(status, log).toBe(0);
    expect(outputs).toMatchObject({ verdict: "skipped", "reason-code": "repository-disabled" });
    expect(clonesOf("quiet")).toEqual([]);
    expect(writesTo("quiet")).toEqual([]);
  });

  it("runs what a stranger proposes, and writes nothing", async () => {
    const { status, outputs, summary, log } = get("fork");
    expect(status, log).toBe(0);
    const [example] = ActionResult.parse(JSON.parse(outputs.result ?? "")).examples;
    expect(example).toMatchObject({
      verdict: "verified",
      commit: await github.branchHead({ owner: "marit", name: "forked", branch: "proposed" }),
      pullRequest: null,
    });
    expect(example?.examplePath).not.toBeNull();
    expect(summary).toContain("No pull request was opened: the workflow runs for one itself.");
    expect(writesTo("forked")).toEqual([]);
  });

  it.each([
    ["protected", "guarded", "protected", /rules refuse the branch .* let CodeDistiller push branches/],
    [
      "GitHub refuses for an hour",
      "limited",
      "github-rate-limited",
      /No pull request was opened: .*try again in 60 minutes/,
    ],
  ] as const)(
    "keeps the example where the pull request cannot be brought: %s",
    async (label, name, reasonCode, words) => {
      const { status, outputs, annotations, log } = get(label);
      expect(status, log).toBe(1);
      expect(outputs).toMatchObject({ verdict: "error", "reason-code": reasonCode, "pull-request-url": "" });
      expect(outputs["example-path"]).toMatch(/\/example$/);
      expect(outputs["report-path"]).toMatch(/\/report\.html$/);
      expect(annotations).toEqual([expect.objectContaining({ level: "error", message: expect.stringMatching(words) })]);
      expect(await github.pullRequests({ owner: "marit", name })).toEqual([]);
    },
  );
});

describe("the action's process", () => {
  const entry = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
  const run = (environment: Record<string, string>) =>
    spawnSync(process.execPath, [entry], { env: { PATH: hostPath, ...environment }, encoding: "utf8" });

  it("says on a machine of one's own that it runs in a workflow, and what to take instead", () => {
    const { status, stdout, stderr } = run({ "INPUT_GITHUB-TOKEN": "ghs_0123456789abcdef" });
    expect(status).toBe(1);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/::error title=CodeDistiller%3A not-in-a-workflow::.*codedistiller distill <repository>/);
  });

  it("does without a job summary where the server keeps none", () => {
    const { status, stdout } = run({ "INPUT_GITHUB-TOKEN": "ghs_0123456789abcdef", "INPUT_FAIL-ON": "never" });
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(/::warning::No job summary was written: /);
    expect(stdout).toContain("::set-output name=verdict::error");
  });
});
