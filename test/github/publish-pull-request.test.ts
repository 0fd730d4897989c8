import { afterEach, describe, expect, it } from "vitest";
import { type PublishPullRequestOptions, publishPullRequest } from "../../src/github/publish-pull-request.ts";
import { renderPullRequest } from "../../src/jobs/render-pull-request.ts";
import { finishedRecord } from "../jobs/sample-record.ts";
import type { GitHubServer, SeedRepository, WorkflowPermissions } from "../support/github-server.ts";
import { verifiedRun } from "../support/sample-run.ts";
import { clientOf, connect, workflowLogin } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
const metadata = JSON.stringify({ title: "Orbits", distiller: { source: "https://github.com/acme/orbits" } });
const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xfe, 10, 13]);

let server: GitHubServer;
let options: PublishPullRequestOptions;
const stack: AsyncDisposable[] = [];

afterEach(async () => {
  const broken = [...server.violations];
  for (const each of stack.splice(0)) await each[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

async function start(repository: Partial<SeedRepository> = {}): Promise<void> {
  const files = repository.files ?? { "orbits.py": "def period(): return 1\n" };
  const connection = await connect({
    users: [{ login: "maintainer" }],
    repositories: [{ ...at, collaborators: { maintainer: "write" }, ...repository, files }],
  });
  stack.push(connection);
  server = connection.server;
  options = {
    github: connection.github,
    repository: { owner: "acme", repo: "orbits" },
    botLogin: server.appLogin,
    marker: "example-orbits",
    known: null,
    defaultBranch: "main",
    branch: "codedistiller/orbits",
    folder: "examples/orbits",
    files: exampleFiles(),
    tellsOfRun: (path) => path === "REPORT.md",
    sourceCommit: null,
    news: false,
    indexEntry: { slug: "orbits", text: "[`orbits`](orbits/): periods of planets" },
    commitMessage: "Add an example of orbits\n\nby CodeDistiller 0.1.0 (builtin/extract).",
    title: "Add an example of orbits",
    bodies: ["What it shows."],
    draft: false,
    explicit: false,
  };
}

function exampleFiles(main = 'print("π")\n'): PublishPullRequestOptions["files"] {
  const plain = (path: string, content: string | Buffer) => ({
    path,
    mode: "100644" as const,
    content: Buffer.from(content),
  });
  return [
    plain("main.py", main),
    plain("metadata.json", metadata),
    plain("outputs/orbit.png", picture),
    plain("outputs/empty.txt", ""),
    { path: "run.sh", mode: "100755", content: Buffer.from("#!/bin/sh\npython3 main.py\n") },
  ];
}

async function open(changes: Partial<PublishPullRequestOptions> = {}) {
  const published = await publishPullRequest({ ...options, ...changes });
  if (published.kind !== "opened") throw new Error(`not opened: ${JSON.stringify(published)}`);
  return published.pullRequest;
}

const writes = () =>
  server.requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path.replace("/repos/acme/orbits", "")}`);

describe("a first pull request", () => {
  it("adds the example and the index, byte for byte, with executable bits", async () => {
    await start({ files: { "examples/old/main.py": "1\n", LICENSE: "MIT\n" } });
    const { number, branch, headSha, url } = await open();
    expect(branch).toBe("codedistiller/orbits");
    expect(await server.branchHead({ ...at, branch })).toBe(headSha);
    expect(url).toContain(`/pull/${number}`);
    const tree = await server.readTree("acme", "orbits", branch);
    for (const { path, mode, content } of exampleFiles()) {
      const there = tree.get(`examples/orbits/${path}`);
      expect(there?.mode, path).toBe(mode);
      expect(there?.bytes.equals(content), path).toBe(true);
    }
    expect(tree.get("LICENSE")?.bytes.toString()).toBe("MIT\n");
    expect(tree.get("examples/README.md")?.bytes.toString()).toContain("- [`orbits`](orbits/): periods of planets\n");
    const [pull] = await server.pullRequests(at);
    expect(pull).toMatchObject({ number, title: options.title, state: "open" });
    expect(pull?.body).toMatch(/^What it shows\.\n\n<!-- codedistiller:example-orbits body=[0-9a-f]{16} -->$/);
  });

  it("sends text within the tree and names no author, so that GitHub signs the commit", async () => {
    await start();
    await open();
    expect(writes()).toEqual([
      "POST /git/blobs",
      "POST /git/blobs",
      "POST /git/trees",
      "POST /git/commits",
      "POST /git/refs",
      "POST /pulls",
    ]);
    const commit = server.requests.find(({ path, method }) => method === "POST" && path.endsWith("/git/commits"));
    expect(Object.keys(commit?.requestBody as object).sort()).toEqual(["message", "parents", "tree"]);
    expect(commit?.responseBody).toMatchObject({ verification: { verified: true } });
  });

  it("uses the fullest body that GitHub takes", async () => {
    await start();
    await open({ bodies: ["x".repeat(70_000), "shorter", "shortest"] });
    expect((await server.pullRequests(at))[0]?.body).toMatch(/^shorter\n/);
  });

  it("is opened without being a draft where there are no drafts", async () => {
    await start();
    server.fail({
      method: "POST",
      path: /\/pulls$/,
      status: 422,
      body: { message: "Draft pull requests are not supported in this repository." },
    });
    await open({ draft: true });
    expect(
      server.requests
        .filter(({ path, method }) => method === "POST" && path.endsWith("/pulls"))
        .map(({ requestBody }) => (requestBody as { draft: boolean }).draft),
    ).toEqual([true, false]);
  });

  it("leaves the text around the list alone, and sorts the list", async () => {
    const readme =
      "# Ours\r\n\r\n<!-- codedistiller:index -->\r\n- [z](z/): last\r\n- [gone](gone/): gone\r\n<!-- /codedistiller:index -->\r\nBye\r\n";
    await start({ files: { "examples/README.md": readme, "examples/z/main.py": "1\n" } });
    const { branch } = await open();
    const tree = await server.readTree("acme", "orbits", branch);
    expect(tree.get("examples/README.md")?.bytes.toString()).toBe(
      "# Ours\r\n\r\n<!-- codedistiller:index -->\r\n- [`orbits`](orbits/): periods of planets\r\n- [z](z/): last\r\n<!-- /codedistiller:index -->\r\nBye\r\n",
    );
  });

  it("finds the default branch under its new name", async () => {
    await start();
    await expect(publishPullRequest({ ...options, defaultBranch: "master" })).resolves.toMatchObject({
      kind: "opened",
    });
  });
});

function asWorkflow(permissions: WorkflowPermissions = { contents: "write", "pull-requests": "write" }) {
  const token = server.workflowToken({ repository: at, permissions });
  return { ...options, github: clientOf(server, token), botLogin: workflowLogin };
}

it("is opened, found again and updated with a workflow's token, which no job remembers", async () => {
  await start();
  const first = await open(asWorkflow());
  const again = { ...asWorkflow(), files: exampleFiles("2\n") };
  const updated = await publishPullRequest(again);
  expect(updated).toMatchObject({ kind: "updated", pullRequest: { number: first.number } });
  expect(await publishPullRequest({ ...again, ...asWorkflow(), files: again.files })).toMatchObject({
    kind: "unchanged",
    pullRequest: { number: first.number },
  });
  expect(await server.pullRequests(at)).toMatchObject([{ user: { login: workflowLogin } }]);
});

describe("a base that somebody named", () => {
  const isAt = async () => (await server.pullRequests(at)).map(({ base }) => (base as { ref: string }).ref);

  it("is where the pull request goes, and where it is found again", async () => {
    await start();
    await branchOff("develop");
    const first = await open({ base: "develop" });
    expect(await isAt()).toEqual(["develop"]);
    const again = await publishPullRequest({ ...options, base: "develop", files: exampleFiles("2\n") });
    expect(again).toMatchObject({ kind: "updated", pullRequest: { number: first.number } });
  });

  it("is refused by its name where it is missing, and the default branch is not taken in its place", async () => {
    await start();
    expect(await publishPullRequest({ ...options, base: "develop" })).toEqual({
      kind: "refused",
      reasonCode: "base-not-found",
      explanation: expect.stringContaining('There is no branch "develop"'),
    });
    expect(writes()).toEqual([]);
  });

  it("does not make others' work of what the branch of an open pull request had before", async () => {
    await start();
    await branchOff("develop");
    await server.pushCommit({ ...at, branch: "main", path: "news.md", text: "news\n", user: "maintainer" });
    const first = await open();
    const again = await publishPullRequest({ ...options, base: "develop", files: exampleFiles("2\n") });
    expect(again).toMatchObject({ kind: "updated", pullRequest: { number: first.number } });
    expect(await isAt()).toEqual(["main"]);
  });
});

async function branchOff(branch: string): Promise<void> {
  const sha = await server.branchHead({ ...at, branch: "main" });
  const path = "/repos/acme/orbits/git/refs";
  await server.call({ method: "POST", path, body: { ref: `refs/heads/${branch}`, sha }, as: "maintainer" });
}

describe("an open pull request of ours", () => {
  it("is updated by one more commit instead of opening a second", async () => {
    await start();
    const first = await open();
    const files = exampleFiles("print(2)\n").filter(({ path }) => path !== "outputs/empty.txt");
    const before = server.requests.length;
    const again = await publishPullRequest({ ...options, files, title: "A better title", known: first });
    expect(again).toMatchObject({ kind: "updated", pullRequest: { number: first.number, branch: first.branch } });
    const pulls = await server.pullRequests(at);
    expect(pulls).toHaveLength(1);
    expect(pulls[0]?.title).toBe("A better title");
    const tree = await server.readTree("acme", "orbits", first.branch);
    expect(tree.get("examples/orbits/main.py")?.bytes.toString()).toBe("print(2)\n");
    expect(tree.has("examples/orbits/outputs/empty.txt")).toBe(false);
    const sent = server.requests.slice(before).filter(({ method }) => method !== "GET");
    expect(sent.map(({ method, path }) => `${method} ${path.replace("/repos/acme/orbits", "")}`)).toEqual([
      "POST /git/trees",
      "POST /git/commits",
      "PATCH /git/refs/heads%2Fcodedistiller%2Forbits",
      `PATCH /pulls/${first.number}`,
    ]);
    expect(sent[1]?.requestBody).toMatchObject({ parents: [first.headSha] });
    expect(sent[2]?.requestBody).toMatchObject({ force: false });
  });

  it("is left alone where nothing changed, even after GitHub's editor changed its line ends", async () => {
    await start();
    const first = await open({ bodies: ["a\nb"] });
    const body = ((await server.pullRequests(at))[0]?.body ?? "").replaceAll("\n", "\r\n");
    await server.editPullRequestBody({ ...at, pull: first.number, user: "maintainer", body });
    const before = writes().length;
    expect(await publishPullRequest({ ...options, bodies: ["a\nb"], known: first })).toEqual({
      kind: "unchanged",
      pullRequest: first,
    });
    expect(writes()).toHaveLength(before);
  });

  it.each<[string, { title?: string; body?: string }]>([
    ["title", { title: "Orbits, as we say it" }],
    ["body", { body: "In our words." }],
    ["body above our last line", { body: "above" }],
  ])("gets new files below a %s that somebody changed", async (_what, changed) => {
    await start();
    const first = await open();
    const [before] = await server.pullRequests(at);
    const change = changed.body === "above" ? { body: `Ours: ${before?.body}` } : changed;
    await server.call({
      method: "PATCH",
      path: `/repos/acme/orbits/pulls/${first.number}`,
      body: change,
      as: "maintainer",
    });
    const again = { ...options, files: exampleFiles("2\n"), title: "Another", bodies: ["Another."], known: first };
    const published = await publishPullRequest(again);
    expect(published).toMatchObject({ kind: "updated", keptWords: true });
    expect((await server.pullRequests(at))[0]).toMatchObject({ title: options.title, body: before?.body, ...change });
    const tree = await server.readTree("acme", "orbits", first.branch);
    expect(tree.get("examples/orbits/main.py")?.bytes.toString()).toBe("2\n");
  });

  it("gets its new body where boxes were ticked, at whatever line ends", async () => {
    await start();
    const first = await open({ bodies: ["x".repeat(70_000), "Form:\n\n- [ ] Correct\n"] });
    const body = (await server.pullRequests(at))[0]?.body?.replace("[ ]", "[x]").replaceAll("\n", "\r\n") ?? "";
    await server.editPullRequestBody({ ...at, pull: first.number, user: "maintainer", body });
    const again = { ...options, files: exampleFiles("2\n"), bodies: ["Another."], known: first };
    expect(await publishPullRequest(again)).toEqual({ kind: "updated", pullRequest: expect.anything() });
    expect((await server.pullRequests(at))[0]?.body).toMatch(/^Another\./);
  });

  it("is left alone where nothing but the times of another run differ, and told where there is news", async () => {
    await start();
    const report = (text: string) => [
      ...exampleFiles(),
      { path: "REPORT.md", mode: "100644" as const, content: Buffer.from(text) },
    ];
    const first = await open({ files: report("2 s\n") });
    const again = { ...options, files: report("3 s\n"), bodies: ["It took 3 s."], known: first };
    expect(await publishPullRequest(again)).toEqual({ kind: "unchanged", pullRequest: first });
    expect((await server.pullRequests(at))[0]?.body).not.toContain("3 s");
    expect(await publishPullRequest({ ...again, news: true })).toMatchObject({ kind: "updated" });
    expect((await server.pullRequests(at))[0]?.body).toContain("3 s");
  });

  it("is found again by a process that knows nothing of it, and left alone where it has these files already", async () => {
    await start();
    const first = await open();
    const before = writes().length;
    const same = await publishPullRequest({ ...options, bodies: ["It took another second."] });
    expect(same).toEqual({ kind: "unchanged", pullRequest: first });
    expect(writes()).toHaveLength(before);
    expect((await server.pullRequests(at))[0]?.body).toMatch(/^What it shows\./);
    const again = await publishPullRequest({ ...options, files: exampleFiles("2\n") });
    expect(again).toMatchObject({ kind: "updated", pullRequest: { number: first.number } });
  });

  it("is still ours where the process ended between its commit and its record", async () => {
    await start();
    const first = await open();
    await publishPullRequest({ ...options, files: exampleFiles("2\n"), known: first });
    const again = await publishPullRequest({ ...options, files: exampleFiles("3\n"), known: first });
    expect(again).toMatchObject({ kind: "updated", pullRequest: { number: first.number } });
  });

  it("is never written to once somebody has committed to it", async () => {
    await start();
    const first = await open();
    const { commit } = await server.pushCommit({
      ...at,
      branch: first.branch,
      path: "examples/orbits/main.py",
      text: "mine\n",
      user: "maintainer",
    });
    const before = writes().length;
    for (const known of [first, null]) {
      const again = await publishPullRequest({ ...options, known, files: exampleFiles("2\n"), explicit: true });
      expect(again).toEqual({ kind: "human-commits", pullRequest: { ...first, headSha: commit } });
    }
    expect(writes()).toHaveLength(before);
  });

  it("is never written to once another workflow, such as a formatter, has committed to it under the same login", async () => {
    await start();
    const first = await open();
    const { github, repository } = options;
    const { data: before } = await github.rest.git.getCommit({ ...repository, commit_sha: first.headSha });
    const message = "Format the code\n\nSaid not to be by CodeDistiller .";
    const commit = { ...repository, message, tree: before.tree.sha, parents: [first.headSha] };
    const { data: formatted } = await github.rest.git.createCommit(commit);
    await github.rest.git.updateRef({ ...repository, ref: `heads/${first.branch}`, sha: formatted.sha });
    const again = await publishPullRequest({ ...options, files: exampleFiles("2\n") });
    expect(again).toEqual({ kind: "human-commits", pullRequest: { ...first, headSha: formatted.sha } });
    expect(await server.branchHead({ ...at, branch: first.branch })).toBe(formatted.sha);
  });

  it("is known by the message that runs are published under", async () => {
    await start();
    const { commitMessage } = renderPullRequest({
      ...verifiedRun(),
      run: finishedRecord({}),
      files: [],
      pageUrl: null,
      figureUrl: () => null,
      review: null,
      answersCommands: false,
    });
    const first = await open({ commitMessage });
    const again = await publishPullRequest({ ...options, files: exampleFiles("2\n") });
    expect(again).toMatchObject({ kind: "updated", pullRequest: { number: first.number } });
  });

  it("keeps a commit that somebody pushes while ours is being made", async () => {
    await start();
    const first = await open();
    server.delay({ method: "POST", path: /\/git\/commits$/, milliseconds: 700, times: 1 });
    const publishing = publishPullRequest({ ...options, known: first, files: exampleFiles("2\n") });
    await expect.poll(() => writes().filter((each) => each === "POST /git/trees").length).toBe(2);
    const { commit } = await server.pushCommit({
      ...at,
      branch: first.branch,
      path: "notes.md",
      text: "mine\n",
      user: "maintainer",
    });
    expect(await publishing).toMatchObject({ kind: "human-commits", pullRequest: { headSha: commit } });
    expect(await server.branchHead({ ...at, branch: first.branch })).toBe(commit);
  });

  it("is somebody else's once they have rewritten our commit, though its author is still the app", async () => {
    await start();
    const first = await open();
    const ask = async (method: string, path: string, body?: unknown) =>
      (await server.call({ method, path: `/repos/acme/orbits/git/${path}`, body, as: "maintainer" })).body as {
        sha: string;
        tree: { sha: string };
        author: { name: string; email: string };
      };
    const { tree, author } = await ask("GET", `commits/${first.headSha}`);
    const { sha: parent } = await ask("GET", `commits/${await server.branchHead({ ...at, branch: "main" })}`);
    const committer = { name: "maintainer", email: "maintainer@users.noreply.github.com" };
    const rewritten = { message: "Rebased", tree: tree.sha, parents: [parent], author, committer };
    const { sha } = await ask("POST", "commits", rewritten);
    await ask("PATCH", "refs/heads/codedistiller/orbits", { sha, force: true });
    expect(await server.branchHead({ ...at, branch: first.branch })).toBe(sha);
    const again = await publishPullRequest({ ...options, known: first, files: exampleFiles("2\n") });
    expect(again).toMatchObject({ kind: "human-commits" });
  });

  it("is updated where only a file's mode changed", async () => {
    await start();
    const first = await open();
    const files = exampleFiles().map((file) => (file.path === "main.py" ? { ...file, mode: "100755" as const } : file));
    expect(await publishPullRequest({ ...options, known: first, files })).toMatchObject({ kind: "updated" });
    const tree = await server.readTree("acme", "orbits", first.branch);
    expect(tree.get("examples/orbits/main.py")?.mode).toBe("100755");
  });

  it("is updated where another process opened it in the same moment", async () => {
    await start();
    const [one, two] = await Promise.all([publishPullRequest(options), publishPullRequest(options)]);
    expect([one.kind, two.kind]).toContain("opened");
    expect(await server.pullRequests(at)).toHaveLength(1);
  });
});

describe("a pull request that was closed", () => {
  it("stays closed unless somebody asks for another", async () => {
    await start();
    const first = await open();
    await server.closePullRequest({ ...at, pull: first.number, user: "maintainer", merged: false });
    const { number, url } = first;
    expect(await publishPullRequest({ ...options, files: exampleFiles("2\n") })).toEqual({
      kind: "declined",
      pullRequest: { number, url },
    });
    const again = await open({ explicit: true, known: first, files: exampleFiles("2\n") });
    expect(again.number).not.toBe(number);
    expect(again.branch).toBe("codedistiller/orbits");
    const moved = server.requests.find(({ method, path }) => method === "PATCH" && path.includes("/git/refs/"));
    expect(moved?.requestBody).toMatchObject({ force: true });
  });

  it("stays closed where its branch was deleted", async () => {
    await start();
    const first = await open();
    await server.deleteBranch({ ...at, branch: first.branch, user: "maintainer" });
    expect(await publishPullRequest({ ...options, known: first })).toMatchObject({ kind: "declined" });
    expect((await open({ explicit: true })).branch).toBe("codedistiller/orbits");
  });

  it("is enough where it was merged and says the same", async () => {
    await start();
    const first = await open();
    await server.closePullRequest({ ...at, pull: first.number, user: "maintainer", merged: true });
    expect(await publishPullRequest(options)).toEqual({ kind: "unchanged", pullRequest: null });
  });

  it("is enough where it was merged and says the same of another commit", async () => {
    await start();
    const at = (commit: string) => [
      ...exampleFiles(`print(2)  # ${commit}\n`).filter(({ path }) => path !== "metadata.json"),
      {
        path: "metadata.json",
        mode: "100644" as const,
        content: Buffer.from(JSON.stringify({ distiller: { commit } })),
      },
    ];
    const [one, two] = ["1".repeat(40), "2".repeat(40)];
    const { number } = await open({ files: at(one), sourceCommit: one });
    await server.closePullRequest({ owner: "acme", name: "orbits", pull: number, user: "maintainer", merged: true });
    const same = { ...options, files: at(two), sourceCommit: two };
    expect(await publishPullRequest(same)).toEqual({ kind: "unchanged", pullRequest: null });
    const other = at(two).map((file) =>
      file.path === "run.sh" ? { ...file, content: Buffer.from("#!/bin/sh\n") } : file,
    );
    expect(await publishPullRequest({ ...same, files: other })).toMatchObject({ kind: "opened" });
  });

  it("is followed by another where it was merged and the example changed", async () => {
    await start();
    const first = await open();
    await server.closePullRequest({ ...at, pull: first.number, user: "maintainer", merged: true });
    const files = exampleFiles("2\n").filter(({ path }) => path !== "outputs/empty.txt");
    const again = await open({ files, known: first });
    expect(again.number).not.toBe(first.number);
    const tree = await server.readTree("acme", "orbits", again.branch);
    expect(tree.get("examples/orbits/main.py")?.bytes.toString()).toBe("2\n");
    expect(tree.has("examples/orbits/outputs/empty.txt")).toBe(false);
  });

  it("leaves a branch with somebody's commits alone and takes the next name", async () => {
    await start();
    const first = await open();
    const { commit } = await server.pushCommit({
      ...at,
      branch: first.branch,
      path: "notes.md",
      text: "mine\n",
      user: "maintainer",
    });
    await server.closePullRequest({ ...at, pull: first.number, user: "maintainer", merged: false });
    const again = await open({ explicit: true });
    expect(again.branch).toBe("codedistiller/orbits-2");
    expect(await server.branchHead({ ...at, branch: first.branch })).toBe(commit);
    // And it is that one which is updated from then on, known or not.
    for (const known of [again, null]) {
      const third = await publishPullRequest({ ...options, known, files: exampleFiles(`${known?.number}\n`) });
      expect(third).toMatchObject({ kind: "updated", pullRequest: { number: again.number } });
    }
  });

  it("keeps a commit that somebody pushes to the left-over branch while ours is being made", async () => {
    await start();
    const first = await open();
    await server.closePullRequest({ ...at, pull: first.number, user: "maintainer", merged: false });
    server.delay({ method: "POST", path: /\/git\/commits$/, milliseconds: 700, times: 1 });
    const publishing = publishPullRequest({ ...options, explicit: true, files: exampleFiles("2\n") });
    await expect.poll(() => writes().filter((each) => each === "POST /git/trees").length).toBe(2);
    const { commit } = await server.pushCommit({
      ...at,
      branch: first.branch,
      path: "notes.md",
      text: "mine\n",
      user: "maintainer",
    });
    expect(await publishing).toMatchObject({ kind: "opened", pullRequest: { branch: "codedistiller/orbits-2" } });
    expect(await server.branchHead({ ...at, branch: first.branch })).toBe(commit);
  });

  it("takes the name after one that an open pull request of another example has", async () => {
    await start();
    const other = await open({
      branch: "codedistiller/orbits-2",
      folder: "examples/orbits-2",
      marker: "example-orbits-2",
    });
    const first = await open();
    await server.pushCommit({ ...at, branch: first.branch, path: "notes.md", text: "mine\n", user: "maintainer" });
    await server.closePullRequest({ ...at, pull: first.number, user: "maintainer", merged: false });
    expect((await open({ explicit: true })).branch).toBe("codedistiller/orbits-3");
    expect(await server.branchHead({ ...at, branch: other.branch })).toBe(other.headSha);
  });

  it("takes no other example's branch whose name ends in a number", async () => {
    await start();
    const other = await open({
      branch: "codedistiller/orbits-2",
      folder: "examples/orbits-2",
      marker: "example-orbits-2",
    });
    const ours = await open();
    expect(ours.branch).toBe("codedistiller/orbits");
    expect(await server.branchHead({ ...at, branch: other.branch })).toBe(other.headSha);
  });
});

describe("a repository that cannot take an example", () => {
  it("keeps a folder that is not ours", async () => {
    await start({ files: { "examples/orbits/metadata.json": "{}" } });
    expect(await publishPullRequest(options)).toEqual({ kind: "folder-taken", path: "examples/orbits" });
    expect(writes()).toEqual([]);
  });

  it("keeps a file that stands where the folder goes", async () => {
    await start({ files: { "examples/orbits": "a file" } });
    expect(await publishPullRequest(options)).toEqual({ kind: "folder-taken", path: "examples/orbits" });
  });

  it("keeps a file called examples", async () => {
    await start({ files: { examples: "a file" } });
    expect(await publishPullRequest(options)).toMatchObject({ kind: "refused", reasonCode: "blocked-folder" });
  });

  it.each([
    ["no-permission", { writable: false }],
    ["archived", { archived: true }],
  ] as const)("is told apart: %s", async (reasonCode, repository) => {
    await start(repository);
    expect(await publishPullRequest(options)).toMatchObject({ kind: "refused", reasonCode });
  });

  it("is told apart: workflows may not open pull requests, with what to switch on", async () => {
    await start();
    server.forbidActionsPullRequests(at);
    expect(await publishPullRequest(asWorkflow())).toEqual({
      kind: "refused",
      reasonCode: "no-permission",
      explanation: expect.stringContaining('"Allow GitHub Actions to create and approve pull requests"'),
    });
    expect(await server.branchHead({ ...at, branch: "codedistiller/orbits" })).not.toBeNull();
  });

  it("is told apart: a workflow that was not given contents: write", async () => {
    await start();
    expect(await publishPullRequest(asWorkflow({ "pull-requests": "write" }))).toEqual({
      kind: "refused",
      reasonCode: "no-permission",
      explanation: expect.stringMatching(
        /write access to contents and pull requests, .* in the workflow's permissions/,
      ),
    });
  });

  it("is told apart: protected", async () => {
    await start();
    server.protectBranch({ ...at, branch: "codedistiller/orbits" });
    const refused = await publishPullRequest(options);
    expect(refused).toMatchObject({ kind: "refused", reasonCode: "protected" });
    expect(writes().filter((each) => each === "POST /git/refs")).toHaveLength(1);
  });

  it("is told apart: gone", async () => {
    await start({ private: true });
    await server.deleteRepository({ ...at, user: "maintainer" });
    expect(await publishPullRequest(options)).toMatchObject({ kind: "refused", reasonCode: "gone" });
  });

  it("refuses a path that leads out of the folder before anything is sent", async () => {
    await start();
    for (const path of [
      "../main.py",
      ".git/config",
      "a/.GitHub/workflows/x.yml",
      "/etc/passwd",
      "a//b",
      "a\\b",
      "a\nb",
    ]) {
      const files = [...exampleFiles(), { path, mode: "100644" as const, content: Buffer.from("x") }];
      expect(await publishPullRequest({ ...options, files }), path).toMatchObject({
        kind: "refused",
        reasonCode: "unsafe-path",
      });
    }
    expect(writes()).toEqual([]);
  });

  it("is tried again later where GitHub is at its limits", async () => {
    await start();
    server.fail({
      method: "POST",
      path: /\/git\/trees$/,
      status: 403,
      headers: { "retry-after": "30" },
      body: { message: "You have exceeded a secondary rate limit." },
    });
    await expect(publishPullRequest(options)).rejects.toMatchObject({
      code: "github-rate-limited",
      retryable: true,
      retryAfterMs: 30_000,
    });
    await expect(publishPullRequest(options)).resolves.toMatchObject({ kind: "opened" });
  });
});

it("says that a repository without a commit is empty", async () => {
  await start({ files: {} });
  expect(await publishPullRequest(options)).toMatchObject({ kind: "refused", reasonCode: "empty" });
});
