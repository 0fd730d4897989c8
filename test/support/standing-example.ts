import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { ActionResult } from "../../src/action/action-result.ts";
import { type ActionOptions, runAction } from "./action-runner.ts";
import { filesWith, listPaths } from "./command-line.ts";
import type { GitHubServer, RecordedRequest, RepositoryRef, WorkflowPermissions } from "./github-server.ts";

export interface StepOptions extends Omit<ActionOptions, "event"> {
  event?: ActionOptions["event"];
  permissions?: WorkflowPermissions;
}

/** What a step of the action came to. */
export interface Step {
  status: number | null;
  result: ActionResult;
  log: string;
  summary: string;
  /** Of its own repository, without what only reads. */
  writes: RecordedRequest[];
}

const everything = { contents: "write", issues: "write", "pull-requests": "write" } as const;

/** Runs the action, and sees that it left nothing running and no secret anywhere. */
export async function runStep({ permissions = everything, ...options }: StepOptions): Promise<Step> {
  const { github, repository, inputs, environment } = options;
  const token = options.token ?? github.workflowToken({ repository, permissions });
  const before = github.requests.length;
  using ended = await runAction({
    event: { name: "schedule" },
    ...options,
    token,
    inputs: { sandbox: "local", ...inputs },
    // The emulated GitHub has its clones at another address than its API.
    environment: { GITHUB_SERVER_URL: github.gitUrl, ...environment },
  });
  expect(ended.orphans).toEqual([]);
  expect(ended.postStatus).toBe(0);
  const secrets = [
    token,
    ...Object.entries(environment ?? {}).flatMap(([name, value]) => (/KEY$/.test(name) ? value : [])),
  ];
  const at = `/repos/${repository.owner}/${repository.name}/`;
  const ours = github.requests.slice(before).filter(({ path }) => path.startsWith(at));
  const written = [ended.log, ended.postLog, ended.rawSummary, ...Object.values(ended.outputs), JSON.stringify(ours)];
  for (const secret of secrets.filter(Boolean)) {
    expect(written.filter((text) => text.includes(secret))).toEqual([]);
    expect(filesWith(ended.temporary, secret)).toEqual([]);
  }
  const writes = ours.filter(({ method }) => method !== "GET");
  const result = ActionResult.parse(JSON.parse(ended.outputs.result ?? ""));
  return { status: ended.status, result, log: ended.log, summary: ended.summary, writes };
}

/** An example of a repository, as a run makes it: path in its folder -> text. */
export async function makeExample(github: GitHubServer, repository: RepositoryRef): Promise<Record<string, string>> {
  using ended = await runAction({
    github,
    repository,
    event: { name: "workflow_dispatch" },
    inputs: { sandbox: "local", "open-pull-request": "false" },
    environment: { GITHUB_SERVER_URL: github.gitUrl },
  });
  expect(ended.outputs.verdict, ended.log).toBe("verified");
  const folder = ended.outputs["example-path"] ?? "";
  const paths = listPaths(folder).filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

/** The same example as one of another repository, below `examples/`. */
export function placeExample(
  example: Record<string, string>,
  { from, to, slug = to }: { from: string; to: string; slug?: string },
): Record<string, string> {
  const placed = Object.entries(example).map(([path, text]) => [
    `examples/${slug}/${path}`,
    text.replaceAll(`/ada/${from}.git`, `/ada/${to}.git`),
  ]);
  return Object.fromEntries(placed);
}

type Entry = string | null | { mode: string; text: string };

/** One commit of the owner's on a branch; null removes a file. A new branch begins at `from`, or with this commit. */
export async function pushFiles(
  github: GitHubServer,
  { owner, name, branch = "main", from = branch }: RepositoryRef & { branch?: string; from?: string },
  files: Record<string, Entry>,
): Promise<string> {
  const ask = async (method: string, rest: string, body?: unknown) => {
    const answer = await github.call({ method, path: `/repos/${owner}/${name}/git${rest}`, body, as: owner });
    if (answer.status >= 300) throw new Error(`${method} ${rest}: ${JSON.stringify(answer.body)}`);
    return answer.body as { sha: string; tree: { sha: string } };
  };
  const isNew = (await github.branchHead({ owner, name, branch })) === null;
  const head = await github.branchHead({ owner, name, branch: from });
  const tree = Object.entries(files).map(([path, entry]) => {
    const { mode, text } = typeof entry === "object" && entry ? entry : { mode: "100644", text: entry };
    return { path, mode, type: "blob", ...(text === null ? { sha: null } : { content: text }) };
  });
  const base = head === null ? {} : { base_tree: (await ask("GET", `/commits/${head}`)).tree.sha };
  const { sha: treeSha } = await ask("POST", "/trees", { ...base, tree });
  const { sha } = await ask("POST", "/commits", {
    message: "Change files",
    tree: treeSha,
    parents: head === null ? [] : [head],
    author: { name: owner, email: `${owner}@example.org` },
  });
  if (isNew) await ask("POST", "/refs", { ref: `refs/heads/${branch}`, sha });
  else await ask("PATCH", `/refs/heads/${branch}`, { sha });
  return sha;
}

/** Text of each file on the branch of badges; empty where there is none. */
export async function readBadges(github: GitHubServer, at: RepositoryRef): Promise<Record<string, string>> {
  const branch = "codedistiller-badges";
  if ((await github.branchHead({ ...at, branch })) === null) return {};
  const tree = await github.readTree(at.owner, at.name, branch);
  return Object.fromEntries([...tree].map(([path, { bytes }]) => [path, bytes.toString()]));
}

/** Ours, oldest first. */
export async function readIssues(github: GitHubServer, at: RepositoryRef) {
  const { body } = await github.call({
    path: `/repos/${at.owner}/${at.name}/issues?state=all&direction=asc`,
    as: at.owner,
  });
  const issues = body as Array<{
    number: number;
    state: string;
    state_reason: string | null;
    title: string;
    body: string;
    pull_request?: object;
  }>;
  return issues.filter((issue) => !issue.pull_request);
}
