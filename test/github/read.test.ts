import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addReaction } from "../../src/github/reactions.ts";
import { readFile } from "../../src/github/read-file.ts";
import { readPermission } from "../../src/github/read-permission.ts";
import { readRepository, readRepositoryById } from "../../src/github/read-repository.ts";
import type { GitHubServer } from "../support/github-server.ts";
import { type Connection, connect } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
const repository = { owner: "acme", repo: "orbits" };
let connection: Connection;
let server: GitHubServer;
let github: Octokit;

beforeAll(async () => {
  connection = await connect({
    users: [{ login: "maintainer" }, { login: "stranger" }],
    repositories: [
      {
        ...at,
        files: {
          ".github/codedistiller.yml": "enabled: true\n",
          "notes/large.txt": "x".repeat(70_000),
          "notes/binary.txt": new Uint8Array([0xff, 0xfe, 0]),
          "notes/deep/file.txt": "deep",
          "README.md": "# Orbits\n",
        },
        collaborators: { maintainer: "maintain" },
        issues: [{ title: "Please", user: "maintainer" }],
      },
      { owner: "acme", name: "hidden", files: { a: "1" }, private: true, installed: false },
      { owner: "acme", name: "old", files: { a: "1" }, archived: true, fork: true },
      { owner: "acme", name: "empty" },
    ],
  });
  ({ server, github } = connection);
});

afterAll(async () => {
  const { violations } = server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

describe("readRepository", () => {
  it("gives what runs need, by name and by number", async () => {
    const found = await readRepository({ github, repository });
    expect(found).toMatchObject({
      owner: "acme",
      name: "orbits",
      fullName: "acme/orbits",
      isPrivate: false,
      archived: false,
      disabled: false,
      fork: false,
      empty: false,
      defaultBranch: "main",
    });
    expect(found?.cloneUrl).toMatch(/^https:\/\/.*orbits\.git$/);
    expect(await readRepositoryById({ github, id: found?.id ?? 0 })).toEqual(found);
  });

  it("tells archived, forked and empty ones", async () => {
    expect(await readRepository({ github, repository: { owner: "acme", repo: "old" } })).toMatchObject({
      archived: true,
      fork: true,
    });
    expect(await readRepository({ github, repository: { owner: "acme", repo: "empty" } })).toMatchObject({
      empty: true,
    });
  });

  it("gives null for one that is gone, or that the app may not see", async () => {
    expect(await readRepositoryById({ github, id: 99_999_999 })).toBeNull();
    expect(await readRepository({ github, repository: { owner: "acme", repo: "hidden" } })).toBeNull();
  });

  it("refuses a clone address that is not https, or that holds a password", async () => {
    const { data } = await github.rest.repos.get(repository);
    for (const clone_url of ["http://github.com/acme/orbits.git", "https://me:pw@github.com/acme/orbits.git", "x"]) {
      server.fail({ method: "GET", path: /\/repos\/acme\/orbits$/, status: 200, body: { ...data, clone_url } });
      await expect(readRepository({ github, repository })).rejects.toMatchObject({ code: "github-unexpected" });
    }
  });
});

describe("readPermission", () => {
  it("tells maintain from write, and a reader from a stranger", async () => {
    expect(await readPermission({ github, repository, login: "acme" })).toBe("admin");
    expect(await readPermission({ github, repository, login: "maintainer" })).toBe("maintain");
    expect(await readPermission({ github, repository, login: "stranger" })).toBe("read");
    expect(await readPermission({ github, repository, login: "nobody-of-this-name" })).toBe("none");
  });

  it("takes an organisation's own role for what it is worth", async () => {
    const { data } = await github.rest.repos.getCollaboratorPermissionLevel({ ...repository, username: "maintainer" });
    const answer = (permission: string, role_name: string) =>
      server.fail({ method: "GET", path: /\/permission$/, status: 200, body: { ...data, permission, role_name } });
    answer("write", "triage-and-merge");
    expect(await readPermission({ github, repository, login: "maintainer" })).toBe("write");
    answer("all of it", "owner of all");
    expect(await readPermission({ github, repository, login: "maintainer" })).toBe("none");
  });

  it("is an error, never a yes, where GitHub does not answer", async () => {
    server.fail({ method: "GET", path: /\/permission$/, status: 500 });
    await expect(readPermission({ github, repository, login: "maintainer" })).rejects.toMatchObject({
      code: "github-unavailable",
      retryable: true,
    });
  });
});

describe("readFile", () => {
  it("gives the text of a file, and null where there is none", async () => {
    expect(await readFile({ github, repository, path: ".github/codedistiller.yml" })).toBe("enabled: true\n");
    expect(await readFile({ github, repository, path: "README.md" })).toBe("# Orbits\n");
    expect(await readFile({ github, repository, path: "notes/other.txt" })).toBeNull();
    expect(await readFile({ github, repository, path: "nowhere/other.txt" })).toBeNull();
    expect(await readFile({ github, repository, path: "README.md/other.txt" })).toBeNull();
    expect(await readFile({ github, repository: { owner: "acme", repo: "empty" }, path: "a/b" })).toBeNull();
  });

  it.each([
    ["a folder", "notes/deep", "not a plain file"],
    ["a large file", "notes/large.txt", "larger than 64 KiB"],
    ["what is no text", "notes/binary.txt", "not UTF-8"],
  ])("refuses %s", async (_, path, words) => {
    const reading = readFile({ github, repository, path });
    await expect(reading).rejects.toMatchObject({ code: "file-not-readable" });
    await expect(reading).rejects.toThrow(words);
  });

  it("refuses a link, which GitHub's own contents would follow", async () => {
    const { data: base } = await github.rest.git.getRef({ ...repository, ref: "heads/main" });
    const { data: before } = await github.rest.git.getCommit({ ...repository, commit_sha: base.object.sha });
    const { data: tree } = await github.rest.git.createTree({
      ...repository,
      base_tree: before.tree.sha,
      tree: [{ path: "notes/link.yml", mode: "120000", type: "blob", content: "../README.md" }],
    });
    const { data: commit } = await github.rest.git.createCommit({
      ...repository,
      message: "A link",
      tree: tree.sha,
      parents: [base.object.sha],
    });
    await github.rest.git.updateRef({ ...repository, ref: "heads/main", sha: commit.sha });
    await expect(readFile({ github, repository, path: "notes/link.yml" })).rejects.toMatchObject({
      code: "file-not-readable",
    });
  });
});

describe("addReaction", () => {
  it("reacts to comments and issues, and does not mind doing so twice", async () => {
    const { comment } = await server.comment({ ...at, issue: 1, user: "maintainer", body: "/distill" });
    for (const content of ["eyes", "eyes", "rocket"] as const)
      await addReaction({ github, repository, commentId: comment, content });
    await addReaction({ github, repository, issueNumber: 1, content: "+1" });
    expect(server.reactions({ ...at, comment })).toEqual([
      { login: server.appLogin, content: "eyes" },
      { login: server.appLogin, content: "rocket" },
    ]);
    expect(server.reactions({ ...at, issue: 1 })).toEqual([{ login: server.appLogin, content: "+1" }]);
  });

  it("is quiet where the comment is gone", async () => {
    await addReaction({ github, repository, commentId: 987_654, content: "eyes" });
    const { issue } = await server.openIssue({ ...at, title: "Gone soon", user: "maintainer" });
    await server.deleteIssue({ ...at, issue, user: "maintainer" });
    await addReaction({ github, repository, issueNumber: issue, content: "eyes" });
  });
});
