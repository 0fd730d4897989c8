import type { GitHub } from "./answer.ts";
import { type Answer, actingLogin, asRecord, type RepositoryAsk, refuse } from "./exchange.ts";
import { readAccount } from "./issue-routes.ts";
import type { RepositoryState } from "./state.ts";

/** Permissions, raw files, git objects and checks; null where the emulator's answer is right as it is. */
export async function repositoryRoute(github: GitHub, ask: RepositoryAsk): Promise<Answer | null> {
  const { rest, method } = ask;
  const login = /^\/collaborators\/([^/]+)\/permission$/.exec(rest)?.[1];
  if (login !== undefined) return answerPermission(github, ask.repository, decodeURIComponent(login));
  if (rest === "/installation") return answerInstallation(github, ask);
  if (ask.repository.branches.size === 0 && /^\/(git|commits|branches\/)/.test(rest) && !isTest(ask)) {
    return refuse(409, "Git Repository is empty.");
  }
  if (method === "GET" && rest.startsWith("/contents") && /\.raw(\+json)?\b/.test(ask.accept))
    return readRaw(github, ask);
  if (method === "GET" && /^\/branches\/.+/.test(rest)) return describeBranch(github, ask);
  if (method === "POST" && rest === "/git/commits") return commit(github, ask);
  if (method !== "GET" && rest.startsWith("/check-runs")) return checkOutput(ask);
  return null;
}

/** Tests fill empty repositories by these very routes. */
function isTest({ caller }: RepositoryAsk): boolean {
  return caller.kind === "user" && caller.outside !== true;
}

async function answerPermission(github: GitHub, repository: RepositoryState, login: string): Promise<Answer> {
  const known = [...github.state.accounts.keys()].find((one) => one.toLowerCase() === login.toLowerCase());
  if (known === undefined) return refuse(404, "Not Found");
  const role = roleOf(repository, known);
  const legacy = { admin: "admin", maintain: "write", write: "write", triage: "read", read: "read", none: "none" };
  const ranks = ["none", "read", "triage", "write", "maintain", "admin"];
  const reaches = (least: string) => ranks.indexOf(role) >= ranks.indexOf(least);
  const permissions = {
    pull: reaches("read"),
    triage: reaches("triage"),
    push: reaches("write"),
    maintain: reaches("maintain"),
    admin: reaches("admin"),
  };
  const user = { ...(await readAccount(github, known)), permissions, role_name: role };
  return { status: 200, body: { permission: legacy[role], user, role_name: role } };
}

export function roleOf({ owner, seed }: RepositoryState, login: string) {
  if (login === owner || login === `${owner}-owner`) return "admin";
  const given = Object.entries(seed.collaborators ?? {}).find(([one]) => one.toLowerCase() === login.toLowerCase());
  return given?.[1] ?? (seed.private ? "none" : "read");
}

async function answerInstallation(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const has = github.state.installations.some((one) => one.installed && one.repositories.has(ask.repository.id));
  return has ? github.pass(ask) : refuse(404, "Not Found");
}

async function describeBranch(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const answer = await github.pass(ask);
  if (answer.status !== 200) return answer;
  const branch = asRecord(answer.body);
  const { owner, name, protectedBranches } = ask.repository;
  const path = `/repos/${owner}/${name}/commits/${asRecord(branch.commit).sha}`;
  const commit = await github.pass({ ...ask, path, query: new URLSearchParams() });
  const isProtected = protectedBranches.has(String(branch.name));
  const url = `${github.state.apiUrl}/repos/${owner}/${name}/branches/${branch.name}`;
  const links = { self: url, html: `${github.state.apiUrl}/${owner}/${name}/tree/${branch.name}` };
  const protection = { enabled: isProtected };
  return { ...answer, body: { ...branch, commit: commit.body, _links: links, protected: isProtected, protection } };
}

async function readRaw(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const answer = await github.pass(ask);
  const { content, type } = asRecord(answer.body);
  if (answer.status !== 200 || type !== "file" || typeof content !== "string") return answer;
  return {
    status: 200,
    body: Buffer.from(content, "base64"),
    headers: { "content-type": "application/vnd.github.raw+json; charset=utf-8" },
  };
}

/**
 * Who commits, as git keeps it: whole seconds, and the bot's account where nobody is named. Those GitHub signs; for a
 * workflow it then stands as committer itself.
 */
async function commit(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const body = asRecord(ask.body);
  const { state } = github;
  const login = actingLogin(state, ask.caller);
  const account = await readAccount(github, login);
  const date = `${new Date().toISOString().slice(0, 19)}Z`;
  const self = { name: login, email: `${account.id}+${login}@users.noreply.github.com`, date };
  const author = { ...self, ...asRecord(body.author) };
  const byBot = ask.caller.kind === "installation" || ask.caller.kind === "workflow";
  const signs = byBot && body.author === undefined && body.committer === undefined;
  const gitHub = signs && ask.caller.kind === "workflow" ? { name: "GitHub", email: "noreply@github.com" } : {};
  const committer = { ...author, ...gitHub, ...asRecord(body.committer) };
  const answer = await github.pass({ ...ask, body: { ...body, author, committer } });
  if (!signs || answer.status !== 201) return answer;
  state.signedCommits.add(String(asRecord(answer.body).sha));
  return github
    .pass({ ...ask, method: "GET", path: `${ask.path}/${asRecord(answer.body).sha}`, body: undefined })
    .then((signed) => ({ ...answer, body: signed.body }));
}

/** Longest texts and most annotations of one request on a check run, as GitHub's description has them. */
function checkOutput({ body }: RepositoryAsk): Answer | null {
  const output = asRecord(asRecord(body).output);
  for (const name of ["summary", "text"]) {
    const length = [...String(output[name] ?? "")].length;
    if (length > 65_535)
      return refuse(422, `Invalid request.\n\nOnly 65535 characters are allowed; ${length} were supplied.`);
  }
  const annotations = Array.isArray(output.annotations) ? output.annotations.length : 0;
  if (annotations <= 50) return null;
  return refuse(422, `Invalid request.\n\nNo more than 50 items are allowed; ${annotations} were supplied.`);
}
