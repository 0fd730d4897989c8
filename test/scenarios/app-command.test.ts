import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";
import { describeTraffic } from "../support/describe-traffic.ts";

const at = { owner: "ada", name: "orbits" };
const comment = { ...at, issue: 1, user: "ada" };

describe("/distill on an issue", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "An example, please" }] }],
    });
    const { github } = app;
    const delivery = await github.comment({ ...comment, body: "/distill\n\nIt would help our students." });
    expect(delivery).toMatchObject({ status: 200 });
    await endOfRun(app);
    await eventually("its last words", async () =>
      (await github.comments({ ...at, issue: 1 })).some(({ body }) => body.startsWith("**Verified.**")),
    );
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("answers the comment with eyes", () => {
    expect(app.github.reactions({ ...at, comment: 1 })).toEqual([{ login: app.github.appLogin, content: "eyes" }]);
  });

  it("has one comment for the run from its beginning to its end, with a link to the pull request", async () => {
    const comments = await app.github.comments({ ...at, issue: 1 });
    expect(comments.map(({ login }) => login)).toEqual(["ada", app.github.appLogin]);
    expect(comments[1]?.body).toContain("/ada/orbits/pull/2");
    expect(comments[1]?.body).toContain("| Reproduced | passed |");
  });

  it("opens a pull request whose body tells what it shows, the evidence, and where it is from", async () => {
    const [pull, ...others] = await app.github.pullRequests(at);
    expect(others).toEqual([]);
    expect(pull).toMatchObject({ state: "open", title: "Add a verified example of orbits" });
    for (const heading of ["### How to run it", "| Grounded | passed |", "### Review"])
      expect(pull?.body).toContain(heading);
    expect(pull?.body).toContain("- [ ] Shows the core functionality");
  });

  it("commits the run's own files, byte for byte, as files that can be run, below examples/ alone", async () => {
    const { github } = app;
    const before = await github.readTree("ada", "orbits", "main");
    const tree = await github.readTree("ada", "orbits", "codedistiller/orbits");
    const added = [...tree.keys()].filter((path) => !before.has(path));
    expect(added.filter((path) => !path.startsWith("examples/orbits/") && path !== "examples/README.md")).toEqual([]);
    expect([...before.keys()].filter((path) => !tree.has(path))).toEqual([]);
    expect(tree.get("examples/orbits/run.sh")?.mode).toBe("100755");
    expect(tree.get("examples/orbits/main.py")?.mode).toBe("100644");
    expect(tree.get("examples/README.md")?.bytes.toString()).toContain("[`orbits`](orbits/)");
    const [run] = await readRuns(app);
    const files = app.exampleOf(run?.id ?? "");
    expect(added.filter((path) => path.startsWith("examples/orbits/")).length).toBe(files.size + 1);
    for (const [path, bytes] of files) expect(tree.get(`examples/orbits/${path}`)?.bytes.equals(bytes)).toBe(true);
    expect(tree.get("examples/orbits/REPORT.md")?.bytes.toString()).toContain("bash run.sh");
  });

  it("publishes a folder that runs by itself", async () => {
    const tree = await app.github.readTree("ada", "orbits", "codedistiller/orbits");
    const folder = join(app.folder, "checked-out");
    for (const [path, { bytes }] of tree) {
      if (!path.startsWith("examples/orbits/")) continue;
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    await promisify(execFile)("bash", ["run.sh"], {
      cwd: join(folder, "examples/orbits"),
      env: { PATH: app.environment.PATH, HOME: folder, GIT_SSL_CAINFO: app.github.certificateFile },
    });
  });

  it("puts a check on the commit", async () => {
    const head = await app.github.branchHead({ ...at, branch: "codedistiller/orbits" });
    const { body } = await app.github.call({ path: `/repos/ada/orbits/commits/${head}/check-runs` });
    expect(body).toMatchObject({
      check_runs: [{ name: "CodeDistiller", status: "completed", conclusion: "success" }],
    });
  });

  it("makes its commit so that GitHub signs it: it names no author", () => {
    const [commit] = app.github.requests.filter(({ path }) => path.endsWith("/git/commits"));
    expect(commit?.requestBody).toEqual({
      message: expect.any(String),
      tree: expect.any(String),
      parents: [expect.any(String)],
    });
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });

  it("asks what it asked before", async () => {
    await expect(describeTraffic(app.github.requests)).toMatchFileSnapshot("traffic/app-command.txt");
  });
});

describe("/distill in a private repository", () => {
  it("clones with a token for that repository's contents alone, and shows nobody else the run", async () => {
    await using app = await startApp({
      repositories: [
        {
          ...at,
          folder: fixture("orbital-elements"),
          private: true,
          collaborators: { ada: "write" },
          issues: [{ title: "x" }],
        },
      ],
      environment: { PUBLIC_URL: "https://distiller.example" },
    });
    await app.github.comment({ ...comment, body: "/distill" });
    const run = await endOfRun(app);
    expect(run.ending?.outcome).toBe("verified");
    const tokens = app.github.requests.filter(({ path }) => path.endsWith("/access_tokens"));
    expect(tokens.at(-1)?.requestBody).toEqual({ repository_ids: [1], permissions: { contents: "read" } });
    expect((await fetch(`${app.address}/runs/${run.id}`)).status).toBe(404);
    const bodies = (await app.github.comments({ ...at, issue: 1 })).map(({ body }) => body).join();
    expect(bodies).not.toContain("distiller.example");
    expect(app.github.violations).toEqual([]);
  });
});
