import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type CloneRepositoryOptions, cloneRepository } from "../../src/repository/clone-repository.ts";
import { parseRepositorySource } from "../../src/repository/repository-source.ts";
import {
  commitAll,
  git,
  listFiles,
  makeTemporaryFolder,
  makeWorkTree,
  type TreeContent,
  writeTree,
} from "./make-repository.ts";

const base = makeTemporaryFolder();
let count = 0;

afterAll(() => rmSync(base, { recursive: true }));

function newFolder(): string {
  count += 1;
  return join(base, `folder-${count}`);
}

function clone(folder: string, options: Partial<CloneRepositoryOptions> = {}) {
  count += 1;
  return cloneRepository({
    source: parseRepositorySource(folder),
    destination: join(base, "out", String(count)),
    gitEnvironment: { PATH: process.env.PATH, HOME: base },
    ...options,
  });
}

async function codeOf(folder: string, options: Partial<CloneRepositoryOptions> = {}): Promise<string> {
  const before = existsSync(join(base, "out")) ? readdirSync(join(base, "out")) : [];
  const code = await clone(folder, options).then(
    () => "no error",
    (error) => error.code,
  );
  expect(existsSync(join(base, "out")) ? readdirSync(join(base, "out")) : []).toEqual(before);
  return code;
}

function workTree(content: TreeContent) {
  const folder = newFolder();
  return { folder, commit: makeWorkTree(folder, content) };
}

describe("a local git work tree", () => {
  it("is taken as it lies there, pinned to its commit", async () => {
    const { folder, commit } = workTree({ "a.py": "1\n", "b/c.sh": { program: "#!/bin/sh\n" } });
    git(folder, "remote", "add", "origin", "https://someone:token@github.com/octo/name.git");
    writeTree(folder, { "scratch.txt": "untracked", "scratch2.txt": "untracked" });
    const repository = await clone(folder);
    expect(repository).toMatchObject({
      kind: "git",
      name: "octo/name",
      url: "https://github.com/octo/name",
      commit,
      ref: null,
      modified: false,
      notes: ["2 files that git does not track were left out."],
    });
    expect(listFiles(repository.folder)).toEqual(["a.py", "b/c.sh"]);
  });

  it("says which files differ, are staged or are missing", async () => {
    const { folder, commit } = workTree({ "a.py": "1\n", "b.py": "1\n", "c.py": "1\n", "d/e.py": "1\n" });
    writeTree(folder, { "a.py": "2\n", "new.py": "3\n" });
    git(folder, "add", "new.py");
    rmSync(join(folder, "c.py"));
    rmSync(join(folder, "d"), { recursive: true });
    const repository = await clone(folder);
    expect(repository).toMatchObject({ commit, modified: true, fileCount: 3 });
    const id = commit.slice(0, 12);
    expect(repository.notes).toEqual([
      `1 file differs from commit ${id}: a.py.`,
      `1 file is staged but not in commit ${id}.`,
      `2 files of commit ${id} are missing here: c.py, d/e.py.`,
    ]);
    expect(readFileSync(join(repository.folder, "a.py"), "utf8")).toBe("2\n");
  });

  it("does not take a checkout's line endings for a change", async () => {
    const { folder } = workTree({ "a.py": "1\n2\n" });
    writeTree(folder, { "a.py": "1\r\n2\r\n" });
    expect(await clone(folder)).toMatchObject({ modified: false, notes: [] });
  });

  it("works in a repository whose ids are SHA-256", async () => {
    const folder = newFolder();
    writeTree(folder, { "a.py": "1\n", "b.py": "1\n" });
    git(folder, "init", "--quiet", "--object-format=sha256");
    const commit = commitAll(folder);
    writeTree(folder, { "b.py": "2\n" });
    const repository = await clone(folder);
    expect(repository).toMatchObject({ commit, modified: true });
    expect(repository.notes).toEqual([`1 file differs from commit ${commit.slice(0, 12)}: b.py.`]);
  });

  it("never runs what the folder configures", async () => {
    const { folder } = workTree({
      "a.py": "1\n",
      "data.bin": "x",
      ".gitattributes": "*.bin filter=evil diff=evil\n*.py ident\n",
    });
    const marker = join(base, `ran-${count}`);
    const evil = join(base, "evil.sh");
    writeTree(base, { "evil.sh": { program: `#!/bin/sh\ntouch ${marker}\ncat\n` } });
    for (const setting of [
      "core.fsmonitor",
      "core.sshCommand",
      "core.pager",
      "filter.evil.clean",
      "filter.evil.smudge",
    ]) {
      git(folder, "config", setting, evil);
    }
    for (const setting of [
      "filter.evil.process",
      "diff.evil.command",
      "credential.helper",
      "uploadpack.packObjectsHook",
    ]) {
      git(folder, "config", setting, evil);
    }
    git(folder, "config", "alias.ls-tree", `!${evil}`);
    git(folder, "config", "remote.origin.url", `ext::${evil}`);
    git(folder, "config", "remote.origin.promisor", "true");
    git(folder, "config", "remote.origin.uploadpack", evil);
    git(folder, "config", "extensions.partialClone", "origin");
    git(folder, "config", "protocol.ext.allow", "always");
    writeTree(folder, { "data.bin": "y", ".git/hooks/post-index-change": { program: `#!/bin/sh\ntouch ${marker}\n` } });
    rmSync(join(folder, ".git/objects", git(folder, "rev-parse", "HEAD:a.py").replace(/^(..)/, "$1/")));
    expect(await clone(folder)).toMatchObject({ modified: true, url: null, fileCount: 3 });
    expect(await clone(folder, { ref: "main" })).toMatchObject({
      notes: ["1 file of the commit is missing here and was left out."],
    });
    expect(existsSync(marker)).toBe(false);
  });

  it("does not believe a configuration that points its work tree elsewhere", async () => {
    const { folder } = workTree({ "a.py": "1\n" });
    const elsewhere = newFolder();
    writeTree(elsewhere, { "a.py": "secret\n" });
    git(folder, "config", "core.worktree", elsewhere);
    const repository = await clone(folder);
    expect(readFileSync(join(repository.folder, "a.py"), "utf8")).toBe("1\n");
  });

  it("follows no link, neither a tracked one nor one in place of a tracked file or folder", async () => {
    const secret = newFolder();
    writeTree(secret, { "key.pem": "secret", "inner.py": "secret" });
    const { folder } = workTree({
      "a.py": "1\n",
      "copy.py": { link: "a.py" },
      out: { link: join(secret, "key.pem") },
      zero: { link: "/dev/zero" },
      loop: { link: "loop" },
      "b.py": "1\n",
      "sub/inner.py": "1\n",
    });
    rmSync(join(folder, "b.py"));
    symlinkSync(join(secret, "key.pem"), join(folder, "b.py"));
    rmSync(join(folder, "sub"), { recursive: true });
    symlinkSync(secret, join(folder, "sub"));
    const repository = await clone(folder);
    expect(listFiles(repository.folder)).toEqual(["a.py", "copy.py"]);
    expect(repository.modified).toBe(true);
    expect(repository.notes).toContain("4 links were left out: they do not lead to files in the repository.");
    expect(repository.notes.join()).toContain("missing here: sub/inner.py");
  });

  it("opens no pipe in place of a tracked file", async () => {
    const { folder } = workTree({ "a.py": "1\n", "b.py": "1\n" });
    rmSync(join(folder, "b.py"));
    execFileSync("mkfifo", [join(folder, "b.py")]);
    const repository = await clone(folder, { limits: { timeoutMs: 10_000 } });
    expect(repository.notes).toEqual(["1 special file (a pipe, a socket or a device) was left out."]);
  });

  it("takes another commit without touching the work tree", async () => {
    const { folder, commit } = workTree({ "a.py": "1\n", "docs/x.md": { link: "../a.py" } });
    git(folder, "tag", "v1");
    writeTree(folder, { "a.py": "2\n" });
    commitAll(folder);
    writeTree(folder, { "a.py": "3\n" });
    for (const ref of ["v1", commit, commit.slice(0, 8)]) {
      const repository = await clone(folder, { ref });
      expect(repository).toMatchObject({ commit, ref, modified: false });
      expect(readFileSync(join(repository.folder, "docs/x.md"), "utf8")).toBe("1\n");
    }
    expect(readFileSync(join(folder, "a.py"), "utf8")).toBe("3\n");
    expect(await codeOf(folder, { ref: "v2" })).toBe("unknown-ref");
    expect(await codeOf(folder, { ref: "--help" })).toBe("unknown-ref");
  });

  it("takes a sub-folder as the repository, pinned to the enclosing commit", async () => {
    const { folder, commit } = workTree({ "top.py": "1\n", "part/[x]/a.py": "1\n", "part/[x]/b/c.py": "2\n" });
    git(folder, "remote", "add", "origin", "git@github.com:octo/name.git");
    writeTree(folder, { "part/[x]/b/c.py": "3\n", "part/[x]/new.txt": "", "other.txt": "" });
    const sub = join(folder, "part/[x]");
    const repository = await clone(sub);
    expect(repository).toMatchObject({
      kind: "git",
      name: "[x]",
      url: "https://github.com/octo/name",
      commit,
      subdirectory: null,
    });
    expect(listFiles(repository.folder)).toEqual(["a.py", "b/c.py"]);
    expect(repository.notes).toEqual([
      `1 file differs from commit ${commit.slice(0, 12)}: b/c.py.`,
      "1 file that git does not track was left out.",
    ]);
    const pinned = await clone(sub, { ref: "main", subdirectory: "b" });
    expect(readFileSync(join(pinned.folder, "b/c.py"), "utf8")).toBe("2\n");
  });

  it("takes linked work trees, bare repositories and paths over links", async () => {
    const { folder, commit } = workTree({ "a.py": "1\n" });
    const linked = newFolder();
    git(folder, "worktree", "add", "--quiet", linked, "-b", "linked");
    expect(await clone(linked)).toMatchObject({ kind: "git", commit, fileCount: 1 });
    const bare = `${newFolder()}.git`;
    git(base, "clone", "--quiet", "--bare", folder, bare);
    expect(await clone(bare)).toMatchObject({ kind: "git", commit, fileCount: 1, modified: false });
    const link = newFolder();
    symlinkSync(folder, link);
    expect(await clone(link)).toMatchObject({ kind: "git", commit, fileCount: 1 });
  });

  it("names submodules", async () => {
    const inner = workTree({ "inner.py": "1\n" });
    const { folder } = workTree({ "a.py": "1\n" });
    git(folder, "submodule", "--quiet", "add", inner.folder, "deps/inner");
    commitAll(folder);
    const repository = await clone(folder);
    expect(listFiles(repository.folder)).toEqual([".gitmodules", "a.py"]);
    expect(repository.notes).toEqual(["Submodules were left out: deps/inner."]);
  });

  it("works without the blobs and says so when the commit itself is gone", async () => {
    const { folder, commit } = workTree({ "a.py": "1\n" });
    const objectOf = (name: string) =>
      join(folder, ".git/objects", git(folder, "rev-parse", name).replace(/^(..)/, "$1/"));
    rmSync(objectOf("HEAD:a.py"));
    expect(await clone(folder)).toMatchObject({ commit, fileCount: 1, modified: false });
    rmSync(objectOf("HEAD"));
    expect(await codeOf(folder)).toBe("repository-corrupt");
  });

  it("tells that git is missing", async () => {
    const { folder } = workTree({ "a.py": "1\n" });
    expect(await codeOf(folder, { gitEnvironment: { PATH: join(base, "nothing") } })).toBe("git-missing");
  });
});

describe("a folder without git history", () => {
  it("is copied whole, without what tools put there", async () => {
    const folder = newFolder();
    writeTree(folder, {
      "a.py": "1",
      ".hidden": "1",
      "run.sh": { program: "#!/bin/sh\n" },
      "node_modules/x/index.js": "1",
      "src/__pycache__/a.pyc": "1",
      ".venv/bin/python": "1",
      "link.py": { link: "src/../a.py" },
      secret: { link: "/etc/passwd" },
    });
    const repository = await clone(folder);
    expect(repository).toMatchObject({
      kind: "folder",
      name: `folder-${count - 1}`,
      url: null,
      commit: null,
      modified: false,
    });
    expect(listFiles(repository.folder)).toEqual([".hidden", "a.py", "link.py", "run.sh"]);
    expect(repository.notes).toEqual([
      "1 link was left out: it does not lead to a file in the repository.",
      "1 link was replaced by a copy of the file it leads to.",
    ]);
  });

  it("holds names that are hard to write, and drops those that are not UTF-8", async () => {
    const folder = newFolder();
    writeTree(folder, { "-rf": "1", "new\nline": "1", "<|endoftext|>": "1" });
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff])]), "1");
    const repository = await clone(folder);
    expect(listFiles(repository.folder)).toEqual(["-rf", "<|endoftext|>", "new\nline"]);
    expect(repository.notes).toEqual(["1 file was left out: its name is not valid UTF-8."]);
  });

  it("opens neither pipes nor sockets", async () => {
    const folder = newFolder();
    writeTree(folder, { "a.py": "1" });
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
    const repository = await clone(folder, { limits: { timeoutMs: 10_000 } });
    server.close();
    expect(repository.notes).toEqual(["2 special files (pipes, sockets or devices) were left out."]);
  });

  it.skipIf(process.getuid?.() === 0)("counts what it may not read", async () => {
    const folder = newFolder();
    writeTree(folder, { "a.py": "1", "b.py": "1" });
    chmodSync(join(folder, "b.py"), 0);
    expect((await clone(folder)).notes).toEqual(["1 file or folder was left out: it could not be read."]);
  });

  it("does not copy its own output when that lies inside", async () => {
    const folder = newFolder();
    writeTree(folder, { "a.py": "1" });
    const repository = await clone(folder, { destination: join(folder, "out/clone") });
    expect(listFiles(repository.folder)).toEqual(["a.py"]);
  });

  it("clears away what a killed run left beside the destination", async () => {
    const folder = newFolder();
    const runs = newFolder();
    writeTree(folder, { "a.py": "1" });
    writeTree(runs, { "clone.partial-abc123/files/half": "1", "clone.txt": "1" });
    await clone(folder, { destination: join(runs, "clone") });
    expect(listFiles(runs)).toEqual(["clone.txt", "clone/a.py"]);
  });

  it("is also what a folder is that git does not track, or that has no commit yet", async () => {
    const { folder } = workTree({ "a.py": "1" });
    writeTree(folder, { "ignored/data.py": "1" });
    expect(await clone(join(folder, "ignored"))).toMatchObject({ kind: "folder", commit: null, fileCount: 1 });
    const fresh = newFolder();
    writeTree(fresh, { "a.py": "1" });
    git(fresh, "init", "--quiet");
    expect(await clone(fresh)).toMatchObject({ kind: "folder", commit: null, fileCount: 1 });
    const broken = newFolder();
    writeTree(broken, { "a.py": "1", ".git/nothing": "" });
    expect(await clone(broken)).toMatchObject({ kind: "folder", fileCount: 1 });
  });

  it("needs no git, unless a commit is asked for", async () => {
    const folder = newFolder();
    writeTree(folder, { "a.py": "1" });
    expect(await clone(folder, { gitEnvironment: {} })).toMatchObject({ kind: "folder" });
    expect(await codeOf(folder, { ref: "main" })).toBe("ref-without-history");
  });

  it("keeps to its limits and leaves nothing behind", async () => {
    const folder = newFolder();
    writeTree(folder, { "a.py": "1".repeat(600), "b.py": "1".repeat(600) });
    expect(await codeOf(folder, { limits: { maxBytes: 1000 } })).toBe("repository-too-large");
    expect(await codeOf(folder, { limits: { maxFiles: 1 } })).toBe("repository-too-many-files");
    const empty = newFolder();
    mkdirSync(empty);
    expect(await codeOf(empty)).toBe("repository-empty");
    const { source } = { source: parseRepositorySource(folder) };
    renameSync(folder, `${folder}-moved`);
    expect(await codeOf(base, { source })).toBe("source-unreadable");
  });
});
