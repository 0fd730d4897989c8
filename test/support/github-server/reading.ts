import type { GitHub } from "./answer.ts";
import { asRecord, expectObject } from "./exchange.ts";
import { reactionKey } from "./issue-routes.ts";
import type { GitHubServer, TreeEntry } from "./protocol.ts";
import { requireRepository } from "./state.ts";

type Reading = Pick<GitHubServer, "call" | "readTree" | "comments" | "reactions" | "pullRequests" | "branchHead">;

/** What tests look at, past the app's own traffic. */
export function createReading(github: GitHub): Reading {
  const { state } = github;
  const pathOf = (at: { owner: string; name: string }) => {
    const { owner, name } = requireRepository(state, at);
    return `/repos/${owner}/${name}`;
  };
  return {
    async call({ method = "GET", path, body, as }) {
      const login = as ?? state.repositories[0]?.owner ?? "";
      const answer = await github.as(login, method, path, body);
      return { status: answer.status, body: answer.body };
    },
    async readTree(owner, name, ref) {
      const path = pathOf({ owner, name });
      const ask = async (rest: string) => expectObject(await github.as(owner, "GET", `${path}${rest}`), rest);
      const { tree } = await ask(`/git/trees/${encodeURIComponent(ref)}?recursive=1`);
      const blobs = (tree as Array<Record<string, unknown>>).filter(({ type }) => type === "blob");
      const read = blobs.map(async (entry): Promise<[string, TreeEntry]> => {
        const { content } = await ask(`/git/blobs/${entry.sha}`);
        return [String(entry.path), { mode: String(entry.mode), bytes: Buffer.from(String(content), "base64") }];
      });
      return new Map(await Promise.all(read));
    },
    async comments({ issue, ...at }) {
      const { body } = await github.as(at.owner, "GET", `${pathOf(at)}/issues/${issue}/comments?per_page=100`);
      return (Array.isArray(body) ? body : []).map(asRecord).map((one) => ({
        id: Number(one.id),
        login: String(asRecord(one.user).login),
        body: String(one.body),
      }));
    },
    reactions(at) {
      const subject = "issue" in at ? `/issues/${at.issue}` : `/comments/${at.comment}`;
      const key = reactionKey(requireRepository(state, at).id, subject);
      return state.reactions.filter((one) => one.subject === key).map(({ login, content }) => ({ login, content }));
    },
    async pullRequests(at) {
      const { body } = await github.as(at.owner, "GET", `${pathOf(at)}/pulls?state=all&per_page=100&direction=asc`);
      return body as Awaited<ReturnType<GitHubServer["pullRequests"]>>;
    },
    async branchHead({ branch, ...at }) {
      return requireRepository(state, at).branches.get(branch) ?? null;
    },
  };
}
