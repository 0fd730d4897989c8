import type { GitHubClient } from "../github/github-client.ts";
import { type RepositoryFacts, readRepository } from "../github/read-repository.ts";

/**
 * The repository that a command named beside its own; null where it is its own. Another's private code is not brought
 * here, also where the app could read it: who may write here need not be able to read there.
 */
export async function findSource({
  github,
  target,
  url,
  gitHubHost,
}: {
  github: GitHubClient;
  target: RepositoryFacts;
  url: string;
  gitHubHost: string;
}): Promise<{ url: string; name: string } | { problem: string } | null> {
  const { host, pathname } = new URL(url);
  const path = pathname.replace(/^\/|(\.git)?\/?$/g, "");
  const [owner = "", repo = "", ...rest] = path.split("/");
  if (host !== gitHubHost.toLowerCase() || rest.length > 0) return { url, name: `${host}/${path}` };
  const found = await readRepository({ github, repository: { owner, repo } });
  if (found?.id === target.id) return null;
  if (!found || found.isPrivate)
    return { problem: `There is no public repository ${owner}/${repo}. A private one can be distilled where it is.` };
  return { url: found.cloneUrl, name: found.fullName };
}
