import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GitHubServer, startGitHub, type WorkflowPermissions } from "../github-server.ts";

const run = promisify(execFile);
const own = { owner: "ada", repo: "peaks" };
const secret = { owner: "ada", repo: "secret" };
const everything: WorkflowPermissions = { contents: "write", issues: "write", "pull-requests": "write" };
const refused = { status: 403, message: /Resource not accessible by integration/ };
let github: GitHubServer;

beforeAll(async () => {
  github = await startGitHub({
    users: [{ login: "grace" }, { login: "helper[bot]", type: "Bot" }],
    repositories: [
      { owner: "ada", name: "peaks", files: { "a.py": "1\n" }, issues: [{ title: "First", user: "grace" }] },
      { owner: "ada", name: "secret", files: { "b.py": "2\n" }, private: true, collaborators: { grace: "read" } },
      { owner: "ada", name: "closed", files: { "c.py": "3\n" }, private: true },
      { owner: "grace", name: "other", files: { "d.py": "4\n" } },
    ],
  });
});

afterAll(async () => {
  await github[Symbol.asyncDispose]();
});

describe("a workflow's token", () => {
  it("comments, commits, opens issues and pull requests as GitHub's own bot", async () => {
    const octokit = asWorkflow(everything);
    const { data: comment } = await octokit.rest.issues.createComment({ ...own, issue_number: 1, body: "Seen" });
    const bot = { login: "github-actions[bot]", type: "Bot", id: 41_898_282 };
    expect(comment).toMatchObject({ user: bot, author_association: "NONE" });
    const { data: pull } = await propose(octokit, "codedistiller/one");
    expect(pull).toMatchObject({ user: bot, head: { ref: "codedistiller/one" } });
    const { data: commit } = await octokit.rest.repos.getCommit({ ...own, ref: pull.head.sha });
    expect(commit).toMatchObject({
      author: bot,
      committer: { login: "web-flow" },
      commit: {
        author: { name: bot.login, email: "41898282+github-actions[bot]@users.noreply.github.com" },
        committer: { name: "GitHub", email: "noreply@github.com" },
        verification: { verified: true },
      },
    });
    await octokit.rest.reactions.createForIssueComment({ ...own, comment_id: comment.id, content: "eyes" });
    const at = { owner: "ada", name: "peaks", comment: comment.id };
    expect(github.reactions(at)).toEqual([{ login: bot.login, content: "eyes" }]);
    const other = asWorkflow(everything, "helper[bot]");
    const { data: issue } = await other.rest.issues.create({ ...own, title: "Broken" });
    expect(issue.user).toMatchObject({ login: "helper[bot]", type: "Bot" });
  });

  it("may write what is granted and nothing else", async () => {
    const octokit = asWorkflow({ contents: "read", issues: "write" });
    await expect(propose(octokit, "codedistiller/refused")).rejects.toMatchObject(refused);
    await octokit.rest.issues.create({ ...own, title: "Granted" });
    await expect(asWorkflow({ contents: "write" }).rest.issues.create({ ...own, title: "No" })).rejects.toMatchObject(
      refused,
    );
    const pull = (await propose(asWorkflow(everything), "codedistiller/two")).data.number;
    const onPull = { ...own, issue_number: pull, body: "Here" };
    const { data: comment } = await asWorkflow({ "pull-requests": "write" }).rest.issues.createComment(onPull);
    const onIssue = { ...own, issue_number: 1, body: "There" };
    const denied = asWorkflow({ "pull-requests": "write" }).rest.issues.createComment(onIssue);
    await expect(denied).rejects.toMatchObject(refused);
    await asWorkflow({ "pull-requests": "write" }).rest.issues.updateComment({
      ...own,
      comment_id: comment.id,
      body: "!",
    });
    const edited = asWorkflow({}).rest.issues.updateComment({ ...own, comment_id: comment.id, body: "?" });
    await expect(edited).rejects.toMatchObject(refused);
    const check = { ...own, name: "codedistiller", head_sha: await head("peaks") };
    await expect(asWorkflow(everything).rest.checks.create(check)).rejects.toMatchObject(refused);
    await asWorkflow({ checks: "write" }).rest.checks.create(check);
  });

  it("reads what is public, of its own private repository what is granted, and no other private one", async () => {
    const octokit = asWorkflow({});
    const { status } = await octokit.rest.repos.getContent({ ...own, path: "a.py" });
    expect(status).toBe(200);
    await octokit.rest.issues.listForRepo(own);
    await octokit.rest.repos.getContent({ owner: "grace", repo: "other", path: "d.py" });
    const elsewhere = asWorkflow(everything).rest.issues.create({ owner: "grace", repo: "other", title: "No" });
    await expect(elsewhere).rejects.toMatchObject(refused);
    const hidden = asWorkflow({ issues: "read" }, undefined, "secret");
    expect((await hidden.rest.repos.get(secret)).data.private).toBe(true);
    await hidden.rest.issues.listForRepo(secret);
    await expect(hidden.rest.repos.getContent({ ...secret, path: "b.py" })).rejects.toMatchObject(refused);
    await expect(hidden.rest.repos.get({ owner: "ada", repo: "closed" })).rejects.toMatchObject({ status: 404 });
    const granted = asWorkflow({ contents: "read" }, undefined, "secret");
    await granted.rest.repos.getContent({ ...secret, path: "b.py" });
  });

  it("is told who it is by GraphQL alone", async () => {
    const octokit = asWorkflow({});
    await expect(octokit.rest.users.getAuthenticated()).rejects.toMatchObject(refused);
    const query = "query { viewer { login } }";
    expect(await octokit.graphql(query)).toEqual({ viewer: { login: "github-actions[bot]" } });
    const grace = asToken(github.userToken("grace"));
    expect(await grace.graphql(query)).toEqual({ viewer: { login: "grace" } });
    expect((await grace.rest.users.getAuthenticated()).data.login).toBe("grace");
    await expect(octokit.graphql("{ viewer { name } }")).rejects.toMatchObject({ status: 400 });
  });

  it("opens no pull request where the repository's settings forbid it", async () => {
    await using server = await startGitHub({
      repositories: [{ owner: "ada", name: "peaks", files: { "a.py": "1\n" } }],
    });
    const repository = { owner: "ada", name: "peaks" };
    server.forbidActionsPullRequests(repository);
    const octokit = asToken(server.workflowToken({ repository, permissions: everything }), server);
    await expect(propose(octokit, "codedistiller/one")).rejects.toMatchObject({
      status: 403,
      message: /^GitHub Actions is not permitted to create or approve pull requests\./,
    });
    expect(await server.branchHead({ ...repository, branch: "codedistiller/one" })).not.toBeNull();
  });

  it("clones its own private repository where it may read contents, and no other", async () => {
    const token = (permissions: WorkflowPermissions) =>
      github.workflowToken({ repository: { owner: "ada", name: "secret" }, permissions });
    expect(await cloneFile("secret", "b.py", token({ contents: "read" }))).toBe("2\n");
    await expect(cloneFile("secret", "b.py", token({ issues: "write" }))).rejects.toThrow(/not found/);
    await expect(cloneFile("closed", "c.py", token({ contents: "write" }))).rejects.toThrow(/not found/);
    expect(await cloneFile("secret", "b.py", github.userToken("grace"))).toBe("2\n");
    await expect(cloneFile("closed", "c.py", github.userToken("grace"))).rejects.toThrow(/not found/);
    await expect(cloneFile("secret", "b.py", "made-up")).rejects.toThrow(/could not read Username/);
  });
});

describe("a person's token", () => {
  it("writes where the person may and does not see what they may not read", async () => {
    const grace = asToken(github.userToken("grace"));
    const { data } = await grace.rest.issues.createComment({ ...own, issue_number: 1, body: "By hand" });
    expect(data.user).toMatchObject({ login: "grace", type: "User" });
    await grace.rest.repos.get(secret);
    await expect(grace.rest.repos.get({ owner: "ada", repo: "closed" })).rejects.toMatchObject({ status: 404 });
    await expect(asToken("ghp_unknown").rest.repos.get(own)).rejects.toMatchObject({ status: 401 });
  });
});

describe("runs of workflows", () => {
  it("are cancelled and started again, where that is granted", async () => {
    const at = { owner: "ada", name: "peaks" };
    const running = github.addWorkflowRun({ ...at, id: 71, status: "in_progress" });
    const octokit = asWorkflow({ actions: "write" });
    await expect(
      asWorkflow({ actions: "read" }).rest.actions.cancelWorkflowRun({ ...own, run_id: 71 }),
    ).rejects.toMatchObject(refused);
    await expect(octokit.rest.actions.reRunWorkflow({ ...own, run_id: 71 })).rejects.toMatchObject({ status: 403 });
    expect((await octokit.rest.actions.cancelWorkflowRun({ ...own, run_id: 71 })).status).toBe(202);
    expect(running).toMatchObject({ status: "completed", conclusion: "cancelled", cancelled: 1, rerun: 0 });
    await expect(octokit.rest.actions.cancelWorkflowRun({ ...own, run_id: 71 })).rejects.toMatchObject({ status: 409 });
    expect((await octokit.rest.actions.reRunWorkflow({ ...own, run_id: 71 })).status).toBe(201);
    const { data } = await octokit.rest.actions.getWorkflowRun({ ...own, run_id: 71 });
    expect(data).toMatchObject({ id: 71, status: "queued", conclusion: null, run_attempt: 2 });
    github.addWorkflowRun({ ...at, id: 72, status: "completed" });
    const { data: list } = await octokit.rest.actions.listWorkflowRunsForRepo({ ...own, status: "success" });
    expect(list.workflow_runs.map(({ id }) => id)).toEqual([72]);
    await expect(octokit.rest.actions.getWorkflowRun({ ...own, run_id: 73 })).rejects.toMatchObject({ status: 404 });
  });
});

describe("issues and branches of a bot", () => {
  it("lists its own issues, with pull requests among them, page by page", async () => {
    const octokit = asWorkflow(everything);
    const { data: issue } = await octokit.rest.issues.create({ ...own, title: "Ours", labels: ["codedistiller"] });
    const pull = (await propose(octokit, "codedistiller/listed")).data.number;
    const creator = "github-actions[bot]";
    const { data: all } = await octokit.rest.issues.listForRepo({ ...own, creator, state: "all" });
    expect(all.slice(0, 2).map(({ number, pull_request }) => [number, pull_request !== undefined])).toEqual([
      [pull, true],
      [issue.number, false],
    ]);
    expect(all.every(({ user }) => user?.login === creator)).toBe(true);
    const paged = await octokit.paginate(octokit.rest.issues.listForRepo, { ...own, state: "all", per_page: 2 });
    const numbers = paged.map(({ number }) => number);
    expect(numbers).toEqual([...numbers].sort((left, right) => right - left));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers).toContain(1);
    const { data: labelled } = await octokit.rest.issues.listForRepo({ ...own, labels: "codedistiller" });
    expect(labelled.map(({ number }) => number)).toEqual([issue.number]);
  });

  it("closes an issue with a reason, and opens it again", async () => {
    const octokit = asWorkflow({ issues: "write" });
    const { data: issue } = await octokit.rest.issues.create({ ...own, title: "Broken", body: "Before" });
    const at = { ...own, issue_number: issue.number };
    const closed = await octokit.rest.issues.update({
      ...at,
      state: "closed",
      state_reason: "not_planned",
      body: "After",
    });
    expect(closed.data).toMatchObject({ state: "closed", state_reason: "not_planned", body: "After" });
    expect((await octokit.rest.issues.update({ ...at, state: "open" })).data).toMatchObject({
      state: "open",
      state_reason: "reopened",
    });
    const done = await octokit.rest.issues.update({ ...at, state: "closed" });
    expect(done.data).toMatchObject({ state_reason: "completed", closed_by: { login: "github-actions[bot]" } });
  });

  it("puts a branch without a past in place of another by force, and git clones it", async () => {
    const octokit = asWorkflow({ contents: "write" });
    const write = async (content: string) => {
      const tree = [{ path: "one.svg", mode: "100644" as const, type: "blob" as const, content }];
      const made = await octokit.rest.git.createTree({ ...own, tree });
      const commit = { ...own, message: "Badges", tree: made.data.sha, parents: [] };
      return (await octokit.rest.git.createCommit(commit)).data.sha;
    };
    await octokit.rest.git.createRef({ ...own, ref: "refs/heads/badges", sha: await write("<svg/>") });
    const sha = await write("<svg>2</svg>");
    const ref = { ...own, ref: "heads/badges", sha };
    await expect(octokit.rest.git.updateRef(ref)).rejects.toMatchObject({ status: 422 });
    await octokit.rest.git.updateRef({ ...ref, force: true });
    const { data: commits } = await octokit.rest.repos.listCommits({ ...own, sha: "badges" });
    expect(commits.map((one) => [one.sha, one.parents])).toEqual([[sha, []]]);
    expect(await cloneFile("peaks", "one.svg", "", "badges")).toBe("<svg>2</svg>");
  });

  it("breaks nothing that GitHub describes", () => {
    expect(github.violations).toEqual([]);
  });
});

function asWorkflow(permissions: WorkflowPermissions, login?: string, name = "peaks"): Octokit {
  const repository = { owner: "ada", name };
  return asToken(github.workflowToken({ repository, permissions, ...(login ? { login } : {}) }));
}

function asToken(auth: string, { apiUrl } = github): Octokit {
  return new Octokit({ baseUrl: apiUrl, auth, log: { debug() {}, info() {}, warn() {}, error() {} } });
}

async function head(name: string): Promise<string> {
  return (await github.branchHead({ owner: "ada", name, branch: "main" })) ?? "";
}

async function propose(octokit: Octokit, branch: string) {
  const base = await octokit.rest.git.getRef({ ...own, ref: "heads/main" });
  const parents = [base.data.object.sha];
  const under = await octokit.rest.git.getCommit({ ...own, commit_sha: base.data.object.sha });
  const entry = { path: `${branch}.py`, mode: "100644" as const, type: "blob" as const, content: "print(1)\n" };
  const tree = await octokit.rest.git.createTree({ ...own, base_tree: under.data.tree.sha, tree: [entry] });
  const commit = await octokit.rest.git.createCommit({ ...own, message: "Add", tree: tree.data.sha, parents });
  await octokit.rest.git.createRef({ ...own, ref: `refs/heads/${branch}`, sha: commit.data.sha });
  return octokit.rest.pulls.create({ ...own, head: branch, base: "main", title: "Add", body: "Body" });
}

/** What a clone of a repository of ada's has in a file; no token where it is empty. */
async function cloneFile(name: string, path: string, token: string, branch = "main"): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-test-clone-"));
  try {
    const header = `http.extraHeader=Authorization: basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
    const shown = token === "" ? [] : ["-c", header];
    const url = `${github.gitUrl}/ada/${name}.git`;
    const argv = [
      "-c",
      `http.sslCAInfo=${github.certificateFile}`,
      ...shown,
      "clone",
      "--quiet",
      "-b",
      branch,
      url,
      folder,
    ];
    await run("git", argv, { env: { PATH: process.env.PATH, GIT_TERMINAL_PROMPT: "0" } });
    return readFileSync(join(folder, path), "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
