import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBarePath } from "../support/fake-engine.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import {
  makeExample,
  placeExample,
  pushFiles,
  readBadges,
  readIssues,
  runStep,
  type Step,
  type StepOptions,
} from "../support/standing-example.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const at = (name: string) => ({ owner: "ada", name });
const names = [
  ...[
    "source",
    "kept",
    "repaired",
    "silent",
    "proposed",
    "feature",
    "inside",
    "reader",
    "vault",
    "odd",
    "none",
    "down",
  ],
];
const hidden = ["silent", "vault"];
const right = tinyRepository["raindrops.py"];
const wrong = right.replace("9.65", "9.6");

describe.concurrent("command: verify", { timeout: 120_000 }, () => {
  let github: GitHubServer;
  let example: Record<string, string>;

  const verify = (name: string, options: Partial<StepOptions> = {}): Promise<Step> =>
    runStep({ github, repository: at(name), ...options, inputs: { command: "verify", ...options.inputs } });
  const place = (to: string, slug = to) => placeExample(example, { from: "source", to, slug });
  const placeOf = (slug: string, address: string | null, source: string) => {
    const metadata = JSON.parse(example["metadata.json"] ?? "");
    const changed = { ...metadata, repository_url: address, distiller: { ...metadata.distiller, source } };
    return { ...place("source", slug), [`examples/${slug}/metadata.json`]: JSON.stringify(changed) };
  };
  const pushModule = (name: string, text: string) => pushFiles(github, at(name), { "raindrops.py": text });
  const messagesOf = async (name: string) => {
    const badges = Object.entries(await readBadges(github, at(name))).filter(([path]) => path.endsWith(".json"));
    return Object.fromEntries(badges.map(([path, text]) => [path.slice(0, -5), JSON.parse(text).message]));
  };

  /** As an earlier run has left it. */
  const post = async (name: string, path: string, body: object): Promise<void> => {
    const permissions = { issues: "write", "pull-requests": "write" } as const;
    const token = github.workflowToken({ repository: at(name), permissions });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const url = `${github.apiUrl}/repos/ada/${name}/${path}`;
    const { status } = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (status !== 201) throw new Error(`POST ${url}: ${status}`);
  };

  beforeAll(async () => {
    github = await startGitHub({
      repositories: names.map((name) => ({ ...at(name), files: tinyRepository, private: hidden.includes(name) })),
    });
    example = await makeExample(github, at("source"));
  });
  afterAll(async () => {
    expect(github?.violations).toEqual([]);
    await github?.[Symbol.asyncDispose]();
  });

  it("keeps one issue and a badge for each example, as they break and work again", async ({ expect }) => {
    await pushFiles(github, at("kept"), { ...place("kept"), ...place("source"), "raindrops.py": wrong });
    await post("kept", "issues", {
      title: "An example is broken",
      body: "It is.\n\n<!-- codedistiller:broken_kept -->",
    });
    const broken = await verify("kept");
    expect(broken).toMatchObject({ status: 0, result: { verdict: "failed", reasonCode: "results-differ" } });
    expect(broken.result.examples).toMatchObject([
      { slug: "kept", repository: "ada/kept", verdict: "failed", issue: { number: 1 }, badgeUrl: expect.any(String) },
      { slug: "source", repository: "ada/source", verdict: "verified", issue: null },
    ]);
    // One is open already.
    expect(await readIssues(github, at("kept"))).toMatchObject([
      {
        number: 1,
        state: "open",
        body: expect.stringMatching(/^`examples\/kept` is broken: it comes to other values/),
      },
    ]);
    expect(await messagesOf("kept")).toEqual({
      kept: expect.stringMatching(/^broken at /),
      source: expect.stringMatching(/^verified /),
    });

    const gone = Object.fromEntries(Object.keys(place("source")).map((path) => [path, null]));
    await pushFiles(github, at("kept"), { ...gone, "raindrops.py": right });
    const works = await verify("kept", { inputs: { "fail-on": "not-verified" } });
    expect(works).toMatchObject({ status: 0, result: { verdict: "verified" } });
    expect(await readIssues(github, at("kept"))).toMatchObject([
      { number: 1, state: "closed", state_reason: "completed" },
    ]);
    expect(await github.comments({ ...at("kept"), issue: 1 })).toMatchObject([
      { login: "github-actions[bot]", body: expect.stringContaining("works again") },
    ]);
    expect(await messagesOf("kept")).toEqual({ kept: expect.stringMatching(/^verified /) });

    await pushModule("kept", wrong);
    await verify("kept");
    expect(await readIssues(github, at("kept"))).toMatchObject([{ number: 1, state: "open" }]);

    const closing = { state: "closed", state_reason: "not_planned" };
    await github.call({ method: "PATCH", path: "/repos/ada/kept/issues/1", body: closing, as: "ada" });
    const dismissed = await verify("kept");
    expect(dismissed.result.verdict).toBe("failed");
    expect(await readIssues(github, at("kept"))).toMatchObject([{ number: 1, ...closing }]);
  });

  it("repairs a broken one where a model is named, and tells of it in an issue once that is declined", async ({
    expect,
  }) => {
    const inputs = { model: "builtin/extract" };
    await pushFiles(github, at("repaired"), { ...place("repaired"), "raindrops.py": wrong });
    const repaired = await verify("repaired", { inputs });
    expect(repaired.result.examples).toMatchObject([
      { action: "distilled", verdict: "verified", pullRequest: { number: 1 }, issue: null },
    ]);
    const [before, after] = await Promise.all(
      ["main", "codedistiller/repaired"].map(async (ref) =>
        (await github.readTree("ada", "repaired", ref)).get("examples/repaired/results.json")?.bytes.toString(),
      ),
    );
    expect(after).not.toBe(before);
    expect(await readIssues(github, at("repaired"))).toEqual([]);
    // What is published is broken as long as nobody merges.
    expect(await messagesOf("repaired")).toEqual({ repaired: expect.stringMatching(/^broken /) });

    const waits = await verify("repaired", { inputs });
    expect(waits.log).not.toContain("Draft an example");
    expect(waits.result.examples).toMatchObject([
      {
        action: "verified",
        verdict: "failed",
        explanation: expect.stringContaining("Pull request #1 repairs it, and waits to be merged."),
        pullRequest: { number: 1 },
        issue: null,
      },
    ]);

    await github.closePullRequest({ ...at("repaired"), pull: 1, user: "ada", merged: false });
    const told = await verify("repaired", { inputs });
    expect(told.log).not.toContain("Draft an example");
    expect(told.result.examples).toMatchObject([
      { action: "verified", verdict: "failed", pullRequest: null, issue: { number: 2 } },
    ]);
    const [issue, ...others] = await readIssues(github, at("repaired"));
    expect(others).toEqual([]);
    expect(issue).toMatchObject({ number: 2, title: "examples/repaired is broken: it comes to other values" });
    const differing =
      '| <code>example1.printed.0</code> | <code>"3.9972401476587676"</code> | <code>"3.947240147658767"</code> |';
    expect(issue?.body).toContain(`| value | when it was made | now |\n| --- | --- | --- |\n${differing}\n`);
    expect(issue?.body).toMatch(/It could not be repaired: Pull request .*1 was closed without merging/);
  });

  it("stands by its verdict where it may neither see pull requests nor write issues, and says why", async ({
    expect,
  }) => {
    await pushFiles(github, at("silent"), { ...place("silent"), "raindrops.py": wrong });
    const step = await verify("silent", {
      permissions: { contents: "write", issues: "read" },
      inputs: { model: "builtin/extract", "fail-on": "not-verified" },
    });
    expect(step).toMatchObject({ status: 1, result: { verdict: "failed", reasonCode: "results-differ" } });
    expect(step.log).not.toContain("Draft an example");
    expect(step.result.explanation).toMatch(/No issue tells of it: .*grant write access to issues/);
    expect(await readIssues(github, at("silent"))).toEqual([]);
    expect(await messagesOf("silent")).toEqual({ silent: expect.stringMatching(/^broken /) });
  });

  it.for([
    { of: "a pull request", name: "proposed", branch: "main", event: { name: "pull_request" } },
    {
      of: "a branch that is not the default one",
      name: "feature",
      branch: "feature",
      event: { name: "workflow_dispatch", ref: "refs/heads/feature" },
    },
  ])("speaks for the default branch only: nothing is written for $of", async ({ name, branch, event }, { expect }) => {
    const files = { ...place(name), ...place("source"), "raindrops.py": wrong };
    await pushFiles(github, { ...at(name), branch, from: "main" }, files);
    const told = { title: "An example is broken", body: "It is.\n\n<!-- codedistiller:broken_source -->" };
    await post(name, "issues", told);
    const step = await verify(name, { event, inputs: { model: "builtin/extract" } });
    const nothing = { issue: null, pullRequest: null, badgeUrl: null };
    expect(step.result.examples).toMatchObject([
      { slug: name, action: "verified", verdict: "failed", ...nothing },
      { slug: "source", action: "verified", verdict: "verified", ...nothing },
    ]);
    expect(step.writes).toEqual([]);
    expect(await readIssues(github, at(name))).toMatchObject([{ ...told, state: "open" }]);
  });

  it("fetches from no strange host for a pull request, which can name any", async ({ expect }) => {
    let connections = 0;
    await using server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `https://localhost:${(server.address() as AddressInfo).port}/ada/inside.git`;
    await pushFiles(github, at("inside"), placeOf("inside", address, address));
    const step = await verify("inside", { event: { name: "pull_request" } });
    expect(step.result.examples).toMatchObject([{ slug: "inside", verdict: "error", reasonCode: "host-refused" }]);
    expect(connections).toBe(0);
  });

  it("brings nothing of another private repository here, though the token may read it", async ({ expect }) => {
    await pushModule("vault", wrong);
    await pushFiles(github, at("reader"), place("vault"));
    const token = github.userToken("ada");
    const step = await verify("reader", { token, inputs: { model: "builtin/extract" } });
    expect(step.result.examples).toMatchObject([{ slug: "vault", verdict: "error", reasonCode: "source-is-private" }]);
    expect(github.gitRequests.filter((each) => each.includes("/ada/vault.git/"))).toEqual([]);
    expect(await readIssues(github, at("reader"))).toEqual([]);
    expect(await github.pullRequests(at("reader"))).toEqual([]);
    for (const text of [step.log, step.summary, JSON.stringify(step.result)])
      expect(text).not.toContain("terminal_speed");
  });

  it("names what cannot be run, follows no link, and takes away badges of what is gone", async ({ expect }) => {
    const metadata = example["metadata.json"] ?? "";
    await pushFiles(github, at("odd"), {
      ...place("odd"),
      ...place("odd", "a copy"),
      ...placeOf("elsewhere", "https://localhost:9/ada/odd.git", "https://localhost:9/ada/odd.git"),
      ...placeOf("machine", null, "ada/source"),
      ...place("odd", "damaged"),
      "examples/damaged/metadata.json": metadata.slice(0, -20),
      "examples/foreign/metadata.json": "{}",
      "examples/linked": { mode: "120000", text: "odd" },
    });
    const badge = { "gone.svg": "<svg/>\n", "gone.json": "{}\n", "waiting.svg": "<svg/>\n" };
    await pushFiles(github, { ...at("odd"), branch: "codedistiller-badges" }, badge);
    await pushFiles(github, { ...at("odd"), branch: "codedistiller/waiting", from: "main" }, place("odd", "waiting"));
    await post("odd", "pulls", {
      title: "An example",
      head: "codedistiller/waiting",
      base: "main",
      body: "<!-- codedistiller:example_waiting -->",
    });

    const step = await verify("odd");
    const told = step.result.examples.map(({ slug, reasonCode, explanation }) => [slug, reasonCode, explanation]);
    expect(told).toEqual([
      ["a copy", "verified", expect.any(String)],
      ["elsewhere", expect.stringMatching(/^repository-/), expect.any(String)],
      ["machine", "source-elsewhere", expect.stringContaining("another machine")],
      ["odd", "verified", expect.any(String)],
      ["damaged", "example-damaged", "examples/damaged/metadata.json is not valid JSON."],
    ]);
    expect(step).toMatchObject({ status: 1, result: { verdict: "error" } });
    expect(await readIssues(github, at("odd"))).toEqual([]);
    expect(step.log).toContain("examples/a copy has no badge");
    expect(Object.keys(await readBadges(github, at("odd"))).sort()).toEqual(["odd.json", "odd.svg", "waiting.svg"]);
  });

  it("passes and says so where there is no example", async ({ expect }) => {
    const step = await verify("none");
    expect(step).toMatchObject({ status: 0, result: { verdict: "skipped", reasonCode: "no-examples", examples: [] } });
    expect(step.summary).toContain("There is no example of ours under examples/.");
    expect(step.writes.filter(({ path }) => path !== "/graphql")).toEqual([]);
  });

  it("says nothing of an example where the sandbox is at fault", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "codedistiller-path-"));
    try {
      await pushFiles(github, at("down"), place("down"));
      const environment = { PATH: makeBarePath(folder) };
      const step = await verify("down", { environment, inputs: { sandbox: "container" } });
      expect(step).toMatchObject({ status: 1, result: { verdict: "error" } });
      expect(step.result.reasonCode).toMatch(/^sandbox-/);
      expect(step.writes).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
