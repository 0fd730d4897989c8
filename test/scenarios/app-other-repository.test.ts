import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerThat, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";
import { readSettings } from "../support/run-settings.ts";

const home = { owner: "ada", name: "home", issue: 1, user: "ada" };
const folder = fixture("orbital-elements");

describe("/distill <repository> <options>", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      repositories: [
        { ...home, files: { "README.md": "# Notes of a course\n" }, issues: [{ title: "Examples, please" }] },
        { owner: "ada", name: "hidden", folder, private: true },
        { owner: "eve", name: "secret", folder, private: true },
        { owner: "zoe", name: "orbits", folder, installed: false },
        { owner: "zoe", name: "mono", files: below("physics", folder), installed: false },
      ],
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each([
    ["a private one of the same installation", "ada/hidden", "no public repository ada/hidden"],
    ["a private one of another's installation", "eve/secret", "no public repository eve/secret"],
    ["one that is not there", "zoe/nowhere", "no public repository zoe/nowhere"],
    [
      "one on a host that the operator does not allow",
      "https://localhost:8080/zoe/orbits",
      "Repositories are fetched from",
    ],
    ["a path", "/etc/passwd", "not by a path"],
  ])("refuses %s, and fetches nothing", async (_what, repository, sentence) => {
    const { answer } = await ask(app, { ...home, body: `/distill ${repository}`, says: sentence });
    expect(answer).not.toContain("Running");
    expect(await readRuns(app)).toEqual([]);
    expect(app.github.gitRequests).toEqual([]);
  });

  it("tells with --dry-run what would be done, and does nothing", async () => {
    await app.github.comment({ ...home, body: "/distill zoe/orbits --dry-run" });
    expect((await endOfRun(app)).ending).toMatchObject({ outcome: "skipped", reasonCode: "dry-run" });
    const plan = await answerThat(app, { ...home, says: "**Plan.**" });
    expect(plan).toMatch(/would show:\n\n- example1: .+\n- example2: .+/);
    expect(plan).toContain("Nothing was run; `/distill` without `--dry-run` runs it.");
    expect(await app.github.pullRequests(home)).toEqual([]);
    expect(await app.github.branchHead({ ...home, branch: "codedistiller/zoe-orbits" })).toBeNull();
  });

  it("puts a public repository's example into the repository where it was asked for", async () => {
    const { github } = app;
    await github.comment({ ...home, body: "/distill zoe/orbits" });
    const run = await endOfRun(app, 2);
    expect(run).toMatchObject({ ending: { outcome: "verified" }, pullRequest: { state: "open" } });
    const [pull, ...others] = await github.pullRequests(home);
    expect(others).toEqual([]);
    expect(pull).toMatchObject({
      title: "Add a verified example of zoe/orbits",
      head: { ref: "codedistiller/zoe-orbits" },
    });
    const tree = await github.readTree("ada", "home", "codedistiller/zoe-orbits");
    expect([...tree.keys()]).toEqual(expect.arrayContaining(["README.md", "examples/zoe-orbits/main.py"]));
    expect(tree.get("examples/zoe-orbits/runscript.sh")?.bytes.toString()).toContain("/zoe/orbits");
    expect(await github.pullRequests({ owner: "zoe", name: "orbits" })).toEqual([]);
    await answerThat(app, { ...home, says: `/ada/home/pull/${run.pullRequest?.number}` });
  });

  it("honours --ref, --subdirectory and --focus", async () => {
    const { github } = app;
    const mono = { owner: "zoe", name: "mono" };
    const sha = await github.branchHead({ ...mono, branch: "main" });
    const ref = { ref: "refs/heads/term-2", sha };
    await github.call({ method: "POST", path: "/repos/zoe/mono/git/refs", body: ref, as: "zoe" });
    const change = { branch: "term-2", path: "physics/NOTES.md", text: "The second term.\n", user: "zoe" };
    const { commit } = await github.pushCommit({ ...mono, ...change });
    const body = `/distill zoe/mono --ref term-2 --subdirectory physics --focus "Kepler's equation"`;
    await github.comment({ ...home, body });
    const run = await endOfRun(app, 3);
    expect(run.ending).toMatchObject({ outcome: "verified" });
    expect(readSettings(app, run.id)).toMatchObject({
      ref: "term-2",
      subdirectory: "physics",
      focus: "Kepler's equation",
    });
    const pulls = await github.pullRequests(home);
    const pull = pulls.find(({ number }) => number === run.pullRequest?.number);
    const branch = (pull?.head as { ref: string } | undefined)?.ref ?? "";
    expect(branch).toMatch(/^codedistiller\/zoe-mono-physics-kepler-s-equation-[0-9a-f]{6}$/);
    expect(pull?.body).toContain(commit.slice(0, 12));
    const tree = await github.readTree("ada", "home", branch);
    const main = tree.get(`${branch.replace("codedistiller", "examples")}/main.py`)?.bytes.toString();
    expect(main).toContain("solve_kepler");
    expect(main).toContain("physics");
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});

/** The files of a folder, as those of another below a folder of its own. */
function below(name: string, from: string): Record<string, Buffer> {
  const entries = readdirSync(from, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [join(name, relative(from, path)), readFileSync(path)]));
}
