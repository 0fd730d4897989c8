import type { GitHub } from "./answer.ts";
import { type Answer, asRecord, type RepositoryAsk, refuse } from "./exchange.ts";
import type { WorkflowRun } from "./protocol.ts";
import { paginate } from "./pull-routes.ts";

/** Runs of workflows, which are cancelled and started again but never performed; null where it is something else. */
export async function workflowRunRoute(github: GitHub, ask: RepositoryAsk): Promise<Answer | null> {
  const { method, rest, repository } = ask;
  if (method === "GET" && rest === "/actions/runs") return listRuns(github, ask);
  const [, id, verb] = /^\/actions\/runs\/(\d+)(?:\/(cancel|rerun))?$/.exec(rest) ?? [];
  if (id === undefined) return null;
  const run = repository.workflowRuns.get(Number(id));
  if (!run) return refuse(404, "Not Found");
  if (verb === undefined) return method === "GET" ? { status: 200, body: await describeRun(github, ask, run) } : null;
  if (method !== "POST") return null;
  return verb === "cancel" ? cancel(run) : rerun(run);
}

function cancel(run: WorkflowRun): Answer {
  if (run.status === "completed") return refuse(409, "Cannot cancel a workflow run that is completed.");
  run.cancelled += 1;
  Object.assign(run, { status: "completed", conclusion: "cancelled" });
  return { status: 202, body: {} };
}

function rerun(run: WorkflowRun): Answer {
  if (run.status !== "completed") return refuse(403, "This workflow is already running");
  run.rerun += 1;
  run.attempt += 1;
  Object.assign(run, { status: "queued", conclusion: null });
  return { status: 201, body: {} };
}

async function listRuns(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const { query, repository } = ask;
  const asked = (name: string, ...values: Array<string | null>) => !query.has(name) || values.includes(query.get(name));
  const found = [...repository.workflowRuns.values()]
    .filter((run) => asked("status", run.status, run.conclusion) && asked("event", run.event))
    .filter((run) => asked("branch", run.headBranch))
    .sort((left, right) => right.id - left.id);
  const answer = paginate(github, ask, await Promise.all(found.map((run) => describeRun(github, ask, run))));
  return { ...answer, body: { total_count: found.length, workflow_runs: answer.body } };
}

async function describeRun(github: GitHub, ask: RepositoryAsk, run: WorkflowRun): Promise<Record<string, unknown>> {
  const { owner, name } = ask.repository;
  const path = `/repos/${owner}/${name}`;
  const url = `${github.state.apiUrl}${path}/actions/runs/${run.id}`;
  const repository = asRecord((await github.as(owner, "GET", path)).body);
  const sha = ask.repository.branches.get(run.headBranch) ?? "0".repeat(40);
  const commit = asRecord((await github.as(owner, "GET", `${path}/git/commits/${sha}`)).body);
  const links = ["jobs", "logs", "cancel", "rerun", "artifacts"].map((part) => [`${part}_url`, `${url}/${part}`]);
  return {
    ...{ id: run.id, node_id: `WFR_${run.id}`, name: "CodeDistiller", display_title: "CodeDistiller" },
    ...{ path: ".github/workflows/codedistiller.yml", workflow_id: 1, run_number: 1, run_attempt: run.attempt },
    ...{ event: run.event, status: run.status, conclusion: run.conclusion, head_branch: run.headBranch, head_sha: sha },
    ...{ url, html_url: `${github.state.apiUrl}/${owner}/${name}/actions/runs/${run.id}`, pull_requests: [] },
    ...{ created_at: run.createdAt, updated_at: run.createdAt, run_started_at: run.createdAt },
    ...{ actor: repository.owner, triggering_actor: repository.owner, repository, head_repository: repository },
    ...Object.fromEntries(links),
    check_suite_url: `${github.state.apiUrl}${path}/check-suites/1`,
    workflow_url: `${github.state.apiUrl}${path}/actions/workflows/1`,
    head_commit: describeCommit(sha, commit),
  };
}

function describeCommit(id: string, commit: Record<string, unknown>): Record<string, unknown> | null {
  if (commit.sha === undefined) return null;
  const person = (value: unknown) => ({ name: asRecord(value).name, email: asRecord(value).email });
  return {
    id,
    tree_id: asRecord(commit.tree).sha,
    message: commit.message,
    timestamp: asRecord(commit.committer).date,
    author: person(commit.author),
    committer: person(commit.committer),
  };
}
