import { z } from "zod";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readGitHub } from "./wrap-github-error.ts";

const Pull = z.object({
  body: z.string().nullable(),
  user: z.object({ login: z.string() }).nullable(),
  head: z.object({ repo: z.object({ full_name: z.string() }).nullish() }),
});

/** Pages of 100, from the newest. */
const mostPages = 10;
const pageSize = 100;

/** The bodies of all open pull requests that we made from branches of the repository itself. Throws GitHubError. */
export async function listProposals({
  github,
  repository,
  botLogin,
}: {
  github: GitHubClient;
  repository: RepositoryName;
  botLogin: string;
}): Promise<string[]> {
  const ownName = `${repository.owner}/${repository.repo}`.toLowerCase();
  const isOurs = ({ user, head }: z.infer<typeof Pull>): boolean =>
    user?.login === botLogin && head.repo?.full_name.toLowerCase() === ownName;
  const bodies: string[] = [];
  for (let page = 1; page <= mostPages; page++) {
    const pulls = await readGitHub("Reading the open pull requests", z.array(Pull), () =>
      github.rest.pulls.list({ ...repository, state: "open", per_page: pageSize, page }),
    );
    bodies.push(...pulls.filter(isOurs).map(({ body }) => body ?? ""));
    if (pulls.length < pageSize) break;
  }
  return bodies;
}
