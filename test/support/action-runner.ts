import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeJob, type Job } from "./action-runner/describe-job.ts";
import { endOrphans } from "./action-runner/end-orphans.ts";
import type { Command } from "./action-runner/parse-command.ts";
import { inputVariables, readAction } from "./action-runner/read-action.ts";
import { readEnvironmentFile } from "./action-runner/read-environment-file.ts";
import { type Annotation, createOutputReader, maskSecrets, type OutputReader } from "./action-runner/read-output.ts";
import { type EndedStep, runStep } from "./action-runner/run-step.ts";
import type { GitHubServer, RepositoryRef } from "./github-server.ts";

export interface ActionOptions {
  github: GitHubServer;
  /** Where the workflow runs. */
  repository: RepositoryRef;
  /** As a workflow's `with`; the rest has `action.yml`'s defaults. */
  inputs?: Record<string, string>;
  event: {
    name: string;
    /** Laid over the repository and its owner as sender. */
    payload?: Record<string, unknown>;
    /** The payload's sender where it is left out. */
    actor?: string;
    /** The default branch where it is left out: `refs/heads/main`. */
    ref?: string;
    /** The branch's commit where it is left out. */
    sha?: string;
  };
  /** `github.token`; one that may write contents, issues and pull requests where it is left out. */
  token?: string;
  /** A workflow's `env`. */
  environment?: Record<string, string>;
  runId?: number;
  /** Path in the workspace -> what lies there. */
  workspace?: Record<string, string | Uint8Array>;
  /** Folder with `action.yml`; the project's own where it is left out. */
  action?: string;
  /** Runs in place of what `action.yml` names. */
  entry?: string;
  /** Lets variables through that say where packages come from. */
  withPackages?: boolean;
  /** Asked after each piece of output; once true, the job is cancelled: SIGINT, SIGTERM, SIGKILL. */
  cancel?: (output: string) => boolean;
  /** The same, for a crash: SIGKILL at once. */
  kill?: (output: string) => boolean;
  /** Of each step; 120 where it is left out. One that takes longer fails its test. */
  timeoutSeconds?: number;
}

/** What an action left behind. `using` removes its folder. */
export interface EndedAction extends Disposable {
  /** Null where a signal ended it. */
  status: number | null;
  /** Of the post step; null where a signal ended it, or where there is none. */
  postStatus: number | null;
  outputs: Record<string, string>;
  /** What the main step kept for the post step. */
  state: Record<string, string>;
  /** What it set for the steps after it. */
  exported: Record<string, string>;
  /** As GitHub shows it, with masks; and as it was written. */
  summary: string;
  rawSummary: string;
  /** What the action asked to be masked, in this order. The token is masked without. */
  masks: string[];
  /** Of both steps, as groups and commands are. */
  annotations: Annotation[];
  groups: Array<{ name: string; lines: string[] }>;
  commands: Command[];
  /** As a reader sees it: each line masked as far as masks were known. */
  log: string;
  postLog: string;
  /** stdout and stderr as they came. */
  raw: string;
  postRaw: string;
  /** Command lines of what was still running after the post step, and was ended. */
  orphans: string[];
  workspace: string;
  temporary: string;
  /** Of the main step. */
  seconds: number;
}

/** Longest job summary that GitHub takes, in bytes. */
const longestSummary = 1024 * 1024;

/** Runs an action as GitHub's runner does: the main step, and then its post step whatever became of the first. */
export async function runAction(options: ActionOptions): Promise<EndedAction> {
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-runner-"));
  using stack = new DisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const { github, repository } = options;
  const permissions = { contents: "write", issues: "write", "pull-requests": "write" } as const;
  const token = options.token ?? github.workflowToken({ repository, permissions });
  const action = readAction(options.action ?? fileURLToPath(new URL("../..", import.meta.url)), token);
  const job = await describeJob(options, folder);
  stack.defer(() => void endOrphans(job.trackingId));
  const environment = { ...inputVariables(action.defaults, options.inputs ?? {}), ...job.environment };
  const masks: string[] = [];
  const main = await performStep({ options, job, entry: options.entry ?? action.main, environment, masks, token });
  const { cancel: _, kill: __, ...kept } = options;
  const state = Object.entries(main.state).map(([name, value]) => [`STATE_${name}`, value]);
  const path = [...main.paths.reverse(), environment.PATH].join(":");
  const later = { ...environment, ...main.exported, PATH: path, ...Object.fromEntries(state) };
  const entry = options.entry ?? action.post;
  const post =
    action.post === null || entry === null
      ? null
      : await performStep({ options: kept, job, entry, environment: later, masks, token });
  const orphans = endOrphans(job.trackingId);
  const disposables = stack.move();
  const rawSummary = main.summary + (post?.summary ?? "");
  return {
    status: main.status,
    postStatus: post?.status ?? null,
    outputs: main.outputs,
    state: main.state,
    exported: main.exported,
    summary: maskSecrets(rawSummary, [token, ...masks]),
    rawSummary,
    masks,
    annotations: [...main.read.annotations, ...(post?.read.annotations ?? [])],
    groups: [...main.read.groups, ...(post?.read.groups ?? [])],
    commands: [...main.read.commands, ...(post?.read.commands ?? [])],
    log: main.read.log.join("\n"),
    postLog: post?.read.log.join("\n") ?? "",
    raw: main.raw,
    postRaw: post?.raw ?? "",
    orphans,
    workspace: job.workspace,
    temporary: job.temporary,
    seconds: main.seconds,
    [Symbol.dispose]: () => disposables.dispose(),
  };
}

interface Step extends EndedStep {
  read: OutputReader;
  outputs: Record<string, string>;
  state: Record<string, string>;
  exported: Record<string, string>;
  paths: string[];
  summary: string;
  seconds: number;
}

interface StepToPerform {
  options: ActionOptions;
  job: Job;
  entry: string;
  environment: Record<string, string>;
  /** Added to. */
  masks: string[];
  token: string;
}

/** One step with files of its own to write into, which are read when it has ended. */
async function performStep({ options, job, entry, environment, masks, token }: StepToPerform): Promise<Step> {
  const folder = join(job.temporary, "_runner_file_commands");
  mkdirSync(folder, { recursive: true });
  const names = ["GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] as const;
  const id = crypto.randomUUID();
  const files = Object.fromEntries(names.map((name) => [name, join(folder, `${name.toLowerCase()}_${id}`)]));
  for (const path of Object.values(files)) writeFileSync(path, "");
  const started = performance.now();
  const ended = await runStep({
    entry,
    workingFolder: job.workspace,
    environment: { ...environment, ...files },
    timeoutSeconds: options.timeoutSeconds ?? 120,
    ...(options.cancel ? { cancel: options.cancel } : {}),
    ...(options.kill ? { kill: options.kill } : {}),
  });
  const seconds = (performance.now() - started) / 1000;
  const read = createOutputReader({ masks, secrets: [token] });
  for (const line of ended.lines) read.line(line);
  const textOf = (name: (typeof names)[number]) => readFileSync(files[name] ?? "", "utf8");
  const exported = readEnvironmentFile(textOf("GITHUB_ENV"));
  if ("NODE_OPTIONS" in exported) throw new Error("The runner refuses NODE_OPTIONS in GITHUB_ENV.");
  const summary = textOf("GITHUB_STEP_SUMMARY");
  if (Buffer.byteLength(summary) > longestSummary) throw new Error("The summary is longer than GitHub takes.");
  return {
    ...ended,
    read,
    outputs: { ...read.outputs, ...readEnvironmentFile(textOf("GITHUB_OUTPUT")) },
    state: { ...read.state, ...readEnvironmentFile(textOf("GITHUB_STATE")) },
    exported,
    paths: textOf("GITHUB_PATH").split("\n").filter(Boolean),
    summary,
    seconds,
  };
}
