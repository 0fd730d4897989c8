import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActionResult } from "../../src/action/action-result.ts";
import { authorizationOf } from "../../src/github/authorization.ts";
import { type EndedAction, runAction } from "../support/action-runner.ts";
import { canIsolate } from "../support/command-line.ts";
import { expectDiscreet } from "../support/expect-discreet.ts";
import { startGitHttpServer } from "../support/git-http-server.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const own = { owner: "marit", name: "raindrops" };
const vault = { owner: "marit", name: "vault" };

describe.runIf(canIsolate)("the action, asked for several repositories", () => {
  let github: GitHubServer;
  let three: EndedAction;
  let tokenOfThree: string;
  let hidden: EndedAction;
  let elsewhere: EndedAction;
  /** What the other host was shown, null where that was nothing. */
  const shown: Array<string | null> = [];
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "codedistiller-elsewhere-"));
    github = await startGitHub({
      repositories: [
        { ...own, files: tinyRepository },
        { ...vault, private: true, files: tinyRepository },
        { owner: "ada", name: "showers", files: tinyRepository },
        { owner: "ada", name: "diary", private: true, files: tinyRepository },
      ],
    });
    await Promise.all([distilThree(), distilHidden().then(distilElsewhere)]);
  }, 120_000);
  afterAll(async () => {
    for (const each of [three, hidden, elsewhere]) each?.[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function distilThree(): Promise<void> {
    const token = github.workflowToken({
      repository: own,
      permissions: { contents: "write", "pull-requests": "write" },
    });
    three = await runAction({
      github,
      repository: own,
      token,
      event: { name: "workflow_dispatch" },
      inputs: {
        sandbox: "local",
        repository: `marit/raindrops\n${github.gitUrl}/ada/showers.git\n\nada/nothing\nada/showers\nada/nothing\n`,
      },
    });
    tokenOfThree = token;
    expectDiscreet(three, github, [token]);
  }

  /** With no more than the page on permissions says that it takes, and for an event that is nobody's wish. */
  async function distilHidden(): Promise<void> {
    const token = github.workflowToken({ repository: vault, permissions: { contents: "read" } });
    hidden = await runAction({
      github,
      repository: vault,
      token,
      event: { name: "push" },
      inputs: { sandbox: "local", "open-pull-request": "false", config: "ci/distill.json" },
      environment: { CODEDISTILLER_MAX_DEBUG_ITERATIONS: "2" },
      workspace: { "ci/distill.json": '{"max_runtime_mins": 3}' },
    });
    expectDiscreet(hidden, github, [token, Buffer.from(`x-access-token:${token}`).toString("base64")]);
  }

  /** A person's token may read more; one that it may not, and one that another host has. */
  async function distilElsewhere(): Promise<void> {
    const work = join(folder, "showers");
    mkdirSync(work);
    for (const [path, text] of Object.entries(tinyRepository)) writeFileSync(join(work, path), text);
    const git = (...argv: string[]) =>
      execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...argv], {
        cwd: work,
        stdio: "pipe",
      });
    git("init", "-q", "-b", "main");
    git("add", ".");
    git("commit", "-q", "-m", "Begin");
    git("clone", "-q", "--bare", ".", join(folder, "ada", "showers.git"));
    await using host = await startGitHttpServer({
      root: folder,
      intercept: ({ headers }) => {
        shown.push(headers.authorization ?? null);
        return false;
      },
    });
    const certificates = join(folder, "certificates.pem");
    writeFileSync(certificates, [github, host].map((each) => readFileSync(each.certificateFile, "utf8")).join("\n"));
    const token = github.userToken("marit");
    elsewhere = await runAction({
      github,
      repository: own,
      event: { name: "workflow_dispatch" },
      inputs: {
        sandbox: "local",
        "github-token": token,
        "open-pull-request": "false",
        repository: `marit/vault\nada/diary\n${host.url}/ada/showers.git`,
      },
      environment: { GIT_SSL_CAINFO: certificates },
    });
    expectDiscreet(elsewhere, github, [token]);
  }

  const resultOf = ({ outputs }: EndedAction) => ActionResult.parse(JSON.parse(outputs.result ?? ""));

  it("brings each to the workflow's own repository, once under whatever address, and one that is not there keeps no other from it", async () => {
    expect(three.status, three.log).toBe(1);
    const { verdict, reasonCode, examples, ...sums } = resultOf(three);
    expect([verdict, reasonCode]).toEqual(["error", "repository-not-found"]);
    expect(examples.map(({ repository, slug, verdict: each }) => [repository, slug, each])).toEqual([
      ["marit/raindrops", "raindrops", "verified"],
      ["ada/showers", "ada-showers", "verified"],
      ["ada/nothing", "", "error"],
    ]);
    expect(sums).toMatchObject({ costUsd: 0, iterations: 2 });
    expect(three.log.match(/ada\/showers has the folder of a line before it/g)).toHaveLength(1);
    const pulls = await github.pullRequests(own);
    expect(pulls.map(({ head }) => (head as { ref: string }).ref).sort()).toEqual([
      "codedistiller/ada-showers",
      "codedistiller/raindrops",
    ]);
    expect(await github.pullRequests({ owner: "ada", name: "showers" })).toEqual([]);
    const tree = await github.readTree("marit", "raindrops", "codedistiller/ada-showers");
    expect(tree.has("examples/ada-showers/run.sh")).toBe(true);
    expect(tree.get("examples/ada-showers/metadata.json")?.bytes.toString()).toContain(`${github.gitUrl}/ada/showers`);
  });

  it("has the first pull request and folder as outputs, all of them in the summary, and an annotation for each", () => {
    const { outputs, summary, annotations } = three;
    const [first] = resultOf(three).examples;
    expect(outputs).toMatchObject({
      verdict: "error",
      "pull-request-url": first?.pullRequest?.url,
      "example-path": first?.examplePath,
    });
    expect(summary).toContain("2 verified, 1 stopped by an error");
    for (const name of ["marit/raindrops", "ada/showers", "ada/nothing"]) expect(summary).toContain(name);
    expect(annotations.map(({ level, title }) => `${level} ${title}`)).toEqual([
      "notice marit/raindrops: verified (verified)",
      "notice ada/showers: verified (verified)",
      "error ada/nothing: error (repository-not-found)",
    ]);
  });

  it("clones a private repository of its own with the token, and writes nothing where no pull request is wanted", () => {
    expect(hidden.status, hidden.log).toBe(0);
    expect(hidden.outputs).toMatchObject({ verdict: "verified", "pull-request-url": "" });
    const example = hidden.outputs["example-path"] ?? "";
    expect(readFileSync(join(example, "run.sh"), "utf8")).toContain("runscript.sh");
    const writes = github.requests.filter(({ method, path }) => method !== "GET" && path.includes("/vault/"));
    expect(writes).toEqual([]);
    // By the file in the workspace, and by a variable.
    const state = readFileSync(join(example, "..", "current_state.json"), "utf8");
    expect(JSON.parse(state).distiller.config).toMatchObject({ max_runtime_mins: 3, max_debug_iterations: 2 });
  });

  it("shows the token where its own repository is fetched, since a server may ask everybody for one, and at no other public one", () => {
    const shownFor = (path: string) =>
      new Set(github.gitAuthorizations.filter((_, index) => github.gitRequests[index]?.includes(`/${path}.git/`)));
    expect(shownFor("marit/raindrops")).toEqual(new Set([authorizationOf(tokenOfThree)]));
    expect(shownFor("ada/showers")).toEqual(new Set([null]));
  });

  it("reads what the token may read, and shows it to nobody but GitHub", () => {
    expect(elsewhere.status, elsewhere.log).toBe(1);
    expect(resultOf(elsewhere).examples.map(({ verdict, reasonCode }) => `${verdict} ${reasonCode}`)).toEqual([
      "verified verified",
      "error repository-not-found",
      "verified verified",
    ]);
    expect(shown.length).toBeGreaterThan(1);
    expect(shown.filter(Boolean)).toEqual([]);
    expect(github.gitRequests.filter((each) => each.includes("/ada/diary.git"))).toEqual([]);
  });
});
