import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { outputNames } from "../../src/action/compose-outputs.ts";
import { type AnsweredComment, type CommentOptions, commentAndAnswer, writesTo } from "../support/comment-workflow.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { tinyRepository } from "../support/tiny-repository.ts";

const at = (name: string) => ({ owner: "ada", name });
const other = { owner: "lab", name: "other" };
const withConfig = (text: string) => ({ ...tinyRepository, ".github/codedistiller.yml": text });
/** A repository a test: they run side by side, since most of its time a run waits for GitHub's bounds on writing. */
const files = {
  ...{ whole: tinyRepository, named: tinyRepository, plans: tinyRepository },
  ...{ doors: tinyRepository, talk: tinyRepository, models: tinyRepository, mute: tinyRepository },
  broken: withConfig("max_cost_usd: [1\n"),
  denied: withConfig("deny_users: [WIM]\n"),
  off: withConfig("enabled: false\n"),
};
let github: GitHubServer;

beforeAll(async () => {
  const issues = [{ title: "An example, please" }, { title: "Another question" }, { title: "A third" }];
  const collaborators = { wim: "write", rea: "read" } as const;
  github = await startGitHub({
    users: [{ login: "helper[bot]", type: "Bot" }],
    repositories: [
      ...Object.entries(files).map(([name, each]) => ({ ...at(name), files: each, collaborators, issues })),
      { ...other, files: tinyRepository },
      { ...other, name: "secret", private: true, files: tinyRepository },
    ],
  });
});
afterAll(async () => {
  const { violations } = github;
  await github[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

const ask = (options: Omit<CommentOptions, "user"> & { user?: string }) =>
  commentAndAnswer(github, { user: "wim", ...options });

/** Whatever was said, the runner was told nothing but what the action tells it. */
function expectNoCommand({ commands, exported, outputs, masks, state, annotations }: AnsweredComment): void {
  expect({ commands, exported, masks: masks.length }).toEqual({ commands: [], exported: {}, masks: 4 });
  expect(Object.keys(outputs).sort()).toEqual([...outputNames].sort());
  expect(Object.keys(state).every((name) => ["begun", "open-comment"].includes(name))).toBe(true);
  expect(annotations).toHaveLength(1);
}

const stateOf = ({ outputs }: AnsweredComment) =>
  JSON.parse(readFileSync(join(outputs["report-path"] ?? "", "..", "current_state.json"), "utf8")).distiller;

/** Somebody's, from a branch with another program. */
async function openPullRequest(repository: { owner: string; name: string }) {
  const path = `/repos/${repository.owner}/${repository.name}`;
  const call = async (rest: string, body: unknown) =>
    (await github.call({ method: "POST", path: `${path}${rest}`, body, as: "wim" })).body as { number: number };
  await call("/git/refs", { ref: "refs/heads/patch", sha: await github.branchHead({ ...repository, branch: "main" }) });
  const text = 'def terminal_speed(diameter_mm):\n    """A patch."""\n    return 5\n';
  const change = { branch: "patch", path: "raindrops.py", text, user: "wim" };
  const { commit } = await github.pushCommit({ ...repository, ...change });
  const { number } = await call("/pulls", { title: "A patch", head: "patch", base: "main" });
  return { commit, number };
}

describe.concurrent("a workflow that answers comments", { timeout: 120_000 }, () => {
  it("distils the default branch where somebody's pull request is talked about, in one comment, and revises its example", async () => {
    const repository = at("whole");
    const main = await github.branchHead({ ...repository, branch: "main" });
    const patch = await openPullRequest(repository);
    // Edits of the comment are refused for a while: the run goes on, and has its last word.
    github.fail({ method: "PATCH", path: /^\/repos\/ada\/whole\/issues\/comments\//, status: 403, times: 2 });
    const body = '/distill --focus "terminal speed" --max-cost 100';
    using ended = await ask({ ...repository, issue: patch.number, body, runId: 77 });
    expect(ended).toMatchObject({ status: 0, postStatus: 0, reactions: ["eyes"], postLog: "Nothing was left open." });
    const pull = { number: patch.number + 1, branch: "codedistiller/whole-terminal-speed" };
    expect(ended.outputs).toMatchObject({ verdict: "verified", "pull-request-number": String(pull.number) });
    expect(ended.log).toContain("The comment could not be kept up to date");
    expect(ended.log).toContain("max_cost_usd is 1 rather than 100: more is not allowed here.");
    expect(stateOf(ended)).toMatchObject({ config: { max_cost_usd: 1 }, repository: { commit: main } });
    expect(ended.answers).toHaveLength(1);
    expect(ended.answers[0]).toMatch(/^\*\*Verified\.\*\* [\s\S]*\[Pull request 5\][\s\S]*`\/distill revise/);
    expect(ended.answers[0]).toContain(`${github.gitUrl}/ada/whole/actions/runs/77`);
    expect(ended.summary).toContain("## Verified: `examples/whole-terminal-speed`");
    const own = github.requests.filter(({ path }) => path.startsWith("/repos/ada/whole/"));
    expect(own.filter(({ path }) => path.includes("patch") || path.includes(patch.commit))).toEqual([]);
    const before = await github.readTree("ada", "whole", pull.branch);
    expect(before.get(`examples/whole-terminal-speed/results.json`)?.bytes.toString()).toContain("3.99");

    const [revised, foreign] = await Promise.all([
      ask({ ...repository, issue: pull.number, body: "/distill revise show fall_time instead\n\nplease" }),
      ask({ ...repository, issue: patch.number, body: "/distill revise it" }),
    ]);
    using stack = new DisposableStack();
    for (const each of [revised, foreign]) expect(stack.use(each)).toMatchObject({ status: 0, reactions: ["eyes"] });
    expect(foreign.answers[1]).toMatch(/^I can revise only what I made/);
    expect(revised.outputs["pull-request-number"]).toBe(String(pull.number));
    const pulls = await github.pullRequests(repository);
    expect(pulls.map(({ number }) => number).sort()).toEqual([patch.number, pull.number]);
    const text = pulls.find(({ number }) => number === pull.number)?.body;
    expect(text).toContain("It was asked to show: show fall\\_time instead please");
    const after = await github.readTree("ada", "whole", pull.branch);
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect(after.get("examples/whole-terminal-speed/README.md")).not.toEqual(
      before.get("examples/whole-terminal-speed/README.md"),
    );
  });

  it("brings an example of another public repository here, and none of a private one; what was typed is no command of the runner", async () => {
    const repository = at("named");
    const focus =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what a workflow would fill in.
      "::set-output name=verdict::pwned ##[add-mask]e $(touch pwned) `id` ${{ github.token }} %0A::add-mask::e";
    const [ended, refused] = await Promise.all([
      ask({ ...repository, body: `/distill lab/other --focus '${focus}'` }),
      ask({ ...repository, issue: 2, body: "/distill lab/secret" }),
    ]);
    using stack = new DisposableStack();
    stack.use(ended);
    stack.use(refused);
    expect(refused.answers).toEqual([expect.stringMatching(/^There is no public repository lab\/secret\./)]);
    expect(ended.status).toBe(0);
    expectNoCommand(ended);
    expect(ended.outputs.verdict).toBe("verified");
    expect(readdirSync(ended.workspace)).toEqual([]);
    const [pull] = await github.pullRequests(repository);
    const slug = /^codedistiller\/([a-z0-9-]+)$/.exec(String((pull?.head as { ref?: string })?.ref))?.[1];
    expect(slug).toMatch(/^lab-other-/);
    const tree = await github.readTree("ada", "named", `codedistiller/${slug}`);
    expect(tree.get(`examples/${slug}/metadata.json`)?.bytes.toString()).toContain("/lab/other");
    expect(await github.pullRequests(other)).toEqual([]);
  });

  it("plans without running anything, in the comment that it had before where its workflow run is started again", async () => {
    const repository = at("plans");
    const sha = (await github.branchHead({ ...repository, branch: "main" })) ?? "";
    const mend = () => github.pushCommit({ ...repository, branch: "main", path: "NEWS", text: "Mended.", user: "ada" });
    for (const [attempt, readCommit] of [async () => sha, async () => (await mend()).commit].entries()) {
      const commit = await readCommit();
      // Started again it has its first commit still; what was mended since then is what is asked about.
      using ended = await ask({ ...repository, body: "/distill --dry-run", runId: 88, sha });
      expect(ended.status, `attempt ${attempt}`).toBe(0);
      expect(ended.outputs).toMatchObject({ verdict: "skipped", "reason-code": "dry-run", "example-path": "" });
      expect(ended.answers).toEqual([expect.stringMatching(/^\*\*Plan\.\*\* [\s\S]*raindrops/)]);
      expect(ended.answers[0]).toContain(commit.slice(0, 12));
    }
    expect(writesTo(github, repository).filter((each) => each.startsWith("POST /git/refs"))).toEqual([]);
    expect(await github.pullRequests(repository)).toEqual([]);
  });

  it("refuses a reader in one sentence, once; bots, quotations and edited comments have no answer", async () => {
    const repository = at("doors");
    const sentence = "Only people with write permission to ada/doors may ask for this.";
    const [bot, quoted, edited] = await Promise.all([
      ask({ ...repository, issue: 2, user: "helper[bot]", body: "/distill" }),
      ask({ ...repository, issue: 3, user: "ada", body: "> like this:\n/distill\n" }),
      ask({ ...repository, issue: 3, user: "ada", body: "/distill", payload: { action: "edited" } }),
    ]);
    using stack = new DisposableStack();
    expect(stack.use(bot)).toMatchObject({ status: 0, reactions: ["-1"], answers: [] });
    for (const ended of [quoted, edited]) {
      expect(stack.use(ended)).toMatchObject({ status: 0, reactions: [], answers: [] });
      expect(ended.outputs["reason-code"]).toBe("no-command");
    }
    expect(writesTo(github, repository)).toEqual([`POST /issues/comments/${bot.comment}/reactions`]);
    for (const _ of ["first", "again"]) {
      using ended = await ask({ ...repository, user: "rea", body: "/distill" });
      expect(ended).toMatchObject({ status: 0, reactions: ["-1"], answers: [sentence] });
      expect(ended.outputs).toMatchObject({ verdict: "skipped", "reason-code": "refused" });
    }
  });

  it("answers help, status and what it does not understand, however it is written, without a command to the runner", async () => {
    const repository = at("talk");
    // Behind a gateway that gave up the answer was written all the same.
    github.fail({ method: "POST", path: /^\/repos\/ada\/talk\/issues\/1\/comments$/, status: 502, done: true });
    const first =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what a workflow would fill in.
      "$(touch /tmp/pwned) `id` ${{ secrets.X }} ##[add-mask]e ::add-mask::e \u0007\u001b[31m🦀%0A::set-env name=A::b";
    const lines = "\n::set-output name=verdict::pwned\n::add-mask::e\n  ##[set-env name=PATH]/tmp\n```\n";
    const [help, hostile, status] = await Promise.all([
      ask({ ...repository, issue: 1, body: "/distill help" }),
      ask({ ...repository, issue: 2, body: `/distill ${first}${lines}${"::error::x\n".repeat(5500)}` }),
      ask({ ...repository, issue: 3, body: "/distill status" }),
    ]);
    using stack = new DisposableStack();
    for (const ended of [help, hostile, status]) {
      stack.use(ended);
      expect(ended.status).toBe(0);
      expect(ended.outputs).toMatchObject({ verdict: "skipped", "reason-code": "answered" });
      expectNoCommand(ended);
    }
    expect(help.answers).toHaveLength(1);
    expect(help.answers[0]).toMatch(/`\/distill cancel` \| ends the last run[\s\S]*`--dry-run`/);
    expect(hostile.reactions).toEqual(["confused"]);
    expect(hostile.answers[0]).toMatch(/^I did not understand that\. /);
    expect(status.answers).toEqual([expect.stringContaining("/ada/talk/actions")]);
    expect(readdirSync(hostile.workspace)).toEqual([]);
  });

  it("takes no model but the workflow's own and those of the default branch", async () => {
    const repository = at("models");
    const models = ['"command/sh -c id"', "gpt-5.2"];
    const all = await Promise.all(
      models.map((model, index) => ask({ ...repository, issue: index + 1, body: `/distill --model ${model}` })),
    );
    for (const [index, ended] of all.entries()) {
      using _ = ended;
      expect(ended.status).toBe(0);
      const name = models[index]?.replaceAll('"', "");
      expect(ended.answers.map((each) => each.replaceAll("\\", ""))).toEqual([
        `The model "${name}" may not be used here. Allowed: builtin/extract.`,
      ]);
    }
    expect(await github.pullRequests(repository)).toEqual([]);
  });

  it("does what the repository's own file says", async () => {
    const [off, denied, broken] = await Promise.all(
      ["off", "denied", "broken"].map((name) => ask({ ...at(name), body: "/distill" })),
    );
    using stack = new DisposableStack();
    for (const ended of [off, denied, broken]) if (ended) stack.use(ended);
    expect(off).toMatchObject({ status: 0, reactions: ["-1"] });
    expect(off?.answers[0]).toMatch(/^This repository has switched runs off/);
    expect(denied?.answers).toEqual(["You may not ask for runs here."]);
    expect(broken).toMatchObject({ status: 0, reactions: ["confused"] });
    expect(broken?.answers[0]).toMatch(/^The settings in `\.github\/codedistiller\.yml` cannot be used[\s\S]*line 2: /);
  });

  it("says which permission the workflow lacks: where it was asked if it may, else with the workflow", async () => {
    const repository = at("mute");
    const [mute, shut, event] = await Promise.all([
      ask({ ...repository, issue: 1, body: "/distill", permissions: { contents: "write", "pull-requests": "write" } }),
      ask({ ...repository, issue: 2, body: "/distill", permissions: { contents: "read", issues: "write" } }),
      ask({ ...repository, issue: 3, body: "/distill", eventName: "issues" }),
    ]);
    using stack = new DisposableStack();
    for (const ended of [mute, shut, event]) stack.use(ended);
    expect(mute).toMatchObject({ status: 1, answers: [], reactions: [] });
    expect(mute.annotations).toEqual([expect.objectContaining({ level: "error" })]);
    expect(mute.annotations[0]?.message).toContain("grant `issues: write` in the workflow's permissions");
    expect(shut).toMatchObject({ status: 1, reactions: ["eyes"] });
    expect(shut.answers).toEqual([expect.stringMatching(/grant write access to contents and pull requests/)]);
    expect(shut.outputs).toMatchObject({ verdict: "error", "reason-code": "no-permission" });
    expect(event).toMatchObject({ status: 1, answers: [] });
    expect(event.annotations[0]?.message).toContain("answers the event issue_comment, and this is issues");
    expect(`${mute.log}${shut.log}`).not.toMatch(/ at .*\.js:\d/);
  });
});
