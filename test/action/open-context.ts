import type { ActionContext } from "../../src/action/action-context.ts";
import { resolveConfig } from "../../src/config.ts";
import { readRepository } from "../../src/github/read-repository.ts";
import { clientOf } from "../github/connect.ts";
import type { GitHubServer, RepositoryRef } from "../support/github-server.ts";

/** The commit that the workflow runs on. */
export const workflowCommit = "8739c740a027a6bb8b5a9c46a4387a9d4f0e015b";

/** What is known before anything is fetched or run; whoever asks for the rest has to bring it. */
export async function openContext(
  github: GitHubServer,
  at: RepositoryRef,
  { token, ...brought }: Partial<ActionContext> & { token?: string } = {},
): Promise<ActionContext & { said: string[] }> {
  const said: string[] = [];
  const client = clientOf(
    github,
    token ?? github.workflowToken({ repository: at, permissions: { contents: "read", issues: "write" } }),
  );
  const repository = await readRepository({ github: client, repository: { owner: at.owner, repo: at.name } });
  if (!repository) throw new Error("It is not there.");
  return {
    github: client,
    at: { github: client, repository: { owner: at.owner, repo: at.name } },
    botLogin: "github-actions[bot]",
    repository,
    workflow: { eventName: "workflow_dispatch", serverHost: "github.example", sha: workflowCommit },
    inputs: { repository: [], "open-pull-request": false },
    config: resolveConfig({ flags: {}, file: null, environment: {} }),
    speaksForRepository: true,
    folder: "/nothing/is/written/here",
    signal: new AbortController().signal,
    emit: () => undefined,
    say: (text: string) => said.push(text),
    said,
    ...brought,
  } as unknown as ActionContext & { said: string[] };
}
