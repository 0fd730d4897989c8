import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { createAdapters } from "../adapters/adapters.ts";
import { createAuthorAdapters } from "../adapters/author-adapters.ts";
import type { Host } from "../adapters/host.ts";
import { createWorkflowHost, describeCommandEnvironment, describeGitEnvironment } from "../adapters/run-host.ts";
import { createWorkflowClient } from "../adapters/workflow-client.ts";
import { allowsHost } from "../app-config.ts";
import { AppSettings } from "../app-settings.ts";
import { RepositoryError } from "../errors.ts";
import { authorizationOf } from "../github/authorization.ts";
import { readLogin } from "../github/read-login.ts";
import { type RepositoryFacts, readRepository } from "../github/read-repository.ts";
import { isSameAddress } from "../repository/git-url.ts";
import type { ActionContext } from "./action-context.ts";
import { createClones, removeClones } from "./clone-own.ts";
import { readConfig } from "./read-config.ts";
import { type Inputs, readInputs } from "./read-inputs.ts";
import { isPullRequestEvent, readWorkflow, type Workflow } from "./read-workflow.ts";

/** Puts together what the action is made of, from the runner's variables. Throws what a person can mend. */
export async function openContext(
  host: Host,
  { emit, say }: Pick<ActionContext, "emit" | "say">,
): Promise<ActionContext & AsyncDisposable> {
  const { environment, signal } = host;
  const inputs = readInputs(environment);
  const workflow = await readWorkflow(environment);
  const config = await readConfig(inputs, workflow, environment);
  const token = inputs["github-token"];
  const github = createWorkflowClient({ token, apiUrl: workflow.apiUrl });
  const repository = await readRepository({ github, repository: workflow.repository });
  if (!repository)
    throw new RepositoryError({
      code: "repository-not-found",
      userMessage:
        "The token may not read the workflow's own repository: give the job permissions: contents: read, or more.",
    });
  const botLogin = await readLogin({ github });
  await mkdir(workflow.temporaryFolder, { recursive: true });
  const folder = await mkdtemp(join(workflow.temporaryFolder, "codedistiller-"));
  const runHost = createWorkflowHost(host);
  const gitEnvironment = describeGitEnvironment({ host, homeFolder: join(folder, "home") });
  const shared = {
    host: runHost,
    warn: say,
    owner: { name: repository.owner, repositoryIsPrivate: repository.isPrivate },
    authors: createAuthorAdapters({
      host: runHost,
      recordFile: null,
      commandEnvironment: describeCommandEnvironment({ host: runHost, alsoPassed: [] }),
    }),
  };
  // A server may ask for a login even of those who read what is public there; it is our own repository's alone.
  const authorize = (source: RepositoryFacts | null) => async (url: string) =>
    source && (source.isPrivate || source.id === repository.id) && isSameAddress(url, source.cloneUrl)
      ? authorizationOf(token)
      : null;
  return {
    inputs,
    workflow,
    config,
    github,
    at: { github, repository: { owner: repository.owner, repo: repository.name } },
    botLogin,
    repository,
    speaksForRepository: !isPullRequestEvent(workflow) && workflow.ref === `refs/heads/${repository.defaultBranch}`,
    cloneOwn: createClones({
      repository,
      folder,
      config,
      gitEnvironment,
      gitAuthorization: authorize(repository),
      signal,
    }),
    createAdapters: (source) => ({
      ...createAdapters(shared),
      gitEnvironment,
      gitAuthorization: authorize(source),
      allowsHost: isAskedByOthers(inputs, workflow) ? boundHosts(workflow, repository) : undefined,
    }),
    emit,
    say,
    folder,
    signal,
    // What was distilled stays for the steps after this one.
    [Symbol.asyncDispose]: () => removeClones(folder),
  };
}

/** Whether somebody else than the workflow's author says where a repository lies: in a comment, or in the files of a pull request. */
function isAskedByOthers({ command }: Inputs, workflow: Workflow): boolean {
  return command === "comment" || isPullRequestEvent(workflow);
}

/** The hosts that the app fetches from where its operator says nothing else: an address may lead into the runner's own network. */
function boundHosts({ serverHost }: Workflow, { cloneUrl }: RepositoryFacts): (host: string) => boolean {
  const allowHosts = [...AppSettings.shape.allow_hosts.parse(undefined), new URL(cloneUrl).host];
  return (host) => allowsHost({ gitHubHost: serverHost, allowHosts }, host);
}
