import { z } from "zod";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { nullWhenGone, readGitHub } from "./wrap-github-error.ts";

export interface RepositoryFacts {
  /** Stays when the repository is renamed or transferred. */
  id: number;
  owner: string;
  name: string;
  fullName: string;
  isPrivate: boolean;
  archived: boolean;
  disabled: boolean;
  fork: boolean;
  /** Nothing was pushed yet, as far as GitHub has counted. */
  empty: boolean;
  defaultBranch: string;
  /** Always https, without credentials. */
  cloneUrl: string;
  htmlUrl: string;
}

const RepositoryAnswer = z
  .object({
    id: z.number().int(),
    name: z.string(),
    full_name: z.string(),
    owner: z.object({ login: z.string() }),
    private: z.boolean(),
    archived: z.boolean().default(false),
    disabled: z.boolean().default(false),
    fork: z.boolean(),
    size: z.number(),
    default_branch: z.string(),
    clone_url: z.string().refine(isPlainHttps, "an https address without credentials"),
    html_url: z.string(),
  })
  .transform(
    (answer): RepositoryFacts => ({
      id: answer.id,
      owner: answer.owner.login,
      name: answer.name,
      fullName: answer.full_name,
      isPrivate: answer.private,
      archived: answer.archived,
      disabled: answer.disabled,
      fork: answer.fork,
      empty: answer.size === 0,
      defaultBranch: answer.default_branch,
      cloneUrl: answer.clone_url,
      htmlUrl: answer.html_url,
    }),
  );

/** Null when it is gone, or the app may not see it any more. */
export async function readRepository({
  github,
  repository,
}: {
  github: GitHubClient;
  repository: RepositoryName;
}): Promise<RepositoryFacts | null> {
  return nullWhenGone(
    readGitHub("Reading the repository", RepositoryAnswer, () => github.rest.repos.get({ ...repository })),
  );
}

/** By GitHub's own number, which survives a new name; null when it is gone. */
export async function readRepositoryById({
  github,
  id,
}: {
  github: GitHubClient;
  id: number;
}): Promise<RepositoryFacts | null> {
  return nullWhenGone(
    readGitHub("Reading the repository", RepositoryAnswer, () => github.request("GET /repositories/{id}", { id })),
  );
}

function isPlainHttps(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "https:" && url.username === "" && url.password === "";
}
