import type { GitHub } from "./answer.ts";
import { type Answer, asRecord, type RepositoryAsk } from "./exchange.ts";
import { answerAsIssue, paginate } from "./pull-routes.ts";

/** Issues and pull requests together, as GitHub lists them; the emulator leaves pull requests out. */
export async function listIssues(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const issues = await readIssues(github, ask);
  if (!Array.isArray(issues.body)) return issues;
  const pulls = await Promise.all(
    [...ask.repository.pulls.keys()].map(async (number) => {
      const path = `/repos/${ask.repository.owner}/${ask.repository.name}/issues/${number}`;
      return asRecord((await answerAsIssue(github, { ...ask, path, rest: `/issues/${number}` }, number)).body);
    }),
  );
  const all = [...issues.body.map(asRecord), ...pulls.filter((pull) => isAskedFor(pull, ask.query))];
  const field = { updated: "updated_at", comments: "comments" }[ask.query.get("sort") ?? ""] ?? "created_at";
  const turn = ask.query.get("direction") === "asc" ? 1 : -1;
  return paginate(
    github,
    ask,
    all.sort((left, right) => turn * compare(left, right, field)),
  );
}

async function readIssues(github: GitHub, ask: RepositoryAsk): Promise<Answer> {
  const query = new URLSearchParams(ask.query);
  query.set("per_page", "100");
  const found: unknown[] = [];
  for (let page = 1; ; page += 1) {
    query.set("page", String(page));
    const answer = await github.pass({ ...ask, query });
    if (!Array.isArray(answer.body)) return answer;
    found.push(...answer.body);
    if (answer.body.length < 100) return { status: 200, body: found };
  }
}

/** The filters that the emulator applies to issues. */
function isAskedFor(pull: Record<string, unknown>, query: URLSearchParams): boolean {
  const state = query.get("state") ?? "open";
  const creator = query.get("creator");
  const since = query.get("since");
  const labels = (query.get("labels") ?? "").split(",").filter(Boolean);
  const own = (Array.isArray(pull.labels) ? pull.labels : []).map((label) => asRecord(label).name);
  return (
    (state === "all" || pull.state === state) &&
    (creator === null || asRecord(pull.user).login === creator) &&
    (since === null || String(pull.updated_at) >= since) &&
    labels.every((label) => own.includes(label))
  );
}

/** Within the same millisecond by number. */
function compare(left: Record<string, unknown>, right: Record<string, unknown>, field: string): number {
  const numbers = Number(left.number) - Number(right.number);
  if (field === "comments") return Number(left.comments) - Number(right.comments) || numbers;
  return String(left[field]).localeCompare(String(right[field])) || numbers;
}
