import { createSign } from "node:crypto";
import { Octokit } from "@octokit/rest";
import { type GitHubOptions, type GitHubServer, startGitHub } from "../support/github-server.ts";

export interface Connection extends AsyncDisposable {
  server: GitHubServer;
  /** As the app's installation. */
  github: Octokit;
}

/** A GitHub and the app in it, before its first request. */
export async function connect(options: GitHubOptions): Promise<Connection> {
  const server = await startGitHub(options);
  const token = await createToken(server);
  server.requests.length = 0;
  return {
    server,
    github: clientOf(server, token),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** As whoever a token is of. */
export function clientOf({ apiUrl }: GitHubServer, token: string): Octokit {
  return new Octokit({ baseUrl: apiUrl, auth: token, log: { debug() {}, info() {}, warn() {}, error() {} } });
}

/** The login that a workflow's own token has. */
export const workflowLogin = "github-actions[bot]";

async function createToken({ apiUrl, appCredentials }: GitHubServer): Promise<string> {
  const { appId, privateKey, installationId } = appCredentials;
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: "RS256", typ: "JWT" },
    { iat: now - 30, exp: now + 300, iss: String(appId) },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = createSign("RSA-SHA256").update(text).sign(privateKey, "base64url");
  const answer = await fetch(`${apiUrl}/app/installations/${installationId}/access_tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${text}.${signature}` },
  });
  const { token } = (await answer.json()) as { token: string };
  return token;
}
