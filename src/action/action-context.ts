import type { Config } from "../config.ts";
import type { GitHubClient, RepositoryName } from "../github/github-client.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import type { JobAdapters } from "../jobs/job.ts";
import type { Emit } from "../pipeline/events.ts";
import type { Repository } from "../repository/repository.ts";
import type { Inputs } from "./read-inputs.ts";
import type { Workflow } from "./read-workflow.ts";

/** What the action is made of while it runs, as its root put it together. */
export interface ActionContext {
  inputs: Inputs;
  workflow: Workflow;
  /** By inputs, configuration file and environment. */
  config: Config;
  github: GitHubClient;
  /** The repository that the workflow runs in, as requests name it. */
  at: { github: GitHubClient; repository: RepositoryName };
  /** Whom the token acts for: `github-actions[bot]` for a workflow's own. */
  botLogin: string;
  /** The same, as GitHub describes it. */
  repository: RepositoryFacts;
  /** The files of the workflow's repository at a branch, a tag or a commit; fetched once. */
  cloneOwn: (ref: string) => Promise<Repository>;
  /** Those of a run that fetches a repository of GitHub; the token is shown to nobody else. */
  createAdapters: (source: RepositoryFacts | null) => JobAdapters;
  /** Whether issues and badges may speak of what is found: it is the default branch's, and nobody's proposal. */
  speaksForRepository: boolean;
  /** Shows a run in the log. */
  emit: Emit;
  /** A line for the log; it may hold words from outside. */
  say: (text: string) => void;
  /** Below it runs have their folders; absolute. */
  folder: string;
  signal: AbortSignal;
}
