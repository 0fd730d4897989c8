import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";
import { readSettings } from "../support/run-settings.ts";

const at = { owner: "ada", name: "orbits", issue: 1 };
const file = ".github/codedistiller.yml";
const issues = [{ title: "An example, please" }];

describe(file, () => {
  let app: AppUnderTest;
  const configure = (text: string) => app.github.pushCommit({ ...at, branch: "main", path: file, text, user: "ada" });

  beforeAll(async () => {
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues, collaborators: { wim: "write" } }],
      run: { max_cost_usd: 2 },
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each([
    ["an unknown key", "# ours\nenabled: true\nsandbox: none\n", 'line 3: "sandbox" is no key that may stand here'],
    [
      "a value of another type",
      "focus: orbits\nmax_cost_usd: lots\n",
      "line 2: max_cost_usd: has to be a number of US dollars",
    ],
    ["what is no YAML", 'enabled: true\nfocus: "orbits\nref: main\n', /line \d: this is not YAML that can be read/],
    ["a list", "- enabled\n", "line 1: it has to hold keys and values"],
  ])("with %s is answered with its line and the keys that may stand there", async (_what, text, problem) => {
    await configure(text);
    const { comment, answer } = await ask(app, { ...at, user: "wim", body: "/distill", says: "cannot be used" });
    expect(readable(answer)).toMatch(problem);
    expect(readable(answer)).toContain(`${file}, line`);
    expect(readable(answer)).toContain(
      "Allowed keys: enabled, new_installations, allow_users, deny_users, focus, ref,",
    );
    expect(app.github.reactions({ owner: "ada", name: "orbits", comment }).map(({ content }) => content)).toEqual([
      "confused",
    ]);
    expect(await readRuns(app)).toEqual([]);
  });

  it("that cannot be used keeps nobody from help", async () => {
    await configure("sandbox: none\n");
    await ask(app, { ...at, user: "wim", body: "/distill help", says: "What I can do here" });
  });

  it("that switches runs off has them refused", async () => {
    await configure("enabled: false\n");
    const sentence = "This repository has switched runs off: enabled is false in .github/codedistiller.yml.";
    const { answer } = await ask(app, { ...at, user: "wim", body: "/distill", says: /switched runs off/ });
    expect(readable(answer)).toBe(sentence);
    expect(await readRuns(app)).toEqual([]);
  });

  it("on another branch says nothing", async () => {
    const { github } = app;
    await configure("max_runtime_mins: 9\n");
    const head = await github.branchHead({ ...at, branch: "main" });
    await github.call({
      method: "POST",
      path: "/repos/ada/orbits/git/refs",
      body: { ref: "refs/heads/wip", sha: head },
    });
    await github.pushCommit({ ...at, branch: "wip", path: file, text: "enabled: false\n", user: "wim" });
    await github.comment({ ...at, user: "wim", body: "/distill --dry-run --ref wip" });
    const run = await endOfRun(app);
    expect(run.ending).toMatchObject({ outcome: "skipped", reasonCode: "dry-run" });
    expect(readSettings(app, run.id)).toMatchObject({ max_runtime_mins: 9, ref: "wip" });
  });

  it("on the default branch is used, within the operator's bounds, and the comment's word goes first", async () => {
    await configure('focus: "Kepler\'s equation"\nmax_cost_usd: 50\nmax_debug_iterations: 2\nref: nowhere\n');
    await app.github.comment({ ...at, user: "wim", body: "/distill --ref main" });
    const run = await endOfRun(app, 2);
    expect(run.ending?.outcome).toBe("verified");
    expect(readSettings(app, run.id)).toMatchObject({
      focus: "Kepler's equation",
      max_cost_usd: 2,
      max_debug_iterations: 2,
      ref: "main",
    });
    const [pull] = await app.github.pullRequests(at);
    expect(readable(pull?.body ?? "")).toContain("It was asked to show: Kepler's equation");
    const ref = expect.stringMatching(/^codedistiller\/orbits-kepler-s-equation-[0-9a-f]{6}$/);
    expect(pull).toMatchObject({ head: { ref } });
    const page = await eventually("the page", async () => {
      const response = await fetch(`${app.address}/runs/${run.id}`);
      return response.ok && response.text();
    });
    expect(page).toContain("max_cost_usd is 2 rather than 50");
  });

  it("asks for nothing that GitHub's own description does not have", async () => {
    expect((await answersOn(app, at)).filter((body) => body.includes("cannot be used"))).toHaveLength(4);
    expect(app.github.violations).toEqual([]);
  });
});

/** Markdown as it is read: without the escapes that make words inert. */
function readable(markdown: string): string {
  return markdown
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}
