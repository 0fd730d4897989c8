import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { GitHub } from "./answer.ts";
import { composePayload, type Webhooks } from "./deliver.ts";
import { asRecord, expectObject } from "./exchange.ts";
import { readAccount } from "./issue-routes.ts";
import type { Delivery, GitHubServer, RepositoryRef } from "./protocol.ts";
import { openPullsOf } from "./pull-routes.ts";
import { actorOf, installationOf, requireRepository } from "./state.ts";

type People = Pick<
  GitHubServer,
  | "openIssue"
  | "comment"
  | "editComment"
  | "deleteComment"
  | "label"
  | "deleteIssue"
  | "transferIssue"
  | "closePullRequest"
  | "reopenPullRequest"
  | "editPullRequestBody"
  | "pushCommit"
  | "deleteBranch"
  | "protectBranch"
  | "renameRepository"
  | "archive"
  | "deleteRepository"
>;

/** What people do on GitHub, each with the webhook that the app gets for it. */
export function createPeople(github: GitHub, webhooks: Webhooks): People {
  const { state } = github;
  /** One request as a person, below the repository; an error where GitHub refuses it. */
  const act = async (at: RepositoryRef, user: string, method: string, rest: string, body?: unknown) => {
    const { owner, name } = requireRepository(state, at);
    if (!state.accounts.has(user)) throw new Error(`This GitHub has no account ${user}: name it in \`users\`.`);
    const answer = await github.as(user, method, `/repos/${owner}/${name}${rest}`, body);
    return answer.body === undefined || Array.isArray(answer.body)
      ? { list: answer.body }
      : expectObject(answer, `${user}: ${method} ${rest}`);
  };
  const owned = (at: RepositoryRef, method: string, rest: string, body?: unknown) =>
    act(at, actorOf(state, at.owner), method, rest, body);
  const tell = async (
    at: RepositoryRef,
    user: string,
    event: string,
    action: string | null,
    more: Record<string, unknown>,
  ): Promise<Delivery> => {
    const ours = {
      repository: await owned(at, "GET", ""),
      sender: await readAccount(github, user),
      ...more,
    };
    const payload = composePayload(event, action, ours);
    return webhooks.send(event, {
      ...payload,
      installation: { id: installationOf(state, at.owner).id, node_id: "INST" },
    });
  };
  const readIssue = (at: RepositoryRef, issue: number) => owned(at, "GET", `/issues/${issue}`);
  const readPull = (at: RepositoryRef, pull: number) => owned(at, "GET", `/pulls/${pull}`);
  const issueOf = (comment: Record<string, unknown>) => Number(/\/(\d+)$/.exec(String(comment.issue_url))?.[1]);
  const tellPull = async (at: RepositoryRef & { pull: number; user: string }, action: string, more = {}) =>
    tell(at, at.user, "pull_request", action, { number: at.pull, pull_request: await readPull(at, at.pull), ...more });

  return {
    async openIssue({ title, body, user, ...at }) {
      const issue = await act(at, user, "POST", "/issues", { title, body: body ?? null });
      return { ...(await tell(at, user, "issues", "opened", { issue })), issue: Number(issue.number) };
    },
    async comment({ issue, user, body, ...at }) {
      const comment = await act(at, user, "POST", `/issues/${issue}/comments`, { body });
      const told = await tell(at, user, "issue_comment", "created", { comment, issue: await readIssue(at, issue) });
      return { ...told, comment: Number(comment.id) };
    },
    async editComment({ comment: id, user, body, ...at }) {
      const before = await owned(at, "GET", `/issues/comments/${id}`);
      const comment = await act(at, user, "PATCH", `/issues/comments/${id}`, { body });
      const changes = { body: { from: before.body } };
      return tell(at, user, "issue_comment", "edited", {
        comment,
        changes,
        issue: await readIssue(at, issueOf(before)),
      });
    },
    async deleteComment({ comment: id, user, ...at }) {
      const comment = await owned(at, "GET", `/issues/comments/${id}`);
      await owned(at, "DELETE", `/issues/comments/${id}`);
      return tell(at, user, "issue_comment", "deleted", { comment, issue: await readIssue(at, issueOf(comment)) });
    },
    async label({ issue, user, label: name, ...at }) {
      const { list } = await owned(at, "GET", "/labels?per_page=100");
      const known = Array.isArray(list) && list.some((one) => asRecord(one).name === name);
      if (!known) await owned(at, "POST", "/labels", { name, color: "ededed" });
      await act(at, user, "POST", `/issues/${issue}/labels`, { labels: [name] });
      const found = await readIssue(at, issue);
      const label = (found.labels as Array<Record<string, unknown>>).find((one) => one.name === name);
      return tell(at, user, "issues", "labeled", { issue: found, label });
    },
    async deleteIssue({ issue, user, ...at }) {
      const found = await readIssue(at, issue);
      requireRepository(state, at).deletedIssues.add(issue);
      return tell(at, user, "issues", "deleted", { issue: found });
    },
    async transferIssue({ issue, user, to, ...at }) {
      const found = await readIssue(at, issue);
      const made = await owned(to, "POST", "/issues", { title: found.title, body: found.body });
      const target = { repositoryId: requireRepository(state, to).id, number: Number(made.number) };
      requireRepository(state, at).transferredIssues.set(issue, target);
      const changes = { new_issue: made, new_repository: await owned(to, "GET", "") };
      return tell(at, user, "issues", "transferred", { issue: found, changes });
    },
    async closePullRequest({ pull, user, merged, ...at }) {
      const repository = requireRepository(state, at);
      const mergedAs = merged ? await merge(github, at, pull, user) : null;
      await act(at, user, "PATCH", `/pulls/${pull}`, { state: "closed" });
      const known = repository.pulls.get(pull);
      if (known && mergedAs) known.merged = mergedAs;
      return tellPull({ ...at, pull, user }, "closed");
    },
    async reopenPullRequest({ pull, user, ...at }) {
      await act(at, user, "PATCH", `/pulls/${pull}`, { state: "open" });
      return tellPull({ ...at, pull, user }, "reopened");
    },
    async editPullRequestBody({ pull, user, body, ...at }) {
      const before = await readPull(at, pull);
      await act(at, user, "PATCH", `/pulls/${pull}`, { body });
      return tellPull({ ...at, pull, user }, "edited", { changes: { body: { from: before.body } } });
    },
    async pushCommit({ branch, path, text, user, ...at }) {
      const repository = requireRepository(state, at);
      const before = repository.branches.get(branch);
      if (before === undefined) throw new Error(`There is no branch ${branch} to push to.`);
      const base = await owned(at, "GET", `/git/commits/${before}`);
      const entry = { path, mode: "100644", type: "blob", ...(text === null ? { sha: null } : { content: text }) };
      const tree = await owned(at, "POST", "/git/trees", { base_tree: asRecord(base.tree).sha, tree: [entry] });
      const author = { name: user, email: `${user}@example.org` };
      const message = `${text === null ? "Remove" : "Change"} ${path}`;
      const commit = await owned(at, "POST", "/git/commits", { message, tree: tree.sha, parents: [before], author });
      await owned(at, "PATCH", `/git/refs/heads/${branch}`, { sha: commit.sha });
      const after = String(commit.sha);
      const told = await tell(at, user, "push", null, { ref: `refs/heads/${branch}`, before, after });
      for (const pull of openPullsOf(repository, branch))
        await tellPull({ ...at, pull, user }, "synchronize", { before, after });
      return { ...told, commit: after };
    },
    async deleteBranch({ branch, user, ...at }) {
      const repository = requireRepository(state, at);
      const pulls = openPullsOf(repository, branch);
      for (const pull of pulls) await owned(at, "PATCH", `/pulls/${pull}`, { state: "closed" });
      await owned(at, "DELETE", `/git/refs/heads/${branch}`);
      for (const pull of pulls) await tellPull({ ...at, pull, user }, "closed");
      return tell(at, user, "delete", null, { ref: branch, ref_type: "branch", pusher_type: "user" });
    },
    protectBranch({ branch, ...at }) {
      requireRepository(state, at).protectedBranches.add(branch);
    },
    async renameRepository({ to, user, ...at }) {
      const repository = requireRepository(state, at);
      await owned(at, "PATCH", "", { name: to });
      repository.formerNames.push(`${repository.owner}/${repository.name}`.toLowerCase());
      repository.name = to;
      // Clones of the former name go on to work; the folder stays where it is.
      symlinkSync(repository.folder, join(repository.folder, "..", `${to}.git`));
      const changes = { repository: { name: { from: at.name } } };
      return tell({ ...at, name: to }, user, "repository", "renamed", { changes });
    },
    async archive({ user, ...at }) {
      await owned(at, "PATCH", "", { archived: true });
      requireRepository(state, at).archived = true;
      return tell(at, user, "repository", "archived", {});
    },
    async deleteRepository({ user, ...at }) {
      const repository = requireRepository(state, at);
      const before = await owned(at, "GET", "");
      const found = installationOf(state, at.owner);
      rmSync(repository.folder, { recursive: true, force: true });
      const delivery = await tell(at, user, "repository", "deleted", { repository: before });
      repository.deleted = true;
      found.repositories.delete(repository.id);
      return delivery;
    },
  };
}

/** A merge commit of a pull request whose files nobody else changed in the meantime. */
async function merge(github: GitHub, at: RepositoryRef, pull: number, user: string) {
  const repository = requireRepository(github.state, at);
  const path = `/repos/${repository.owner}/${repository.name}`;
  const ask = async (method: string, rest: string, body?: unknown) =>
    expectObject(await github.as(at.owner, method, `${path}${rest}`, body), `${method} ${rest}`);
  const known = repository.pulls.get(pull);
  const head = repository.branches.get(known?.head ?? "");
  const base = repository.branches.get(known?.base ?? "");
  if (!known || !head || !base) throw new Error(`There is no pull request ${pull} to merge.`);
  const { list } = { list: (await github.as(at.owner, "GET", `${path}/pulls/${pull}/files?per_page=100`)).body };
  const source = await ask("GET", `/git/trees/${head}?recursive=1`);
  const entries = source.tree as Array<{ path: string; mode: string; type: string; sha: string }>;
  const tree = (list as Array<{ filename: string; status: string }>).map(({ filename, status }) => {
    const entry = entries.find((one) => one.path === filename);
    const kept = { path: filename, mode: entry?.mode ?? "100644", type: "blob" };
    return { ...kept, sha: status === "removed" ? null : entry?.sha };
  });
  const under = asRecord((await ask("GET", `/git/commits/${base}`)).tree).sha;
  const merged = await ask("POST", "/git/trees", { base_tree: under, tree });
  const author = { name: user, email: `${user}@example.org` };
  const message = `Merge pull request #${pull} from ${repository.owner}/${known.head}`;
  const commit = await ask("POST", "/git/commits", { message, tree: merged.sha, parents: [base, head], author });
  known.closed = { head, base };
  await ask("PATCH", `/git/refs/heads/${known.base}`, { sha: commit.sha });
  return { at: new Date().toISOString(), by: await readAccount(github, user), commit: String(commit.sha) };
}
