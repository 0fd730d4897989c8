import type { GitHub } from "./answer.ts";
import { linksOf } from "./complete-answer.ts";
import { type Answer, actingLogin, asRecord, type RepositoryAsk, refuse, refuseInvalid } from "./exchange.ts";
import { listIssues } from "./list-issues.ts";
import type { Reaction } from "./state.ts";

/** Longest body of an issue, a pull request or a comment, in characters. */
const longestBody = 65_536;
const contents = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

/** Issues that are gone, bodies that are too long, reactions, and lists with pull requests among them; null where it is something else. */
export async function issueRoute(github: GitHub, ask: RepositoryAsk): Promise<Answer | null> {
  const { rest, repository } = ask;
  const number = Number(/^\/(?:issues|pulls)\/(\d+)(\/|$)/.exec(rest)?.[1]);
  if (repository.deletedIssues.has(number)) return refuse(410, "This issue was deleted");
  const moved = repository.transferredIssues.get(number);
  if (moved) return redirectIssue(github, ask, number, moved);
  const reacted = /^(\/issues\/\d+|\/issues\/comments\/\d+)\/reactions(?:\/(\d+))?$/.exec(rest);
  if (reacted?.[1]) return answerReactions(github, ask, reacted[1], reacted[2]);
  if (ask.method === "GET" && rest === "/issues") return listIssues(github, ask);
  // The emulator would keep another reason without a word.
  if (asRecord(ask.body).state_reason === "duplicate") throw new Error("No issue is a duplicate here.");
  if (ask.method !== "GET" && /^\/(issues|pulls)(\/|$)/.test(rest)) return checkLength(ask);
  return null;
}

function redirectIssue(
  github: GitHub,
  ask: RepositoryAsk,
  number: number,
  to: { repositoryId: number; number: number },
): Answer {
  const rest = ask.rest.replace(`/issues/${number}`, `/issues/${to.number}`);
  const url = `${github.state.apiUrl}/repositories/${to.repositoryId}${rest}`;
  const reading = ask.method === "GET";
  const message = reading ? "Moved Permanently" : "Temporary Redirect";
  return { ...refuse(reading ? 301 : 307, message, { url }), headers: { location: url } };
}

function checkLength({ body, rest }: RepositoryAsk): Answer | null {
  const text = asRecord(body).body;
  if (typeof text !== "string" || [...text].length <= longestBody) return null;
  const message = `body is too long (maximum is ${longestBody} characters)`;
  const resource = rest.includes("/comments") ? "IssueComment" : rest.startsWith("/pulls") ? "PullRequest" : "Issue";
  return refuseInvalid({ resource, code: "custom", field: "body", message });
}

async function answerReactions(github: GitHub, ask: RepositoryAsk, subject: string, id?: string): Promise<Answer> {
  const about = await github.answer({
    ...ask,
    method: "GET",
    path: ask.path.replace(/\/reactions.*$/, ""),
    body: undefined,
  });
  if (about.status !== 200) return about;
  const key = reactionKey(ask.repository.id, subject);
  const { state } = github;
  if (id !== undefined) {
    state.reactions = state.reactions.filter((one) => one.id !== Number(id) || one.subject !== key);
    return { status: 204, body: undefined };
  }
  const there = state.reactions.filter((one) => one.subject === key);
  if (ask.method === "GET") return { status: 200, body: await Promise.all(there.map((one) => describe(github, one))) };
  const login = actingLogin(state, ask.caller);
  const content = String(asRecord(ask.body).content);
  if (!contents.includes(content)) return refuseInvalid({ resource: "Reaction", field: "content", code: "invalid" });
  const same = there.find((one) => one.login === login && one.content === content);
  if (same) return { status: 200, body: await describe(github, same) };
  const made: Reaction = {
    id: state.nextReactionId++,
    subject: key,
    login,
    content,
    createdAt: new Date().toISOString(),
  };
  state.reactions.push(made);
  return { status: 201, body: await describe(github, made) };
}

export function reactionKey(repositoryId: number, subject: string): string {
  return `${repositoryId}${subject.replace("/issues/comments/", "/comments/")}`;
}

async function describe(github: GitHub, { id, login, content, createdAt }: Reaction): Promise<Record<string, unknown>> {
  return { id, node_id: `REA_${id}`, user: await readAccount(github, login), content, created_at: createdAt };
}

/** An account as answers show it; the app's own appears in the emulator with its first write. */
export async function readAccount(github: GitHub, login: string): Promise<Record<string, unknown>> {
  const found = await github.as(
    github.state.repositories[0]?.owner ?? login,
    "GET",
    `/users/${encodeURIComponent(login)}`,
  );
  if (found.status === 200) return asRecord(found.body);
  if (!login.endsWith("[bot]")) throw new Error(`This GitHub has no account ${login}.`);
  return {
    login,
    id: 900_001,
    node_id: "BOT_900001",
    ...linksOf(login, github.state.apiUrl),
    type: "Bot",
    site_admin: false,
  };
}
