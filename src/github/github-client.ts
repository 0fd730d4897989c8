import type { Octokit } from "@octokit/rest";

/** What we ask of GitHub: any Octokit with the REST methods, of an app's installation or of a workflow's token. */
export type GitHubClient = Pick<Octokit, "rest" | "request">;

export interface RepositoryName {
  owner: string;
  repo: string;
}
