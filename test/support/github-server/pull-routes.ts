import type { GitHub } from "./answer.ts";
import { git } from "./bare-repository.ts";
import { type Answer, asRecord, type RepositoryAsk, refuseInvalid } from "./exchange.ts";
import type { PullState, RepositoryState } from "./state.ts";

/** What a pull request is made of, out of the bare repository; null where it is something else. */
export async function pullRoute(github: GitHub, ask: RepositoryAsk): Promise<Answer | null> {
  const { rest, method, repository } = ask;
  if (method === "POST" && rest === "/pulls") return refuseCreation(ask);
  const issue = Number(/^\/issues\/(\d+)$/.exec(rest)?.[1]);
  if (repository.pulls.has(issue)) return answerAsIssue(github, ask, issue);
  const [, number, part = ""] = /^\/pulls\/(\d+)(\/files|\/commits)?$/.exec(rest) ?? [];
  const pull = repository.pulls.get(Number(number));
  if (!pull || method !== "GET") return null;
  if (part === "/files") return paginate(github, ask, await listFiles(github, repository, pull));
  if (part === "/commits") return paginate(github, ask, await listCommits(github, ask, pull));
  return countChanges(github, ask, pull);
}

/** A pull request is an issue too, which the emulator does not say. */
export async function answerAsIssue(github: GitHub, ask: RepositoryAsk, number: number): Promise<Answer> {
  const { owner, name } = ask.repository;
  const path = `/repos/${owner}/${name}/pulls/${number}`;
  const answer = await github.answer({ ...ask, path });
  if (answer.status !== 200) return answer;
  const pull = asRecord(answer.body);
  const url = `${github.state.apiUrl}/repos/${owner}/${name}`;
  const { id, node_id, html_url, title, user, labels, state, locked, assignee, assignees, milestone } = pull;
  const { created_at, updated_at, closed_at, merged_at, body, author_association, draft, diff_url, patch_url } = pull;
  const comments = await github.as(owner, "GET", `/repos/${owner}/${name}/issues/${number}/comments`);
  const count = Array.isArray(comments.body) ? comments.body.length : 0;
  const issue = {
    ...{ id, node_id, number, title, user, labels, state, locked, assignee, assignees, milestone, draft, body },
    ...{ html_url, created_at, updated_at, closed_at, author_association, comments: count },
    url: `${url}/issues/${number}`,
    repository_url: url,
    labels_url: `${url}/issues/${number}/labels{/name}`,
    comments_url: `${url}/issues/${number}/comments`,
    events_url: `${url}/issues/${number}/events`,
    pull_request: { url: `${url}/pulls/${number}`, html_url, diff_url, patch_url, merged_at },
    active_lock_reason: null,
    performed_via_github_app: null,
    state_reason: null,
  };
  return { ...answer, body: issue };
}

/** Keeps what a closed pull request was when it was closed. */
export function rememberPull(repository: RepositoryState, answer: Record<string, unknown>): void {
  const number = Number(answer.number);
  const head = String(asRecord(answer.head).ref);
  const base = String(asRecord(answer.base).ref);
  const known = repository.pulls.get(number);
  const now = { head: repository.branches.get(head) ?? "", base: repository.branches.get(base) ?? "" };
  const closed = answer.state === "closed" ? (known?.closed ?? now) : null;
  repository.pulls.set(number, { head, base, closed, merged: known?.merged ?? null });
}

export function openPullsOf(repository: RepositoryState, branch: string): number[] {
  return [...repository.pulls].filter(([, pull]) => pull.head === branch && !pull.closed).map(([number]) => number);
}

function refuseCreation({ body, repository }: RepositoryAsk): Answer | null {
  const { head, base } = asRecord(body);
  const branch = String(head).replace(`${repository.owner}:`, "");
  const invalid = (field: string) => refuseInvalid({ resource: "PullRequest", field, code: "invalid" });
  if (!repository.branches.has(branch)) return invalid("head");
  if (!repository.branches.has(String(base))) return invalid("base");
  const custom = (message: string) => refuseInvalid({ resource: "PullRequest", code: "custom", message });
  if (openPullsOf(repository, branch).some((number) => repository.pulls.get(number)?.base === base)) {
    return custom(`A pull request already exists for ${repository.owner}:${branch}.`);
  }
  const same = repository.branches.get(branch) === repository.branches.get(String(base));
  return same ? custom(`No commits between ${base} and ${branch}`) : null;
}

/** `<base>...<head>`: what the head has since it left the base. */
function rangeOf(repository: RepositoryState, pull: PullState): { head: string; base: string } {
  const { head, base } = pull.closed ?? {
    head: repository.branches.get(pull.head) ?? "",
    base: repository.branches.get(pull.base) ?? "",
  };
  return { head, base };
}

async function listFiles(github: GitHub, repository: RepositoryState, pull: PullState) {
  const { head, base } = rangeOf(repository, pull);
  if (head === "" || base === "") return [];
  const range = `${base}...${head}`;
  const raw = await git(repository, ["diff", "--raw", "-z", "--no-renames", "--no-abbrev", range]);
  const numbers = await git(repository, ["diff", "--numstat", "-z", "--no-renames", range]);
  const counts = new Map(
    numbers
      .split("\0")
      .filter(Boolean)
      .map((line) => {
        const [added = "0", removed = "0", path = ""] = line.split("\t");
        return [path, { additions: Number(added) || 0, deletions: Number(removed) || 0 }];
      }),
  );
  const parts = raw.split("\0");
  const words: Record<string, string> = { A: "added", D: "removed", M: "modified", T: "changed" };
  const web = `${github.state.apiUrl}/${repository.owner}/${repository.name}`;
  const api = `${github.state.apiUrl}/repos/${repository.owner}/${repository.name}`;
  const files = [];
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [, , before = "", after = "", status = ""] = (parts[index] ?? "").split(" ");
    const filename = parts[index + 1] ?? "";
    const count = counts.get(filename) ?? { additions: 0, deletions: 0 };
    const path = encodeURI(filename);
    files.push({
      sha: status === "D" ? before : after,
      filename,
      status: words[status] ?? "changed",
      ...count,
      changes: count.additions + count.deletions,
      blob_url: `${web}/blob/${head}/${path}`,
      raw_url: `${web}/raw/${head}/${path}`,
      contents_url: `${api}/contents/${path}?ref=${head}`,
    });
  }
  return files;
}

async function listCommits(github: GitHub, ask: RepositoryAsk, pull: PullState): Promise<unknown[]> {
  const { head, base } = rangeOf(ask.repository, pull);
  if (head === "" || base === "") return [];
  const listed = await git(ask.repository, ["rev-list", "--reverse", `${base}..${head}`]);
  const path = `/repos/${ask.repository.owner}/${ask.repository.name}/commits`;
  const one = (id: string) => github.pass({ ...ask, path: `${path}/${id}`, query: new URLSearchParams() });
  return Promise.all(
    listed
      .split("\n")
      .filter(Boolean)
      .map(async (id) => (await one(id)).body),
  );
}

async function countChanges(github: GitHub, ask: RepositoryAsk, pull: PullState): Promise<Answer> {
  const answer = await github.pass(ask);
  if (answer.status !== 200) return answer;
  const files = await listFiles(github, ask.repository, pull);
  const commits = await listCommits(github, ask, pull);
  const sum = (key: "additions" | "deletions") => files.reduce((total, file) => total + file[key], 0);
  const counts = { commits: commits.length, additions: sum("additions"), deletions: sum("deletions") };
  return { ...answer, body: { ...asRecord(answer.body), ...counts, changed_files: files.length } };
}

/** One page of a list, with the link to the next that Octokit follows. */
export function paginate(github: GitHub, { query, path }: RepositoryAsk, all: unknown[]): Answer {
  const size = Math.min(100, Number(query.get("per_page") ?? 30));
  const page = Number(query.get("page") ?? 1);
  const body = all.slice((page - 1) * size, page * size);
  if (page * size >= all.length) return { status: 200, body };
  const asked = new URLSearchParams(query);
  asked.set("page", String(page + 1));
  const next = `${github.state.apiUrl}${path}?${asked}`;
  return { status: 200, body, headers: { link: `<${next}>; rel="next"` } };
}
