import { workflowAccount } from "./credentials.ts";
import { asRecord } from "./exchange.ts";
import type { RepositoryState, ServerState } from "./state.ts";

/** What the emulator's answers lack or say otherwise than GitHub, put right wherever it stands in them. */
export function completeAnswer(value: unknown, state: ServerState): unknown {
  if (Array.isArray(value)) return value.map((one) => completeAnswer(one, state));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, completeAnswer(inner, state)]);
  return completeObject(disassociateBot(Object.fromEntries(entries)), state);
}

/** A workflow is nobody's collaborator, which it is to the emulator so that it may write. */
function disassociateBot(object: Record<string, unknown>): Record<string, unknown> {
  if (object.author_association === undefined || asRecord(object.user).type !== "Bot") return object;
  return { ...object, author_association: "NONE" };
}

function completeObject(object: Record<string, unknown>, state: ServerState): Record<string, unknown> {
  if (typeof object.login === "string") return completeAccount(object, state);
  if (typeof object.full_name === "string") return completeRepository(object, state);
  if (typeof object.diff_url === "string" && object.head !== undefined) return completePull(object, state);
  if (typeof object.labels_url === "string" && typeof object.number === "number") return completeIssue(object, state);
  if (typeof object.access_tokens_url === "string") return { ...object, target_id: asRecord(object.account).id };
  if (object.check_suite !== undefined && object.output !== undefined) return completeCheckRun(object);
  if (typeof object.sha === "string") return completeCommit(object, state);
  return object;
}

function completeAccount(account: Record<string, unknown>, state: ServerState): Record<string, unknown> {
  const login = String(account.login);
  const isBot = login.endsWith("[bot]") || state.accounts.get(login) === "Bot";
  const { id, nodeId } = workflowAccount;
  return {
    site_admin: false,
    ...account,
    ...linksOf(login, state.apiUrl),
    ...(isBot ? { type: "Bot" } : {}),
    ...(login === workflowAccount.login ? { id, node_id: nodeId } : {}),
  };
}

/** The addresses that every account has, organizations as well. */
export function linksOf(login: string, apiUrl: string): Record<string, string> {
  const url = `${apiUrl}/users/${encodeURIComponent(login)}`;
  const app = /^(.*)\[bot\]$/.exec(login)?.[1];
  return {
    gravatar_id: "",
    avatar_url: `${apiUrl}/avatars/u/${encodeURIComponent(login)}`,
    url,
    html_url: app === undefined ? `${apiUrl}/${login}` : `${apiUrl}/apps/${app}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
  };
}

function completeRepository(object: Record<string, unknown>, state: ServerState): Record<string, unknown> {
  const found = state.repositories.find((one) => one.id === object.id);
  if (!found || object.clone_url === undefined) return object;
  return {
    ...object,
    pushed_at: object.pushed_at ?? object.created_at,
    subscribers_count: 0,
    network_count: 0,
    clone_url: `${state.gitUrl}/${found.owner}/${found.name}.git`,
    size: found.sizeKb,
    fork: found.seed.fork ?? false,
    archived: found.archived,
    disabled: found.seed.disabled ?? false,
  };
}

function completePull(pull: Record<string, unknown>, state: ServerState): Record<string, unknown> {
  const repository = findByUrl(state, pull.url);
  const known = repository?.pulls.get(Number(pull.number));
  if (!repository || !known) return pull;
  const at = known.closed ?? { head: repository.branches.get(known.head), base: repository.branches.get(known.base) };
  const { merged } = known;
  return {
    ...pull,
    head: { ...asRecord(pull.head), ...(at.head ? { sha: at.head } : {}) },
    base: { ...asRecord(pull.base), ...(at.base ? { sha: at.base } : {}) },
    merged_at: merged?.at ?? null,
    merge_commit_sha: merged?.commit ?? null,
    ...("merged" in pull ? { merged: merged !== null, merged_by: merged?.by ?? null } : {}),
  };
}

/** An issue says whether it is a pull request. */
function completeIssue(issue: Record<string, unknown>, state: ServerState): Record<string, unknown> {
  const repository = findByUrl(state, issue.url);
  const known = repository?.pulls.get(Number(issue.number));
  if (!repository || !known) return issue;
  const web = `${state.apiUrl}/${repository.owner}/${repository.name}/pull/${issue.number}`;
  const url = `${state.apiUrl}/repos/${repository.owner}/${repository.name}/pulls/${issue.number}`;
  const merged_at = known.merged?.at ?? null;
  const links = { url, html_url: web, diff_url: `${web}.diff`, patch_url: `${web}.patch`, merged_at };
  return { ...issue, html_url: web, draft: false, pull_request: links };
}

function completeCheckRun(run: Record<string, unknown>): Record<string, unknown> {
  return { ...run, output: { ...asRecord(run.output), annotations_url: `${run.url}/annotations` } };
}

function completeCommit(object: Record<string, unknown>, state: ServerState): Record<string, unknown> {
  if (!state.signedCommits.has(String(object.sha))) return object;
  const verification = {
    verified: true,
    reason: "valid",
    signature: "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
    payload: `tree ${asRecord(object.tree).sha}`,
    verified_at: "2026-01-01T00:00:00Z",
  };
  if ("verification" in object) return { ...object, verification };
  if ("commit" in object) return { ...object, commit: { ...asRecord(object.commit), verification } };
  return object;
}

function findByUrl(state: ServerState, url: unknown): RepositoryState | undefined {
  const [, owner, name] = /\/repos\/([^/]+)\/([^/]+)\//.exec(String(url)) ?? [];
  return state.repositories.find((one) => one.owner === owner && one.name === name && !one.deleted);
}
