import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGitHttpServer } from "./git-http-server.ts";
import { createGitHub } from "./github-server/answer.ts";
import { checkDescription } from "./github-server/check-description.ts";
import { appId, appPrivateKey, firstInstallationId, webhookSecret } from "./github-server/credentials.ts";
import { createWebhooks } from "./github-server/deliver.ts";
import { startEmulator } from "./github-server/emulator.ts";
import { createInstalling } from "./github-server/installing.ts";
import { listen, type Traffic } from "./github-server/listen.ts";
import { createPeople } from "./github-server/people.ts";
import type { GitHubOptions, GitHubServer } from "./github-server/protocol.ts";
import { createReading } from "./github-server/reading.ts";
import { roleOf } from "./github-server/repository-routes.ts";
import { composeSeed, fillRepository, listAccounts, ownersOf } from "./github-server/seed.ts";
import { findFormer, findRepository, type RepositoryState, type ServerState } from "./github-server/state.ts";
import { createWorkflows } from "./github-server/workflow-tokens.ts";

export type * from "./github-server/protocol.ts";

/** GitHub on a free port of this machine: its REST API, its git over https, and its webhooks. */
export async function startGitHub(options: GitHubOptions): Promise<GitHubServer> {
  await using stack = new AsyncDisposableStack();
  const root = mkdtempSync(join(tmpdir(), "codedistiller-github-"));
  stack.defer(() => rmSync(root, { recursive: true, force: true }));
  const traffic: Traffic = { requests: [], violations: [], faults: [], delays: [], check: checkDescription };
  const front = await listen(traffic);
  stack.defer(async () => {
    front.server.closeAllConnections();
    await new Promise((resolve) => front.server.close(resolve));
  });
  const state: ServerState = createState(options, front.url);
  const gitAuthorizations: (string | null)[] = [];
  const intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    gitAuthorizations.push(request.headers.authorization ?? null);
    return refuseClone(state, request, response);
  };
  const gitServer = stack.use(await startGitHttpServer({ root, intercept }));
  state.gitUrl = gitServer.url;
  const emulator = stack.use(await startEmulator({ apiUrl: front.url, seed: composeSeed(options, state) }));
  const github = createGitHub({ state, emulator });
  for (const seed of options.repositories) {
    await fillRepository(github, seed, join(root, seed.owner, `${seed.name}.git`));
  }
  front.serve(github);
  const webhooks = createWebhooks();
  const disposables = stack.move();
  return {
    apiUrl: front.url,
    gitUrl: gitServer.url,
    certificateFile: gitServer.certificateFile,
    appCredentials: { appId, privateKey: appPrivateKey(), webhookSecret, installationId: firstInstallationId },
    appLogin: `${state.appSlug}[bot]`,
    requests: traffic.requests,
    gitRequests: gitServer.requests,
    gitAuthorizations,
    violations: traffic.violations,
    deliveries: webhooks.deliveries,
    fail: (fault) => void traffic.faults.push({ times: 1, ...fault }),
    delay: (delay) => void traffic.delays.push({ times: Number.POSITIVE_INFINITY, ...delay }),
    clearFaults() {
      traffic.faults.length = 0;
      traffic.delays.length = 0;
    },
    deliverTo: webhooks.deliverTo,
    send: webhooks.send,
    redeliver: ({ event, payload, id }) => webhooks.send(event, payload, { delivery: id }),
    ...createReading(github),
    ...createPeople(github, webhooks),
    ...createInstalling(github, webhooks),
    ...createWorkflows(github),
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  };
}

function createState(options: GitHubOptions, apiUrl: string): ServerState {
  return {
    apiUrl,
    gitUrl: "",
    appSlug: options.appSlug ?? "codedistiller",
    repositories: [],
    installations: ownersOf(options.repositories).map((account, index) => ({
      id: firstInstallationId + index,
      account,
      repositories: new Set(),
      installed: false,
      suspended: false,
    })),
    accounts: listAccounts(options),
    tokens: new Map(),
    workflowTokens: new Map(),
    personalTokens: new Map(),
    reactions: [],
    nextReactionId: 1,
    signedCommits: new Set(),
  };
}

/** Private repositories are there for those who show a token that may read them; to others they do not exist. */
function refuseClone(state: ServerState, request: IncomingMessage, response: ServerResponse): boolean {
  const [, owner = "", name = ""] = /^\/([^/]+)\/([^/]+)\.git\//.exec(request.url ?? "") ?? [];
  const repository = findRepository(state, owner, name) ?? findFormer(state, owner, name);
  if (repository && repository.seed.private !== true) return false;
  const [, encoded = ""] = /^basic (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
  const [user, token = ""] = Buffer.from(encoded, "base64").toString().split(":");
  const mayRead = user === "x-access-token" ? readableBy(state, token) : null;
  if (!mayRead) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"' }).end("Repository not found.");
    return true;
  }
  if (repository && mayRead(repository)) return false;
  response.writeHead(404).end("Repository not found.");
  return true;
}

/** Which private repositories a token may clone; null for one that GitHub does not know, or no longer. */
function readableBy(state: ServerState, token: string): ((repository: RepositoryState) => boolean) | null {
  const grant = state.workflowTokens.get(token);
  if (grant) return ({ id }) => grant.repositoryId === id && grant.permissions.contents !== undefined;
  const person = state.personalTokens.get(token);
  if (person !== undefined) return (repository) => roleOf(repository, person) !== "none";
  const issued = state.tokens.get(token);
  if (!issued?.installation.installed || issued.expiresAt <= Date.now()) return null;
  return ({ id }) => issued.installation.repositories.has(id);
}
