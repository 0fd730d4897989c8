import { randomBytes } from "node:crypto";
import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommitFile, commitFiles, hashBlob } from "../../src/github/commit-files.ts";
import type { GitHubServer } from "../support/github-server.ts";
import { type Connection, connect } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
let connection: Connection;
let server: GitHubServer;
let github: Octokit;
let baseSha: string;

beforeEach(async () => {
  connection = await connect({
    repositories: [{ ...at, files: { "examples/a/old.txt": "old\n", "examples/a/kept.txt": "kept\n", other: "1" } }],
  });
  ({ server, github } = connection);
  baseSha = (await server.branchHead({ ...at, branch: "main" })) ?? "";
});

afterEach(async () => {
  const { violations } = server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

const commit = (files: CommitFile[], deletions: string[] = []) =>
  commitFiles({
    github,
    repository: { owner: "acme", repo: "orbits" },
    baseSha,
    files,
    deletions,
    message: "Change",
    within: ["examples/a/", "examples/README.md"],
  });
const file = (path: string, content: string | Buffer, mode: CommitFile["mode"] = "100644"): CommitFile => ({
  path,
  mode,
  content: Buffer.from(content),
});
const requests = (what: string) =>
  server.requests.filter(({ method, path }) => method === "POST" && path.endsWith(what));

describe("commitFiles", () => {
  it("keeps every byte and the executable bit, and deletes what shall go", async () => {
    const contents: Record<string, Buffer> = {
      binary: randomBytes(5000),
      "latin1.txt": Buffer.from("caf\xe9", "latin1"),
      "nul.txt": Buffer.from("a\0b"),
      "bom.txt": Buffer.from("\uFEFFa\r\nb"),
      "astral 𝒳.txt": Buffer.from("𝒳 \u2028 ü"),
      "no-newline.txt": Buffer.from("x"),
      empty: Buffer.alloc(0),
    };
    const files = Object.entries(contents).map(([name, content]) => file(`examples/a/${name}`, content));
    const sha = await commit([...files, file("examples/a/run.sh", "#!/bin/sh\n", "100755")], ["examples/a/old.txt"]);
    const tree = await server.readTree("acme", "orbits", sha ?? "");
    for (const [name, content] of Object.entries(contents))
      expect(tree.get(`examples/a/${name}`)?.bytes.equals(content), name).toBe(true);
    expect(tree.get("examples/a/run.sh")?.mode).toBe("100755");
    expect(tree.get("examples/a/binary")?.mode).toBe("100644");
    expect(tree.has("examples/a/old.txt")).toBe(false);
    expect(tree.get("examples/a/kept.txt")?.bytes.toString()).toBe("kept\n");
  });

  it("sends many and large texts in several trees, and the same picture once", async () => {
    const many = Array.from({ length: 600 }, (_, index) => file(`examples/a/${index}.txt`, `${index}\n`));
    const large = ["x", "y", "z"].map((letter) => file(`examples/a/${letter}.txt`, letter.repeat(400_000)));
    const pictures = ["p", "q"].map((name) => file(`examples/a/${name}.png`, Buffer.from([0, 1, 2])));
    const huge = file("examples/a/huge.txt", "h".repeat(1_500_000));
    const sha = await commit([...many, ...large, ...pictures, huge]);
    expect(requests("/git/trees").length).toBeGreaterThan(2);
    for (const { requestBody } of requests("/git/trees")) {
      const { tree } = requestBody as { tree: Array<{ content?: string }> };
      expect(tree.length).toBeLessThanOrEqual(500);
      expect(tree.reduce((sum, { content }) => sum + (content?.length ?? 0), 0)).toBeLessThanOrEqual(1_000_000);
    }
    expect(requests("/git/blobs")).toHaveLength(2);
    expect(requests("/git/commits")).toHaveLength(1);
    const tree = await server.readTree("acme", "orbits", sha ?? "");
    expect(tree.size).toBe(600 + 3 + 2 + 1 + 3);
    expect(tree.get("examples/a/huge.txt")?.bytes.length).toBe(1_500_000);
  });

  it("makes no commit where nothing would change", async () => {
    expect(await commit([file("examples/a/kept.txt", "kept\n")])).toBeNull();
    expect(requests("/git/commits")).toEqual([]);
  });

  it("refuses other places and strange names before anything is sent", async () => {
    const names = [
      "main.py",
      "examples/README.txt",
      "examples/ab/x",
      "examples/a/../../x",
      "examples/a/",
      "examples/a/.git/x",
      "examples/a/.github/workflows/x.yml",
      "/examples/a/x",
    ];
    for (const name of names) {
      await expect(commit([file(name, "x")]), name).rejects.toMatchObject({ code: "unsafe-path" });
      await expect(commit([], [name]), name).rejects.toMatchObject({ code: "unsafe-path" });
    }
    expect(server.requests).toEqual([]);
  });
});

it("hashes as Git does", () => {
  expect(hashBlob(Buffer.alloc(0))).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
});
