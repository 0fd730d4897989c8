import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { passThroughEnvironment } from "../../../src/sandboxes/pass-through-environment.ts";
import type { ActionOptions } from "../action-runner.ts";
import { hostPath } from "../command-line.ts";

export interface Job {
  workspace: string;
  temporary: string;
  /** Tells what the job left running. */
  trackingId: string;
  environment: Record<string, string>;
}

/** The folders of a job and its variables, of which none is this process's own. */
export async function describeJob(options: ActionOptions, folder: string): Promise<Job> {
  const { github, event, runId = 1_000_001, environment = {} } = options;
  const { owner, name } = options.repository;
  const read = await readRepository(options);
  const [temporary, toolCache] = [join(folder, "work", "_temp"), join(folder, "work", "_tool")];
  const [workspace, home, cache] = [join(folder, "work", name, name), join(folder, "home"), join(folder, "cache")];
  for (const one of [temporary, toolCache, workspace, home, cache]) mkdirSync(one, { recursive: true });
  for (const [path, text] of Object.entries(options.workspace ?? {})) writeFile(join(workspace, path), text);
  const sender = event.payload?.sender ?? (await readUser(options, event.actor ?? owner));
  const eventPath = join(temporary, "_github_workflow", "event.json");
  writeFile(eventPath, JSON.stringify({ repository: read.body, sender, ...event.payload }));
  const actor = event.actor ?? String((sender as { login?: string }).login);
  const ref = event.ref ?? `refs/heads/${read.defaultBranch}`;
  const branch = ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : read.defaultBranch;
  const sha = event.sha ?? (await github.branchHead({ owner, name, branch })) ?? "";
  const trackingId = `github_${crypto.randomUUID()}`;
  return {
    workspace,
    temporary,
    trackingId,
    environment: {
      PATH: hostPath,
      HOME: home,
      LANG: "C.UTF-8",
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_ACTION: "__self",
      GITHUB_ACTOR: actor,
      GITHUB_TRIGGERING_ACTOR: actor,
      GITHUB_API_URL: github.apiUrl,
      GITHUB_GRAPHQL_URL: `${github.apiUrl}/graphql`,
      // Where its clones come from, as everywhere.
      GITHUB_SERVER_URL: github.gitUrl,
      GITHUB_EVENT_NAME: event.name,
      GITHUB_EVENT_PATH: eventPath,
      GITHUB_JOB: "distill",
      GITHUB_WORKFLOW: "CodeDistiller",
      GITHUB_WORKFLOW_REF: `${owner}/${name}/.github/workflows/codedistiller.yml@${ref}`,
      GITHUB_WORKFLOW_SHA: sha,
      GITHUB_REF: ref,
      GITHUB_REF_NAME: ref.replace(/^refs\/(heads|tags|pull)\//, ""),
      GITHUB_REF_TYPE: ref.startsWith("refs/tags/") ? "tag" : "branch",
      GITHUB_REF_PROTECTED: "false",
      GITHUB_BASE_REF: "",
      GITHUB_HEAD_REF: "",
      GITHUB_REPOSITORY: `${owner}/${name}`,
      GITHUB_REPOSITORY_ID: String(read.body.id),
      GITHUB_REPOSITORY_OWNER: owner,
      GITHUB_REPOSITORY_OWNER_ID: String(read.ownerId),
      GITHUB_RETENTION_DAYS: "90",
      GITHUB_RUN_ID: String(runId),
      GITHUB_RUN_NUMBER: "1",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_SHA: sha,
      GITHUB_WORKSPACE: workspace,
      RUNNER_ARCH: process.arch.toUpperCase(),
      RUNNER_ENVIRONMENT: "github-hosted",
      RUNNER_NAME: "Test",
      RUNNER_OS: "Linux",
      RUNNER_TEMP: temporary,
      RUNNER_TOOL_CACHE: toolCache,
      RUNNER_TRACKING_ID: trackingId,
      CODEDISTILLER_CACHE: cache,
      ...(options.withPackages ? passThroughEnvironment(process.env).variables : {}),
      // After the packages', which may name another.
      GIT_SSL_CAINFO: github.certificateFile,
      ...environment,
    },
  };
}

async function readRepository({ github, repository: { owner, name } }: ActionOptions) {
  const { status, body } = await github.call({ path: `/repos/${owner}/${name}`, as: owner });
  if (status !== 200) throw new Error(`This GitHub has no repository ${owner}/${name}.`);
  const read = body as Record<string, unknown> & { default_branch: string; owner: { id: number } };
  return { body: read, defaultBranch: read.default_branch, ownerId: read.owner.id };
}

async function readUser({ github, repository }: ActionOptions, login: string): Promise<unknown> {
  const { status, body } = await github.call({ path: `/users/${encodeURIComponent(login)}`, as: repository.owner });
  // An organization's, which nobody acts as.
  return status === 200 ? body : { login };
}

function writeFile(path: string, bytes: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}
