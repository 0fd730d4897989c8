import type { GitHub } from "./answer.ts";
import { type Answer, type Ask, asRecord, refuse } from "./exchange.ts";
import { readAccount } from "./issue-routes.ts";
import { actorOf } from "./state.ts";

/** What an app asks about its installations; null where it is something else. */
export async function installationRoute(github: GitHub, ask: Ask): Promise<Answer | null> {
  const [, id] = /^\/app\/installations\/(\d+)(\/access_tokens)?$/.exec(ask.path) ?? [];
  if (id !== undefined) return answerInstallation(github, ask, Number(id));
  if (ask.path === "/installation/repositories" && ask.method === "GET") return listRepositories(github, ask);
  if (ask.path === "/app") return describeApp(github, ask);
  if (ask.path === "/app/installations") return listInstallations(github, ask);
  return null;
}

async function answerInstallation(github: GitHub, ask: Ask, id: number): Promise<Answer> {
  const installation = github.state.installations.find((one) => one.id === id && one.installed);
  if (!installation) return refuse(404, "Not Found");
  if (ask.method === "POST" && installation.suspended) return refuse(403, "This installation has been suspended");
  const answer = await github.pass(ask);
  if (answer.status >= 300) return answer;
  const body = { ...asRecord(answer.body) };
  if (ask.method === "GET") {
    const suspended_at = installation.suspended ? "2026-01-01T00:00:00Z" : null;
    return { ...answer, body: { ...body, repository_selection: "selected", suspended_at } };
  }
  github.state.tokens.set(String(body.token), { installation, expiresAt: Date.parse(String(body.expires_at)) });
  // GitHub repeats the repositories whole where a token is for some of them; the emulator's are cut, and nobody reads them.
  const { repositories: _, ...token } = body;
  return { ...answer, body: { ...token, repository_selection: "selected" } };
}

/** The app belongs to the first account of the test's GitHub. */
async function describeApp(github: GitHub, ask: Ask): Promise<Answer> {
  const answer = await github.pass(ask);
  const login = github.state.repositories[0]?.owner;
  if (answer.status !== 200 || login === undefined) return answer;
  return {
    ...answer,
    body: { ...asRecord(answer.body), owner: await readAccount(github, actorOf(github.state, login)) },
  };
}

async function listInstallations(github: GitHub, ask: Ask): Promise<Answer> {
  const answer = await github.pass(ask);
  if (!Array.isArray(answer.body)) return answer;
  const installed = new Set(github.state.installations.filter((one) => one.installed).map(({ id }) => id));
  return { ...answer, body: answer.body.filter((one) => installed.has(Number(asRecord(one).id))) };
}

async function listRepositories(github: GitHub, ask: Ask): Promise<Answer> {
  if (ask.caller.kind !== "installation") return refuse(401, "Requires authentication");
  const { installation } = ask.caller;
  if (installation.suspended) return refuse(403, "This installation has been suspended");
  const ids = github.state.repositories.filter((one) => !one.deleted && installation.repositories.has(one.id));
  const size = Math.min(100, Number(ask.query.get("per_page") ?? 30));
  const first = (Number(ask.query.get("page") ?? 1) - 1) * size;
  const shown = ids.slice(first, first + size);
  const repositories = await Promise.all(
    shown.map(async ({ owner, name }) => (await github.as(owner, "GET", `/repos/${owner}/${name}`)).body),
  );
  const more = first + size < ids.length;
  const next = `${github.state.apiUrl}/installation/repositories?per_page=${size}&page=${first / size + 2}`;
  return {
    status: 200,
    body: { total_count: ids.length, repository_selection: "selected", repositories },
    ...(more ? { headers: { link: `<${next}>; rel="next"` } } : {}),
  };
}
