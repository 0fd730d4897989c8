import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { httpsFormOf, withoutCredentials } from "../../src/repository/git-url.ts";
import { type PathKind, parseRepositorySource } from "../../src/repository/repository-source.ts";

const onDisk: Record<string, PathKind> = {
  "/work/project": "folder",
  "/work/owner/name": "folder",
  "/home/ada/data": "folder",
  "/work/paper.zip": "file",
  "/work/paper-1.0.tar.gz": "file",
  "/work/paper.tar.xz": "file",
  "/work/notes.txt": "file",
  "/work/pipe": "other",
};

function parse(text: string) {
  const kindOfPath = (path: string) => onDisk[path] ?? "missing";
  return parseRepositorySource(text, { workingFolder: "/work", homeFolder: "/home/ada", kindOfPath });
}

function codeOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.userMessage).not.toMatch(/\n/);
    return error.code;
  }
  return "accepted";
}

function messageOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return String(error);
  }
  throw new Error("accepted");
}

describe("parseRepositorySource", () => {
  it.each([
    ["octo/some.name", "https://github.com/octo/some.name", "octo/some.name"],
    ["octo/name.git", "https://github.com/octo/name", "octo/name"],
    ["github.com/octo/name", "https://github.com/octo/name", "octo/name"],
    ["https://github.com/octo/name", "https://github.com/octo/name", "octo/name"],
    ["https://www.github.com/octo/name.git/", "https://github.com/octo/name", "octo/name"],
    ["https://github.com/octo/name?tab=readme-ov-file#install", "https://github.com/octo/name", "octo/name"],
    ["https://gitlab.com/group/sub/name", "https://gitlab.com/group/sub/name", "group/sub/name"],
    ["https://git.example.org/x/name.git", "https://git.example.org/x/name.git", "x/name"],
  ])("reads %s as a git repository", (text, url, name) => {
    expect(parse(text)).toMatchObject({ kind: "git", url, webUrl: url, name, treePath: null });
  });

  it.each([
    ["git@github.com:octo/name.git", "git@github.com:octo/name.git", "https://github.com/octo/name"],
    ["ssh://git@github.com/octo/name.git", "ssh://git@github.com/octo/name.git", "https://github.com/octo/name"],
    ["ssh://example.org:2222/x/name", "ssh://example.org:2222/x/name", "https://example.org/x/name"],
  ])("reads %s as a repository over ssh", (text, url, webUrl) => {
    expect(parse(text)).toMatchObject({ kind: "git", url, webUrl, treePath: null });
  });

  it.each([
    ["https://github.com/octo/name/tree/main/src/core/", "main/src/core", false],
    ["https://github.com/octo/name/blob/v1/README.md", "v1/README.md", true],
    ["https://github.com/octo/name/releases/tag/v1.2", "v1.2", false],
    ["https://github.com/octo/name/commit/0123abc", "0123abc", false],
    ["https://gitlab.com/group/sub/name/-/tree/main/src", "main/src", false],
    ["https://github.com/octo/name/tree/main/a%20b", "main/a b", false],
  ])("takes ref and folder from %s", (text, treePath, treePathIsFile) => {
    expect(parse(text)).toMatchObject({ kind: "git", treePath, treePathIsFile });
  });

  it("prefers an existing folder to a repository on GitHub", () => {
    expect(parse("owner/name")).toMatchObject({ kind: "folder", folder: "/work/owner/name", name: "name" });
    expect(parse("./project/")).toMatchObject({ kind: "folder", folder: "/work/project" });
    expect(parse("~/data")).toMatchObject({ kind: "folder", folder: "/home/ada/data" });
  });

  it("knows archives by their suffix", () => {
    expect(parse("paper.zip")).toMatchObject({ kind: "archive-file", file: "/work/paper.zip", name: "paper" });
    expect(parse("/work/paper-1.0.tar.gz")).toMatchObject({ kind: "archive-file", name: "paper-1.0" });
    expect(parse("https://files.example.org/p/paper-1.0.tar.gz")).toMatchObject({ kind: "archive-url" });
  });

  it("understands Zenodo's file addresses and keeps signed queries out of what is shown", () => {
    expect(parse("https://zenodo.org/records/1/files/x.zip?download=1")).toMatchObject({
      kind: "archive-url",
      name: "x",
      text: "https://zenodo.org/records/1/files/x.zip?download=1",
    });
    expect(parse("https://zenodo.org/api/records/1/files/x.zip/content")).toMatchObject({ name: "x" });
    const signed = parse("https://zenodo.org/records/1/files/x.zip?token=secret");
    expect(signed).toMatchObject({ text: "https://zenodo.org/records/1/files/x.zip" });
    expect(signed.kind === "archive-url" && signed.url).toContain("token=secret");
  });

  it.each([
    ["https://user:pw@github.com/octo/name", "source-credentials-refused"],
    ["https://ghp_token@github.com/octo/name", "source-credentials-refused"],
    ["ssh://git:pw@github.com/octo/name", "source-credentials-refused"],
    ["https://user:pw@example.org/x.zip", "source-credentials-refused"],
    ["http://github.com/octo/name", "source-scheme-refused"],
    ["git://github.com/octo/name", "source-scheme-refused"],
    ["file:///etc", "source-scheme-refused"],
    ["ext::sh -c id", "source-scheme-refused"],
    ["--upload-pack=id", "source-not-understood"],
    ["-x/y", "source-not-understood"],
    ["ssh://-oProxyCommand=id/x", "source-not-understood"],
    ["git@-oProxyCommand=id:x/y", "source-not-understood"],
    ["git@host:-x", "source-not-understood"],
    ["", "source-not-understood"],
    ["name", "source-not-understood"],
    ["a/b/c", "source-not-understood"],
    ["octo/..", "source-not-understood"],
    ["notes.txt", "source-not-understood"],
    ["pipe", "source-not-understood"],
    ["https://github.com/octo", "source-not-understood"],
    ["https://github.com/octo/name/pull/3", "source-not-understood"],
    ["https://zenodo.org/records/123", "source-not-understood"],
    ["https://github.com/octo/na me", "source-not-understood"],
    ["./missing", "source-not-found"],
    ["/missing", "source-not-found"],
    ["missing.zip", "source-not-found"],
    ["a/missing.tar.gz", "source-not-found"],
    ["paper.tar.xz", "archive-format-unsupported"],
    ["https://example.org/x-1.0-py3-none-any.whl", "archive-format-unsupported"],
  ])("refuses %j as %s", (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it("never repeats credentials in its refusal", () => {
    for (const text of ["https://user:hunter2@github.com/octo/name", "http://user:hunter2@github.com/octo/name"]) {
      expect(messageOf(text)).toMatch(/^(?!.*hunter2).+$/);
    }
  });
});

describe("httpsFormOf", () => {
  it.each([
    ["https://user:token@github.com/octo/name.git", "https://github.com/octo/name"],
    ["git@github.com:octo/name.git", "https://github.com/octo/name"],
    ["ssh://git@example.org:2222/x/name.git", "https://example.org/x/name.git"],
    ["git://github.com/octo/name", "https://github.com/octo/name"],
    ["http://github.com/octo/name", "https://github.com/octo/name"],
    ["/srv/git/name.git", null],
    ["../name", null],
    ["file:///srv/name", null],
    ["", null],
  ])("turns %j into %j", (remote, url) => {
    expect(httpsFormOf(remote)).toBe(url);
  });
});

it("takes credentials out of what git prints", () => {
  expect(withoutCredentials("fatal: https://a:b@host/x and ssh://git@host/y")).toBe(
    "fatal: https://host/x and ssh://host/y",
  );
});
