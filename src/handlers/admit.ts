import type { z } from "zod";
import { DistillerError } from "../errors.ts";
import type { GitHubClient } from "../github/github-client.ts";
import { readFile } from "../github/read-file.ts";
import { readPermission } from "../github/read-permission.ts";
import { type RepositoryFacts, readRepositoryById } from "../github/read-repository.ts";
import { type AuthorizeOptions, authorize } from "./authorize.ts";
import type { Sender } from "./handler.ts";
import { parseRepositoryConfig, type RepositoryConfig, repositoryConfigFile } from "./repository-config.ts";

export interface AdmitOptions {
  github: GitHubClient;
  repositoryId: number;
  /** Of the app in the repository's account; null where nobody knows of one, as in a workflow. */
  installation: AuthorizeOptions["installation"] | null;
  settings: AuthorizeOptions["settings"];
  sender: z.infer<typeof Sender>;
}

export type Admission =
  | { kind: "admitted"; repository: RepositoryFacts; repositoryConfig: RepositoryConfig | null }
  /** One sentence, for whoever asked. */
  | { kind: "refused"; repository: RepositoryFacts; reasonCode: string; sentence: string }
  /** Who asked may, but the repository's own configuration cannot be used. */
  | { kind: "misconfigured"; repository: RepositoryFacts; problem: string }
  | { kind: "gone" };

/** Whether somebody may have this repository distilled, by the operator's word, the repository's, and GitHub's. */
export async function admit({
  github,
  repositoryId,
  installation,
  settings,
  sender,
}: AdmitOptions): Promise<Admission> {
  const repository = await readRepositoryById({ github, id: repositoryId });
  if (!repository) return { kind: "gone" };
  const name = { owner: repository.owner, repo: repository.name };
  const own = await readRepositoryConfig(github, name);
  const authorization = await authorize({
    sender,
    repository: repository.fullName,
    installation: installation ?? { account: repository.owner, suspended: false },
    settings,
    repositoryConfig: own.config,
    readPermission: () => readPermission({ github, repository: name, login: sender.login }),
  });
  if (!authorization.allowed) {
    const { reasonCode, sentence } = authorization;
    return { kind: "refused", repository, reasonCode, sentence };
  }
  if (own.problem !== null) return { kind: "misconfigured", repository, problem: own.problem };
  return { kind: "admitted", repository, repositoryConfig: own.config };
}

/** From the default branch alone: a pull request cannot change who may. */
export async function readRepositoryConfig(
  github: GitHubClient,
  repository: { owner: string; repo: string },
): Promise<{ config: RepositoryConfig | null; problem: string | null }> {
  try {
    const text = await readFile({ github, repository, path: repositoryConfigFile });
    return { config: text === null ? null : parseRepositoryConfig(text), problem: null };
  } catch (error) {
    // What GitHub did not answer is no fault of the file.
    if (!(error instanceof DistillerError) || error.name === "GitHubError") throw error;
    return { config: null, problem: error.userMessage };
  }
}
