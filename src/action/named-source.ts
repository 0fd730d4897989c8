import { ConfigError, RepositoryError } from "../errors.ts";
import { type RepositoryFacts, readRepository } from "../github/read-repository.ts";
import { publishedSource } from "../jobs/verify-published.ts";
import type { PublishedExample } from "../pipeline/verify-example.ts";
import { parseRepositorySource, type RepositorySource } from "../repository/repository-source.ts";
import type { ActionContext } from "./action-context.ts";

/** A repository or an archive beside the workflow's own repository. */
export interface NamedSource {
  /** As a run takes it; https. */
  url: string;
  /** As GitHub knows it; null where it lies elsewhere. */
  facts: RepositoryFacts | null;
}

/**
 * What a text names: `owner/name`, or an https address; null for the workflow's own repository. What lies on the workflow's
 * GitHub is asked for there, whatever it is called by now. Throws what a person can mend.
 */
export async function findNamed(
  text: string,
  { github, repository, workflow }: Pick<ActionContext, "github" | "repository" | "workflow">,
): Promise<NamedSource | null> {
  const address = /^\w[\w-]{0,38}\/[\w.-]{1,100}$/.test(text) ? `https://${workflow.serverHost}/${text}` : text;
  // Nothing of the machine: a path may be in what somebody typed into a form.
  const source = parseRepositorySource(address, { kindOfPath: () => "missing" });
  const url = source.kind === "git" || source.kind === "archive-url" ? source.text : "";
  // The keys that ssh would take are the machine's, not the workflow's.
  if (!/^https:\/\//.test(url))
    throw new ConfigError({
      code: "source-scheme-refused",
      userMessage: "A repository is named as owner/name or by its https address; not by ssh, and not by a path.",
    });
  const named = nameOnGitHub(source, workflow.serverHost);
  if (!named) return { url, facts: null };
  const facts = await readRepository({ github, repository: named });
  if (!facts)
    throw new RepositoryError({
      code: "repository-not-found",
      userMessage: `There is no repository ${named.owner}/${named.repo} that this token may read. Check the name; for a private one give a token that may read it.`,
    });
  const isPart = source.kind === "git" && source.treePath !== null;
  if (facts.id === repository.id && isPart)
    throw new ConfigError({
      code: "part-of-own-repository",
      userMessage: `${text} is a part of this repository itself: name it by ref and subdirectory.`,
    });
  if (facts.id === repository.id) return null;
  return { url: isPart ? url : facts.cloneUrl, facts };
}

/** What an example says it was made from; private only where the workflow itself names that. Throws what a person can mend. */
export async function findPublished(
  example: PublishedExample,
  context: Pick<ActionContext, "github" | "repository" | "workflow">,
  named: NamedSource | null = null,
): Promise<NamedSource | null> {
  const source = await findNamed(publishedSource(example).text, context);
  // Its metadata may be anybody's who can commit here, and what comes of it is shown here.
  if (source?.facts?.isPrivate && source.facts.id !== named?.facts?.id)
    throw new RepositoryError({
      code: "source-is-private",
      userMessage: `The example is of ${source.facts.fullName}, which is private: its code is not brought to another repository. Verify it where it is.`,
    });
  return source;
}

/** Owner and name of a repository that lies on a server. */
function nameOnGitHub(source: RepositorySource, serverHost: string): { owner: string; repo: string } | null {
  const web = source.kind === "git" && source.webUrl !== null ? new URL(source.webUrl) : null;
  if (web?.host !== serverHost.toLowerCase()) return null;
  const [owner, repo, ...rest] = web.pathname.replace(/^\/+|(\.git)?\/*$/g, "").split("/");
  return owner && repo && rest.length === 0 ? { owner, repo } : null;
}
