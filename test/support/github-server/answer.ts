import { mirrorBranches } from "./bare-repository.ts";
import { checkAccess } from "./check-access.ts";
import { checkWorkflowAccess } from "./check-workflow-access.ts";
import { completeAnswer } from "./complete-answer.ts";
import type { Emulator } from "./emulator.ts";
import { type Answer, type Ask, asRecord, type RepositoryAsk, refuse } from "./exchange.ts";
import { identityRoute } from "./identity-routes.ts";
import { installationRoute } from "./installation-routes.ts";
import { issueRoute } from "./issue-routes.ts";
import { pullRoute, rememberPull } from "./pull-routes.ts";
import { repositoryRoute } from "./repository-routes.ts";
import { actorOf, findFormer, findRepository, type RepositoryState, type ServerState, userToken } from "./state.ts";
import { workflowRunRoute } from "./workflow-run-routes.ts";

export interface GitHub {
  state: ServerState;
  /** An answer as GitHub gives it. */
  answer(ask: Ask): Promise<Answer>;
  /** The emulator's own, completed; for routes that add to it. */
  pass(ask: Ask): Promise<Answer>;
  /** As a person; JSON. */
  as(login: string, method: string, path: string, body?: unknown): Promise<Answer>;
  /** Makes the bare repository the same as the emulator's; one at a time. */
  mirror(repository: RepositoryState): Promise<void>;
}

/** GitHub's answers: ours where the emulator has none, else the emulator's, completed. */
export function createGitHub({ state, emulator }: { state: ServerState; emulator: Emulator }): GitHub {
  const mirrors = new Map<number, Promise<void>>();
  const pass = async (ask: Ask): Promise<Answer> => {
    const authorization = ask.caller.kind === "nobody" ? {} : { authorization: ask.caller.authorization };
    const answer = await emulator.ask({ ...ask, ...authorization });
    return { ...answer, body: completeAnswer(answer.body, state) };
  };
  const as: GitHub["as"] = (account, method, path, body) => {
    const login = actorOf(state, account);
    const [pathname = "", search = ""] = path.split("?");
    const caller = { kind: "user" as const, login, authorization: `token ${userToken(login)}` };
    return github.answer({
      method,
      path: pathname,
      query: new URLSearchParams(search),
      accept: "application/json",
      body,
      caller,
    });
  };
  const mirror = (repository: RepositoryState): Promise<void> => {
    const path = (rest: string) => `/repos/${repository.owner}/${repository.name}${rest}`;
    const authorization = `token ${userToken(actorOf(state, repository.owner))}`;
    const read = (rest: string) =>
      emulator.ask({ method: "GET", path: path(rest), query: new URLSearchParams(), body: undefined, authorization });
    const next = (mirrors.get(repository.id) ?? Promise.resolve()).then(() => mirrorBranches(repository, read));
    mirrors.set(
      repository.id,
      next.catch(() => undefined),
    );
    return next;
  };
  const github: GitHub = { state, pass, as, mirror, answer: (ask) => answerAsk(github, ask) };
  return github;
}

async function answerAsk(github: GitHub, given: Ask): Promise<Answer> {
  const ask = { ...given, path: resolveRepositoryId(github.state, given.path) };
  const [, owner, name, rest = ""] = /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(ask.path) ?? [];
  if (owner === undefined || name === undefined) {
    return identityRoute(github, ask) ?? (await installationRoute(github, ask)) ?? github.pass(ask);
  }
  const repository = findRepository(github.state, owner, name);
  if (!repository) return redirectFormer(github.state, ask, owner, name, rest);
  const own: RepositoryAsk = { ...ask, path: `/repos/${repository.owner}/${repository.name}${rest}`, repository, rest };
  const refused = (await checkWorkflowAccess(github, own)) ?? checkAccess(own);
  if (refused) return refused;
  const answer =
    (await repositoryRoute(github, own)) ??
    (await issueRoute(github, own)) ??
    (await pullRoute(github, own)) ??
    (await workflowRunRoute(github, own)) ??
    (await github.pass(own));
  if (own.method !== "GET" && answer.status < 300) await follow(github, own, answer);
  return answer;
}

/** What a successful change means beside the emulator. */
async function follow(github: GitHub, ask: RepositoryAsk, answer: Answer): Promise<void> {
  if (/^\/(git\/refs|contents|branches|merges|pulls\/\d+\/merge)/.test(ask.rest)) await github.mirror(ask.repository);
  if (/^\/pulls(\/\d+)?$/.test(ask.rest)) rememberPull(ask.repository, asRecord(answer.body));
}

/** `/repositories/<id>/...`, where GitHub sends those who ask for a former name. */
function resolveRepositoryId(state: ServerState, path: string): string {
  const [, id, rest = ""] = /^\/repositories\/(\d+)(\/.*)?$/.exec(path) ?? [];
  const found = state.repositories.find((one) => one.id === Number(id) && !one.deleted);
  return found ? `/repos/${found.owner}/${found.name}${rest}` : path;
}

function redirectFormer(state: ServerState, ask: Ask, owner: string, name: string, rest: string): Answer {
  const former = findFormer(state, owner, name);
  if (!former) return refuse(404, "Not Found");
  const search = ask.query.size > 0 ? `?${ask.query}` : "";
  const url = `${state.apiUrl}/repositories/${former.id}${rest}${search}`;
  const reading = ask.method === "GET";
  const message = reading ? "Moved Permanently" : "Temporary Redirect";
  return { ...refuse(reading ? 301 : 307, message, { url }), headers: { location: url } };
}
