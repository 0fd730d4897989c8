import { z } from "zod";
import { GitHubError } from "../errors.ts";
import { readGitHub } from "./wrap-github-error.ts";

/** An Octokit, as far as it asks GitHub's GraphQL API. */
export interface GraphqlClient {
  graphql: (query: string) => Promise<unknown>;
}

const what = "Reading whose token it is";
const Viewer = z.object({ viewer: z.object({ login: z.string().min(1) }) });

/** How Octokit throws what GraphQL refuses with status 200. */
const GraphqlFailure = z.object({
  name: z.literal("GraphqlResponseError"),
  errors: z.array(z.object({ message: z.string() })).catch([]),
});

/**
 * The login that a token writes as: `github-actions[bot]` for a workflow's, `<app>[bot]` for an app's, a person's own. The
 * REST API does not tell it of the first two. Throws GitHubError.
 */
export async function readLogin({ github }: { github: GraphqlClient }): Promise<string> {
  const { viewer } = await readGitHub(what, Viewer, async () => ({ data: await ask(github) }));
  return viewer.login;
}

async function ask(github: GraphqlClient): Promise<unknown> {
  try {
    return await github.graphql("{ viewer { login } }");
  } catch (error) {
    const failure = GraphqlFailure.safeParse(error);
    if (!failure.success) throw error;
    const said = failure.data.errors
      .map(({ message }) => message.replace(/[\s\p{Cc}]+/gu, " ").slice(0, 300))
      .join("; ");
    throw new GitHubError({
      code: "github-forbidden",
      userMessage: `${what} failed: ${said ? `GitHub says "${said}". ` : ""}Check the token.`,
      said,
      cause: error,
    });
  }
}
