import { afterEach, describe, expect, it } from "vitest";
import { badgeBranch, type PutBadgesOptions, putBadges } from "../../src/github/put-badges.ts";
import type { GitHubServer, SeedRepository } from "../support/github-server.ts";
import { clientOf, connect } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
let server: GitHubServer;
let options: PutBadgesOptions;
const stack: AsyncDisposable[] = [];

afterEach(async () => {
  const broken = [...server.violations];
  for (const each of stack.splice(0)) await each[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

async function start(repository: Partial<SeedRepository> = {}): Promise<void> {
  const connection = await connect({
    users: [{ login: "maintainer" }],
    repositories: [{ ...at, files: { "a.py": "1\n" }, collaborators: { maintainer: "write" }, ...repository }],
  });
  stack.push(connection);
  server = connection.server;
  options = {
    github: connection.github,
    repository: { owner: "acme", repo: "orbits" },
    files: badgeOf("orbits"),
    keep: null,
    message: "Badges of the examples",
  };
}

function badgeOf(slug: string, word = "verified"): PutBadgesOptions["files"] {
  return [
    { path: `${slug}.svg`, content: `<svg>${word}</svg>\n` },
    { path: `${slug}.json`, content: `{"message":"${word}"}\n` },
  ];
}

const put = (changes: Partial<PutBadgesOptions> = {}) => putBadges({ ...options, ...changes });
const head = () => server.branchHead({ ...at, branch: badgeBranch });
const there = async () => {
  const tree = await server.readTree("acme", "orbits", badgeBranch);
  return Object.fromEntries([...tree].map(([path, { bytes }]) => [path, `${bytes}`]).sort());
};
const parents = async () => {
  const answer = await server.call({ path: `/repos/acme/orbits/git/commits/${await head()}` });
  return (answer.body as { parents: Array<{ sha: string }> }).parents.map(({ sha }) => sha);
};
const writes = () => server.requests.filter(({ method }) => method !== "GET");

describe("putBadges", () => {
  it("makes a branch of its own, without any of the repository's files or history", async () => {
    await start();
    const done = await put();
    const web = `${server.apiUrl}/acme/orbits`;
    expect(done).toEqual({
      kind: "put",
      badges: ["orbits.svg", "orbits.json"].map((path) => ({
        path,
        rawUrl: `${web}/raw/${badgeBranch}/${path}`,
        webUrl: `${web}/blob/${badgeBranch}/${path}`,
      })),
    });
    expect(await there()).toEqual({ "orbits.json": '{"message":"verified"}\n', "orbits.svg": "<svg>verified</svg>\n" });
    expect(await parents()).toEqual([]);
  });

  it("writes nothing where nothing changed, and names the addresses all the same", async () => {
    await start();
    const first = await put();
    const before = writes().length;
    expect(await put()).toEqual({ ...first, kind: "unchanged" });
    expect(writes()).toHaveLength(before);
  });

  it("goes on from what is there, and keeps badges of others and a README", async () => {
    await start();
    await put({ files: [...badgeOf("orbits"), { path: "README.md", content: "# Badges\n" }] });
    const before = await head();
    expect(await put({ files: badgeOf("moons") })).toMatchObject({ kind: "put" });
    expect(Object.keys(await there())).toEqual(["README.md", "moons.json", "moons.svg", "orbits.json", "orbits.svg"]);
    expect(await parents()).toEqual([before]);
  });

  it("takes away badges of examples that are gone", async () => {
    await start();
    await put({ files: [...badgeOf("gone"), ...badgeOf("kept")] });
    await put({ keep: new Set(["kept"]) });
    expect(Object.keys(await there())).toEqual(["kept.json", "kept.svg", "orbits.json", "orbits.svg"]);
  });

  it("leaves the last badges, since no branch is without a file", async () => {
    await start();
    await put();
    expect(await put({ files: [], keep: new Set() })).toEqual({ kind: "unchanged", badges: [] });
  });

  it("loses no badge of jobs that end at one time", async () => {
    await start();
    const slugs = ["a", "b", "c", "d"];
    const all = await Promise.all(slugs.map((slug) => put({ files: badgeOf(slug) })));
    expect(all.map(({ kind }) => kind)).toEqual(["put", "put", "put", "put"]);
    expect(Object.keys(await there())).toEqual(slugs.flatMap((slug) => [`${slug}.json`, `${slug}.svg`]));
  });

  it("leaves a branch alone that holds anything else", async () => {
    await start();
    await put();
    const path = "notes.txt";
    const { commit } = await server.pushCommit({
      ...at,
      branch: badgeBranch,
      path,
      text: "mine\n",
      user: "maintainer",
    });
    expect(await put({ files: badgeOf("orbits", "broken") })).toEqual({
      kind: "refused",
      reasonCode: "branches-taken",
      explanation: expect.stringContaining('holds more than badges ("notes.txt")'),
    });
    expect(await head()).toBe(commit);
  });

  it("refuses a name that is none of a badge before anything is asked", async () => {
    await start();
    for (const path of ["../a.svg", "a/b.svg", ".github.json", "a.html", "a\n.svg"])
      expect(await put({ files: [{ path, content: "x" }] }), path).toMatchObject({
        kind: "refused",
        reasonCode: "unsafe-path",
      });
    expect(writes()).toEqual([]);
  });

  it("needs no more of a workflow than contents: write", async () => {
    await start();
    const as = (contents: "read" | "write") =>
      clientOf(server, server.workflowToken({ repository: at, permissions: { contents } }));
    expect(await put({ github: as("read") })).toMatchObject({ kind: "refused", reasonCode: "no-permission" });
    expect(await put({ github: as("write") })).toMatchObject({ kind: "put" });
    expect(await put({ github: as("write"), files: badgeOf("moons") })).toMatchObject({ kind: "put" });
  });

  it("says what to grant where it may not write", async () => {
    await start({ writable: false });
    expect(await put()).toEqual({
      kind: "refused",
      reasonCode: "no-permission",
      explanation: expect.stringContaining("grant write access to contents, "),
    });
  });

  it("says that a rule keeps it from its branch, without trying on", async () => {
    await start();
    server.protectBranch({ ...at, branch: badgeBranch });
    expect(await put()).toMatchObject({ kind: "refused", reasonCode: "protected" });
    expect(writes().filter(({ path }) => path.endsWith("/git/refs"))).toHaveLength(1);
  });
});
