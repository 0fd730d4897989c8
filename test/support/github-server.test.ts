import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { verify } from "@octokit/webhooks-methods";
import { ProbotOctokit } from "probot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture } from "./command-line.ts";
import { type GitHubServer, startGitHub } from "./github-server.ts";

const run = promisify(execFile);
const lab = { owner: "lab", repo: "peakfinder" };
const at = { owner: "lab", name: "peakfinder" };
const here = { owner: "ada", name: "peakfinder" };
const there = { owner: "ada", repo: "peakfinder" };
let github: GitHubServer;
let octokit: ProbotOctokit;

beforeAll(async () => {
  github = await startGitHub({
    users: [
      { login: "lab", type: "Organization" },
      { login: "ada" },
      { login: "stranger" },
      { login: "robot", type: "Bot" },
    ],
    repositories: [
      {
        ...at,
        folder: fixture("peakfinder"),
        files: {
          ".github/codedistiller.yml": "max_cost_usd: 2\n",
          "run.sh": { bytes: "#!/bin/sh\n", executable: true },
          "data.bin": new Uint8Array([0, 255, 10, 13]),
        },
        collaborators: { ada: "maintain" },
        issues: [{ title: "First", user: "stranger" }],
      },
      { owner: "lab", name: "secret", private: true, files: { "README.md": "# Secret\n" } },
      { owner: "lab", name: "empty" },
    ],
  });
  octokit = asInstallation(github);
});

afterAll(async () => {
  await github[Symbol.asyncDispose]();
});

describe("the API", () => {
  it("tells a repository with the address of its clone, and the files that the clone has", async () => {
    const { data } = await octokit.rest.repos.get(lab);
    expect(data).toMatchObject({ full_name: "lab/peakfinder", default_branch: "main", archived: false, fork: false });
    expect(data.clone_url).toBe(`${github.gitUrl}/lab/peakfinder.git`);
    const folder = await clone(github, data.clone_url);
    const { stdout } = await run("git", ["-C", folder, "rev-parse", "HEAD"]);
    expect(await github.branchHead({ ...at, branch: "main" })).toBe(stdout.trim());
    const tree = await github.readTree("lab", "peakfinder", "main");
    for (const [path, { bytes }] of tree) expect(readFileSync(join(folder, path)).equals(bytes), path).toBe(true);
    expect(tree.get("run.sh")?.mode).toBe("100755");
    rmSync(folder, { recursive: true });
  });

  it("gives raw contents", async () => {
    const mediaType = { format: "raw" };
    const { data } = await octokit.rest.repos.getContent({ ...lab, path: "run.sh", mediaType });
    expect(data).toBe("#!/bin/sh\n");
    const { config } = await octokit.config.get({ ...lab, path: ".github/codedistiller.yml" });
    expect(config).toEqual({ max_cost_usd: 2 });
  });

  it("commits by the Git Data API, signed, to where git finds it, and opens one pull request for it", async () => {
    const pull = await propose(octokit, "codedistiller/one", "examples/one/main.py");
    const tree = await github.readTree("lab", "peakfinder", "codedistiller/one");
    expect(tree.get("examples/one/main.py")).toEqual({ mode: "100755", bytes: Buffer.from("print(1)\n") });
    const { data: files } = await octokit.rest.pulls.listFiles({ ...lab, pull_number: pull.number });
    expect(files.map(({ filename, status }) => [filename, status])).toEqual([["examples/one/main.py", "added"]]);
    const { data: commits } = await octokit.rest.pulls.listCommits({ ...lab, pull_number: pull.number });
    expect(commits).toHaveLength(1);
    expect(commits[0]).toMatchObject({
      author: { login: "codedistiller[bot]", type: "Bot" },
      commit: { verification: { verified: true } },
    });
    const again = octokit.rest.pulls.create({ ...lab, head: "codedistiller/one", base: "main", title: "Twice" });
    await expect(again).rejects.toMatchObject({
      status: 422,
      response: { data: { errors: [{ message: "A pull request already exists for lab:codedistiller/one." }] } },
    });
    const pushed = await github.pushCommit({
      ...at,
      branch: "codedistiller/one",
      path: "examples/one/main.py",
      text: "print(2)\n",
      user: "ada",
    });
    const { data: now } = await octokit.rest.pulls.get({ ...lab, pull_number: pull.number });
    expect(now).toMatchObject({ head: { sha: pushed.commit }, commits: 2, changed_files: 1, merged: false });
    const issue = await octokit.rest.issues.get({ ...lab, issue_number: pull.number });
    expect(issue.data.pull_request?.url).toContain("/pulls/");
  });

  it("merges a pull request, and keeps its head when it is closed", async () => {
    const pull = await propose(octokit, "codedistiller/merged", "examples/merged/main.py");
    await github.closePullRequest({ ...at, pull: pull.number, user: "ada", merged: true });
    const { data } = await octokit.rest.pulls.get({ ...lab, pull_number: pull.number });
    expect(data).toMatchObject({
      state: "closed",
      merged: true,
      merged_by: { login: "ada" },
      head: { sha: pull.head.sha },
    });
    expect((await github.readTree("lab", "peakfinder", "main")).has("examples/merged/main.py")).toBe(true);
    const declined = await propose(octokit, "codedistiller/declined", "examples/declined/main.py");
    await github.closePullRequest({ ...at, pull: declined.number, user: "ada", merged: false });
    await github.deleteBranch({ ...at, branch: "codedistiller/declined", user: "ada" });
    const kept = await octokit.rest.pulls.get({ ...lab, pull_number: declined.number });
    expect(kept.data).toMatchObject({ state: "closed", merged: false, head: { sha: declined.head.sha } });
  });

  it("tells permissions with the role, also of those whom nobody named", async () => {
    const ask = async (username: string) =>
      (await octokit.rest.repos.getCollaboratorPermissionLevel({ ...lab, username })).data;
    expect(await ask("ada")).toMatchObject({ permission: "write", role_name: "maintain" });
    expect(await ask("stranger")).toMatchObject({ permission: "read", role_name: "read" });
    expect(await ask("robot")).toMatchObject({ user: { type: "Bot" } });
    await expect(ask("nobody-at-all")).rejects.toMatchObject({ status: 404 });
  });

  it("keeps reactions, one of a kind from one account", async () => {
    const { comment } = await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    const react = () => octokit.rest.reactions.createForIssueComment({ ...lab, comment_id: comment, content: "eyes" });
    expect([(await react()).status, (await react()).status]).toEqual([201, 200]);
    expect(github.reactions({ ...at, comment })).toEqual([{ login: "codedistiller[bot]", content: "eyes" }]);
    await github.deleteComment({ ...at, comment, user: "ada" });
    await expect(react()).rejects.toMatchObject({ status: 404 });
  });

  it("lists the installation's repositories and refuses its git data where there is none", async () => {
    const { data } = await octokit.rest.apps.listReposAccessibleToInstallation({ per_page: 2 });
    expect(data).toMatchObject({ total_count: 3 });
    expect(data.repositories.map(({ name }) => name)).toEqual(["peakfinder", "secret"]);
    await expect(octokit.rest.git.getRef({ owner: "lab", repo: "empty", ref: "heads/main" })).rejects.toMatchObject({
      status: 409,
    });
  });

  it("refuses bodies over GitHub's limits", async () => {
    const body = "x".repeat(65_537);
    await expect(octokit.rest.issues.createComment({ ...lab, issue_number: 1, body })).rejects.toMatchObject({
      status: 422,
    });
  });

  it("records what was asked, and faults where a test wants them", async () => {
    const headers = { "x-ratelimit-remaining": "0", "retry-after": "7" };
    github.fail({ method: "GET", path: /\/repos\/lab\/peakfinder$/, status: 403, headers });
    await expect(octokit.rest.repos.get(lab)).rejects.toMatchObject({ status: 403, response: { headers } });
    await octokit.rest.repos.get(lab);
    const last = github.requests.slice(-2);
    expect(last.map(({ method, path, status }) => [method, path, status])).toEqual([
      ["GET", "/repos/lab/peakfinder", 403],
      ["GET", "/repos/lab/peakfinder", 200],
    ]);
  });
});

describe("clones of private repositories", () => {
  it("need the token of an installation", async () => {
    const url = `${github.gitUrl}/lab/secret.git`;
    await expect(clone(github, url)).rejects.toThrow(/Authentication|terminal prompts disabled/);
    const { token } = (await octokit.auth({ type: "installation" })) as { token: string };
    const folder = await clone(github, url, token);
    expect(readFileSync(join(folder, "README.md"), "utf8")).toBe("# Secret\n");
    rmSync(folder, { recursive: true });
  });
});

describe("GitHub's description", () => {
  it("is kept by everything above, and by what else an app asks", async () => {
    const { rest } = octokit;
    const issue = { ...lab, issue_number: 1 };
    const { data: comment } = await rest.issues.createComment({ ...issue, body: "One" });
    await rest.issues.updateComment({ ...lab, comment_id: comment.id, body: "Two" });
    await rest.issues.getComment({ ...lab, comment_id: comment.id });
    await rest.issues.listComments({ ...issue, per_page: 100 });
    await rest.reactions.createForIssue({ ...issue, content: "eyes" });
    await rest.reactions.listForIssue(issue);
    await rest.reactions.listForIssueComment({ ...lab, comment_id: comment.id });
    await rest.issues.deleteComment({ ...lab, comment_id: comment.id });
    await rest.issues.get(issue);
    await rest.issues.listForRepo(lab);
    await rest.issues.addLabels({ ...issue, labels: ["distill"] });
    await rest.issues.listLabelsOnIssue(issue);
    await rest.issues.listLabelsForRepo(lab);
    await rest.repos.getBranch({ ...lab, branch: "main" });
    await rest.repos.getContent({ ...lab, path: "" });
    await rest.repos.getContent({ ...lab, path: "run.sh" });
    await rest.repos.compareCommitsWithBasehead({ ...lab, basehead: "main...codedistiller/one" });
    const { data: commits } = await rest.repos.listCommits({ ...lab, sha: "codedistiller/one" });
    const head_sha = commits[0]?.sha ?? "";
    await rest.repos.getCommit({ ...lab, ref: head_sha });
    const { data: blob } = await rest.git.createBlob({ ...lab, content: "AAE=", encoding: "base64" });
    await rest.git.getBlob({ ...lab, file_sha: blob.sha });
    await rest.git.getTree({ ...lab, tree_sha: "main", recursive: "true" });
    await rest.git.listMatchingRefs({ ...lab, ref: "heads/codedistiller/" });
    const annotation = {
      path: "run.sh",
      start_line: 1,
      end_line: 1,
      annotation_level: "notice" as const,
      message: "Here",
    };
    const output = { title: "Ran", summary: "It ran.", annotations: [annotation] };
    const check = await rest.checks.create({ ...lab, name: "codedistiller", head_sha, status: "in_progress" });
    const conclusion = "success" as const;
    await rest.checks.update({ ...lab, check_run_id: check.data.id, status: "completed", conclusion, output });
    await rest.checks.listForRef({ ...lab, ref: head_sha });
    await rest.pulls.list({ ...lab, state: "all", head: "lab:codedistiller/one" });
    await rest.pulls.update({ ...lab, pull_number: 2, body: "Changed" });
    await rest.rateLimit.get();
    const app = asApp(github);
    await app.rest.apps.getAuthenticated();
    await app.rest.apps.getInstallation({ installation_id: github.appCredentials.installationId });
    await app.rest.apps.getRepoInstallation(lab);
    expect(github.violations).toEqual([]);
  });

  it("shows what is not in it: operations, parameters, fields and values", async () => {
    await octokit.request("GET /repos/{owner}/{repo}/traffic/views", lab).catch(() => undefined);
    await octokit.request("GET /repos/{owner}/{repo}/issues?sortedBy=age", lab);
    await octokit
      .request("POST /repos/{owner}/{repo}/issues/1/reactions", { ...lab, content: "applause" })
      .catch(() => undefined);
    await octokit.request("POST /repos/{owner}/{repo}/issues/1/comments", { ...lab, body: "x", text: "y" });
    expect(github.violations.splice(0)).toEqual([
      "GET /repos/lab/peakfinder/traffic/views: is not in the cut of GitHub's description",
      "GET /repos/lab/peakfinder/issues: there is no query parameter sortedBy",
      expect.stringContaining("body.content must be equal to one of the allowed values"),
      "POST /repos/lab/peakfinder/issues/1/comments: the body's text is not described",
    ]);
  });
});

describe("webhooks", () => {
  it("are signed and say who, where and which installation", async () => {
    const seen: Array<{ event: unknown; id: unknown; text: string; signature: string }> = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { "x-github-event": event, "x-github-delivery": id, "x-hub-signature-256": signature } = request.headers;
        seen.push({ event, id, text: Buffer.concat(chunks).toString(), signature: String(signature) });
        response.writeHead(202).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    github.deliverTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const delivery = await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    await github.redeliver(delivery);
    const labelled = await github.label({ ...at, issue: 1, user: "ada", label: "distill" });
    const installed = await github.install({ repositories: [at], user: "lab-owner" });
    server.close();
    server.closeAllConnections();
    expect(delivery).toMatchObject({ status: 202, payload: { action: "created" } });
    expect(seen.slice(0, 2).map(({ id }) => id)).toEqual([delivery.id, delivery.id]);
    for (const { text, signature } of seen) {
      expect(await verify(github.appCredentials.webhookSecret, text, signature)).toBe(true);
    }
    const { installationId } = github.appCredentials;
    expect(JSON.parse(seen[0]?.text ?? "")).toMatchObject({
      sender: { login: "ada", type: "User" },
      repository: { full_name: "lab/peakfinder", private: false, owner: { login: "lab" } },
      issue: { number: 1 },
      comment: { body: "/distill", user: { login: "ada" } },
      installation: { id: installationId },
    });
    expect(labelled.payload).toMatchObject({ label: { name: "distill" }, issue: { labels: [{ name: "distill" }] } });
    expect(installed.payload).toMatchObject({
      installation: { id: installationId, account: { login: "lab" } },
      repositories: [{ name: "peakfinder", full_name: "lab/peakfinder" }],
    });
  });
});

describe("what people do", () => {
  it("tells the app of each", async () => {
    await using server = await startGitHub({
      users: [{ login: "ada" }],
      repositories: [
        { ...here, files: { "a.py": "1\n" }, issues: [{ title: "One" }] },
        { owner: "ada", name: "later", files: { "b.py": "2\n" }, installed: false },
        { owner: "ada", name: "guarded", files: { "c.py": "3\n" }, writable: false },
      ],
    });
    const app = asInstallation(server);
    const pull = await propose(app, "codedistiller/one", "examples/one/main.py", there);
    const of = { ...here, user: "ada" };
    const { issue } = await server.openIssue({ ...of, title: "Two" });
    const { comment } = await server.comment({ ...of, issue, body: "/distill" });
    await server.editComment({ ...of, comment, body: "/distill help" });
    await server.editPullRequestBody({ ...of, pull: pull.number, body: "- [x] correct" });
    await server.closePullRequest({ ...of, pull: pull.number, merged: false });
    await server.reopenPullRequest({ ...of, pull: pull.number });
    await server.pushCommit({ ...of, branch: "codedistiller/one", path: "examples/one/main.py", text: null });
    await server.deleteBranch({ ...of, branch: "codedistiller/one" });
    await server.addRepositories({ user: "ada", repositories: [{ owner: "ada", name: "later" }] });
    await server.removeRepositories({ user: "ada", repositories: [{ owner: "ada", name: "later" }] });
    await server.unsuspend({ user: "ada" });
    await server.deleteRepository(of);
    const told = server.deliveries.map(({ event, payload }) => `${event}.${payload.action ?? ""}`);
    expect(told).toEqual([
      ...[
        "issues.opened",
        "issue_comment.created",
        "issue_comment.edited",
        "pull_request.edited",
        "pull_request.closed",
      ],
      ...["pull_request.reopened", "push.", "pull_request.synchronize", "pull_request.closed", "delete."],
      ...["installation_repositories.added", "installation_repositories.removed", "installation.unsuspend"],
      "repository.deleted",
    ]);
    const edited = server.deliveries.find(({ payload }) => payload.action === "edited" && "pull_request" in payload);
    expect(edited?.payload).toMatchObject({
      changes: { body: { from: "Body" } },
      pull_request: {
        body: "- [x] correct",
        head: { sha: pull.head.sha },
        user: { login: server.appLogin, type: "Bot" },
      },
    });
    for (const { payload } of server.deliveries) {
      expect(payload).toMatchObject({
        installation: { id: server.appCredentials.installationId },
        sender: { login: "ada" },
      });
    }
  });

  it("lets them keep the app from writing", async () => {
    await using server = await startGitHub({
      repositories: [
        { ...here, files: { "a.py": "1\n" } },
        { owner: "ada", name: "guarded", files: { "c.py": "3\n" }, writable: false },
      ],
    });
    const app = asInstallation(server);
    const guarded = propose(app, "codedistiller/one", "examples/one/main.py", { owner: "ada", repo: "guarded" });
    await expect(guarded).rejects.toMatchObject({ status: 403, message: /Resource not accessible by integration/ });
    server.protectBranch({ ...here, branch: "codedistiller/one" });
    const refused = propose(app, "codedistiller/one", "examples/one/main.py", there);
    await expect(refused).rejects.toMatchObject({ status: 422, message: /through a pull request/ });
  });
});

describe("what comes to an end", () => {
  it("deleted and transferred issues, renamed, archived and removed repositories, suspended installations", async () => {
    await using server = await startGitHub({
      users: [{ login: "ada" }],
      repositories: [
        { ...at, owner: "ada", files: { "a.py": "1\n" }, issues: [{ title: "One" }, { title: "Two" }] },
        { owner: "ada", name: "other", files: { "b.py": "2\n" } },
      ],
    });
    const app = asInstallation(server);
    await server.deleteIssue({ ...here, issue: 1, user: "ada" });
    await expect(app.rest.issues.createComment({ ...there, issue_number: 1, body: "?" })).rejects.toMatchObject({
      status: 410,
    });
    await server.transferIssue({ ...here, issue: 2, user: "ada", to: { owner: "ada", name: "other" } });
    const moved = await app.rest.issues.createComment({ ...there, issue_number: 2, body: "followed" });
    expect(moved.data.issue_url).toContain("/repos/ada/other/issues/1");
    await server.renameRepository({ ...here, to: "peaks", user: "ada" });
    expect((await app.rest.repos.get(there)).data.full_name).toBe("ada/peaks");
    rmSync(await clone(server, `${server.gitUrl}/ada/peakfinder.git`), { recursive: true });
    rmSync(await clone(server, `${server.gitUrl}/ada/peaks.git`), { recursive: true });
    await server.archive({ owner: "ada", name: "other", user: "ada" });
    const late = app.rest.issues.createComment({ owner: "ada", repo: "other", issue_number: 1, body: "late" });
    await expect(late).rejects.toMatchObject({ status: 403 });
    await server.suspend({ user: "ada" });
    await expect(app.rest.repos.get({ owner: "ada", repo: "peaks" })).rejects.toMatchObject({ status: 403 });
    const { token } = (await app.auth({ type: "installation" })) as { token: string };
    await server.uninstall({ user: "ada" });
    // By hand: Octokit waits six seconds for a token that may not have spread yet.
    const headers = { authorization: `token ${token}` };
    expect((await fetch(`${server.apiUrl}/repos/ada/peaks`, { headers })).status).toBe(401);
  });
});

function asInstallation({ apiUrl, appCredentials }: GitHubServer): ProbotOctokit {
  const { appId, privateKey, installationId } = appCredentials;
  const auth = { appId, privateKey, installationId };
  return new ProbotOctokit({ baseUrl: apiUrl, auth, throttle: { enabled: false }, retry: { enabled: false } });
}

function asApp({ apiUrl, appCredentials }: GitHubServer): ProbotOctokit {
  const { appId, privateKey } = appCredentials;
  return new ProbotOctokit({ baseUrl: apiUrl, auth: { appId, privateKey }, throttle: { enabled: false } });
}

async function propose(octokit: ProbotOctokit, branch: string, path: string, to = lab) {
  const base = await octokit.rest.git.getRef({ ...to, ref: "heads/main" });
  const under = await octokit.rest.git.getCommit({ ...to, commit_sha: base.data.object.sha });
  const entry = { path, mode: "100755" as const, type: "blob" as const, content: "print(1)\n" };
  const tree = await octokit.rest.git.createTree({ ...to, base_tree: under.data.tree.sha, tree: [entry] });
  const parents = [base.data.object.sha];
  const commit = await octokit.rest.git.createCommit({
    ...to,
    message: "Add an example",
    tree: tree.data.sha,
    parents,
  });
  await octokit.rest.git.createRef({ ...to, ref: `refs/heads/${branch}`, sha: commit.data.sha });
  const made = await octokit.rest.pulls.create({
    ...to,
    head: branch,
    base: "main",
    title: "Add an example",
    body: "Body",
  });
  return made.data;
}

async function clone({ certificateFile }: GitHubServer, url: string, token?: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-test-clone-"));
  const header = `http.extraHeader=Authorization: basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  const argv = [
    "-c",
    `http.sslCAInfo=${certificateFile}`,
    ...(token ? ["-c", header] : []),
    "clone",
    "--quiet",
    url,
    folder,
  ];
  const env = { PATH: process.env.PATH, GIT_TERMINAL_PROMPT: "0" };
  await run("git", argv, { env }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  return folder;
}
