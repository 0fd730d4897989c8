import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { probeWriting } from "../../src/github/probe-writing.ts";
import { type GitHubServer, startGitHub, type WorkflowPermissions } from "../support/github-server.ts";
import { clientOf } from "./connect.ts";

const files = { "README.md": "# A repository\n" };

describe("trying whether a pull request may be brought", () => {
  let server: GitHubServer;
  beforeAll(async () => {
    server = await startGitHub({
      repositories: [
        { owner: "marit", name: "open", files },
        { owner: "marit", name: "archived", files, archived: true },
        { owner: "marit", name: "empty" },
        { owner: "marit", name: "closed", files },
        { owner: "marit", name: "hidden", files, private: true },
      ],
    });
    server.forbidActionsPullRequests({ owner: "marit", name: "closed" });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const both: WorkflowPermissions = { contents: "write", "pull-requests": "write" };
  const probe = (name: string, permissions = both, base: string | null = null) => {
    const token = server.workflowToken({ repository: { owner: "marit", name }, permissions });
    const repository = { owner: "marit", repo: name };
    return probeWriting({ github: clientOf(server, token), repository, defaultBranch: "main", base });
  };

  it("finds nothing in the way, and leaves nothing behind", async () => {
    const commit = await server.branchHead({ owner: "marit", name: "open", branch: "main" });
    expect(await probe("open")).toBeNull();
    expect(await probe("open", both, "main")).toBeNull();
    expect(await server.pullRequests({ owner: "marit", name: "open" })).toEqual([]);
    expect(await server.branchHead({ owner: "marit", name: "open", branch: "main" })).toBe(commit);
    expect(server.violations).toEqual([]);
  });

  it.each<[string, WorkflowPermissions, string | null, string, RegExp]>([
    ["open", { contents: "read", "pull-requests": "write" }, null, "no-permission", /grant write access to contents/],
    ["open", { contents: "write" }, null, "no-permission", /grant write access to contents and pull requests/],
    ["closed", both, null, "no-permission", /Allow GitHub Actions to create and approve pull requests/],
    ["archived", both, null, "archived", /unarchive it/],
    ["empty", both, null, "empty", /push one/],
    ["open", both, "nowhere", "base-not-found", /no branch "nowhere"/],
  ])("says why it may not: %s with %o to %s", async (name, permissions, base, reasonCode, words) => {
    expect(await probe(name, permissions, base)).toMatchObject({
      kind: "refused",
      reasonCode,
      explanation: expect.stringMatching(words),
    });
  });

  it("writes nothing where the branch that it should go to is missing", async () => {
    const before = server.requests.length;
    await probe("open", both, "nowhere");
    expect(server.requests.slice(before).filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("throws where trying later may help", async () => {
    server.fail({ method: "POST", path: /\/git\/blobs$/, status: 502, times: 4 });
    await expect(probe("open")).rejects.toMatchObject({ code: "github-unavailable", retryable: true });
  });
});
