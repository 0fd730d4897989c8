import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { createDeflate } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CloneRepositoryOptions, cloneRepository } from "../../src/repository/clone-repository.ts";
import { parseRepositorySource } from "../../src/repository/repository-source.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";
import {
  blob,
  commitAll,
  commitRawTree,
  git,
  listFiles,
  makeTemporaryFolder,
  makeWorkTree,
  writeTree,
} from "./make-repository.ts";

const base = makeTemporaryFolder();
const root = join(base, "server");
const work = join(base, "work");
const commits: Record<string, string> = {};
let intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
let server: GitHttpServer;
let count = 0;

beforeAll(async () => {
  server = await startGitHttpServer({ root, intercept: (request, response) => intercept(request, response) });
  commits.first = makeWorkTree(work, { "README.md": "# One\n", "src/core.py": "x = 1\n" });
  git(work, "tag", "-a", "v1.0", "-m", "one");
  git(work, "branch", "feature/fast");
  writeTree(work, { "run.sh": { program: "#!/bin/sh\n" }, "docs/index.md": { link: "../README.md" } });
  commits.second = commitAll(work);
  publish(work, "octo/name");
});

afterEach(() => {
  intercept = () => false;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(base, { recursive: true });
});

function publish(folder: string, name: string): void {
  git(base, "clone", "--quiet", "--mirror", folder, join(root, `${name}.git`));
}

function clone(name: string, options: Partial<CloneRepositoryOptions> = {}) {
  count += 1;
  const url = name.includes(":") ? name : `${server.url}/${name}.git`;
  return cloneRepository({
    source: parseRepositorySource(url),
    destination: join(base, "out", String(count)),
    gitEnvironment: { PATH: process.env.PATH, HOME: base, GIT_SSL_CAINFO: server.certificateFile },
    ...options,
  });
}

/** Nothing half-written: neither the destination nor a work folder. */
async function failure(name: string, options: Partial<CloneRepositoryOptions> = {}) {
  const before = existsSync(join(base, "out")) ? readdirSync(join(base, "out")) : [];
  const error = await clone(name, options).then(
    () => ({ code: "no error", userMessage: "" }),
    (thrown) => thrown,
  );
  expect(existsSync(join(base, "out")) ? readdirSync(join(base, "out")) : []).toEqual(before);
  if (error.code === "git-failed") throw error;
  expect(error.userMessage).not.toMatch(/\n/);
  return {
    code: error.code as string,
    userMessage: error.userMessage as string,
    retryable: error.retryable as boolean,
  };
}

describe("a clone over https", () => {
  it("brings the default branch's files and nothing of git", async () => {
    const repository = await clone("octo/name");
    expect(repository).toMatchObject({
      kind: "git",
      name: "octo/name",
      url: `${server.url}/octo/name.git`,
      commit: commits.second,
      ref: null,
      subdirectory: null,
      fileCount: 4,
      modified: false,
      notes: ["1 link was replaced by a copy of the file it leads to."],
    });
    expect(listFiles(repository.folder)).toEqual(["README.md", "docs/index.md", "run.sh", "src/core.py"]);
    expect(readFileSync(join(repository.folder, "docs/index.md"), "utf8")).toBe("# One\n");
    expect(statSync(join(repository.folder, "run.sh")).mode & 0o111).not.toBe(0);
    expect(readdirSync(join(base, "out"))).toEqual([String(count)]);
  });

  it.each([
    ["a branch", () => "feature/fast", "first"],
    ["an annotated tag", () => "v1.0", "first"],
    ["a full ref name", () => "refs/tags/v1.0", "first"],
    ["a full commit id", () => commits.first ?? "", "first"],
    ["the beginning of a branch's commit id", () => (commits.second ?? "").slice(0, 8), "second"],
  ])("takes %s as ref", async (_, ref, commit) => {
    const repository = await clone("octo/name", { ref: ref() });
    expect(repository).toMatchObject({ ref: ref(), commit: commits[commit] });
  });

  it("takes a commit that no branch names, also from a server that gives only what it advertises", async () => {
    const middle = git(work, "rev-parse", "HEAD~1");
    const folder = join(base, "history");
    makeWorkTree(folder, { a: "1" });
    writeTree(folder, { a: "2" });
    const hidden = commitAll(folder);
    writeTree(folder, { a: "3" });
    commitAll(folder);
    publish(folder, "octo/history");
    expect((await clone("octo/history", { ref: hidden })).commit).toBe(hidden);
    await using old = await startGitHttpServer({ root, protocolVersion: 0 });
    const gitEnvironment = { PATH: process.env.PATH, HOME: base, GIT_SSL_CAINFO: old.certificateFile };
    const repository = await clone(`${old.url}/octo/history.git`, { ref: hidden, gitEnvironment });
    expect(readFileSync(join(repository.folder, "a"), "utf8")).toBe("2");
    expect(middle).toBe(commits.first);
  });

  it("tells branch from folder in a web page's address by what the server has", async () => {
    const { webUrl, ...source } = { ...parseRepositorySource(`${server.url}/octo/name.git`), webUrl: null };
    if (source.kind !== "git") throw new Error("not git");
    const page = { ...source, webUrl, treePath: "feature/fast/src", treePathIsFile: false };
    expect(await clone("octo/name", { source: page })).toMatchObject({ ref: "feature/fast", subdirectory: "src" });
    const file = { ...page, treePath: "v1.0/src/core.py", treePathIsFile: true };
    expect(await clone("octo/name", { source: file })).toMatchObject({ ref: "v1.0", subdirectory: null });
    expect(await failure("octo/name", { source: { ...page, treePath: "nope/src" } })).toMatchObject({
      code: "unknown-ref",
    });
  });

  it("runs no hooks, filters or monitors that the person's own git settings hold", async () => {
    const home = join(base, "home");
    const marker = join(base, "ran");
    writeTree(home, {
      "hooks/post-checkout": { program: `#!/bin/sh\ntouch ${marker}\n` },
      "hooks/reference-transaction": { program: `#!/bin/sh\ntouch ${marker}\n` },
      ".gitconfig": `[core]\nhooksPath = ${home}/hooks\nfsmonitor = touch ${marker}\n[filter "lfs"]\nsmudge = touch ${marker}\nrequired = true\n[init]\ntemplateDir = ${home}\n`,
    });
    const folder = join(base, "lfs");
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;
    makeWorkTree(folder, { ".gitattributes": "*.bin filter=lfs\n", "a.py": "1" });
    const commit = commitRawTree(folder, [
      { mode: "100644", name: ".gitattributes", id: blob(folder, "*.bin filter=lfs\n") },
      { mode: "100644", name: "data.bin", id: blob(folder, pointer) },
    ]);
    git(folder, "update-ref", "refs/heads/main", commit);
    publish(folder, "octo/lfs");
    const gitEnvironment = { PATH: process.env.PATH, HOME: home, GIT_SSL_CAINFO: server.certificateFile };
    const repository = await clone("octo/lfs", { gitEnvironment });
    expect(readFileSync(join(repository.folder, "data.bin"), "utf8")).toBe(pointer);
    expect(repository.notes).toEqual(["1 file is only a Git LFS pointer: its content was not downloaded."]);
    expect(existsSync(marker)).toBe(false);
  });

  it("names submodules instead of fetching them", async () => {
    const folder = join(base, "modules");
    makeWorkTree(folder, { "a.py": "1" });
    const commit = commitRawTree(folder, [
      { mode: "100644", name: "a.py", id: blob(folder, "1") },
      { mode: "160000", name: "vendored", id: "1".repeat(40) },
    ]);
    git(folder, "update-ref", "refs/heads/main", commit);
    publish(folder, "octo/modules");
    const repository = await clone("octo/modules");
    expect(repository).toMatchObject({ fileCount: 1, notes: ["Submodules were left out: vendored."] });
  });

  it("writes no name or link that leads out of its folder", async () => {
    const folder = join(base, "hostile");
    makeWorkTree(folder, { "a.py": "1" });
    const id = blob(folder, "owned");
    const inner = git(folder, "rev-parse", "HEAD^{tree}");
    const links = { out: "../../../etc/passwd", absolute: "/etc/passwd", loop: "loop", up: "..", device: "/dev/zero" };
    const commit = commitRawTree(folder, [
      { mode: "100644", name: "-rf", id },
      { mode: "40000", name: "..", id: inner },
      { mode: "40000", name: ".GIT", id: inner },
      { mode: "40000", name: ".git", id: inner },
      { mode: "100644", name: "../escaped", id },
      { mode: "100644", name: "new\nline \u001b[31m", id },
      { mode: "100644", name: "n".repeat(300), id },
      { mode: "100644", name: Buffer.from([0x66, 0xff, 0x66]), id },
      { mode: "100644", name: "twice", id },
      { mode: "100644", name: "twice", id },
      { mode: "40000", name: "twice", id: inner },
      { mode: "120000", name: "first", id: blob(folder, "second") },
      { mode: "120000", name: "second", id: blob(folder, "./-rf") },
      ...Object.entries(links).map(([name, target]) => ({ mode: "120000", name, id: blob(folder, target) })),
    ]);
    git(folder, "update-ref", "refs/heads/main", commit);
    publish(folder, "octo/hostile");
    const repository = await clone("octo/hostile");
    expect(listFiles(repository.folder)).toEqual(["-rf", "first", "new\nline \u001b[31m", "second", "twice"]);
    expect(readFileSync(join(repository.folder, "first"), "utf8")).toBe("owned");
    expect(repository.notes.toSorted()).toEqual([
      "1 file was left out: its name is not valid UTF-8.",
      "1 file was left out: its name is too long.",
      "2 files were left out: earlier files or folders have their names.",
      "2 links were replaced by copies of the files they lead to.",
      "4 files were left out: their names are not safe to write.",
      "5 links were left out: they do not lead to files in the repository.",
    ]);
    expect(existsSync(join(base, "escaped")) || existsSync(join(base, "out/escaped"))).toBe(false);
  });

  it("checks the part to distil", async () => {
    expect(await clone("octo/name", { subdirectory: "./src/" })).toMatchObject({ subdirectory: "src" });
    expect(await clone("octo/name", { subdirectory: "." })).toMatchObject({ subdirectory: null });
    const missing = await failure("octo/name", { subdirectory: "source" });
    expect(missing).toMatchObject({ code: "subdirectory-not-found" });
    expect(missing.userMessage).toContain("docs, src");
    expect(await failure("octo/name", { subdirectory: "README.md" })).toMatchObject({ code: "subdirectory-not-found" });
    for (const subdirectory of ["../x", "/etc", "src/../../x"]) {
      expect(await failure("octo/name", { subdirectory })).toMatchObject({ code: "subdirectory-outside" });
    }
  });
});

describe("a clone that cannot be", () => {
  it("names near branches and tags for an unknown ref", async () => {
    const { code, userMessage } = await failure("octo/name", { ref: "feature/fats" });
    expect(code).toBe("unknown-ref");
    expect(userMessage).toContain("feature/fast");
    expect(await failure("octo/name", { ref: "1".repeat(40) })).toMatchObject({ code: "unknown-ref" });
    expect((await failure("octo/name", { ref: (commits.first ?? "").slice(1, 9) })).userMessage).toContain("full id");
  });

  it.each(["-x", "--upload-pack=id", "a b", "a..b", "HEAD^", "a:b", ""])("refuses %j as a ref", async (ref) => {
    const before = server.requests.length;
    expect(await failure("octo/name", { ref })).toMatchObject({ code: "unknown-ref" });
    expect(server.requests.length).toBe(before);
  });

  it("tells an empty repository", async () => {
    git(base, "init", "--quiet", "--bare", join(root, "octo/empty.git"));
    expect(await failure("octo/empty")).toMatchObject({ code: "repository-empty" });
    makeWorkTree(join(base, "bare-commit"), {});
    publish(join(base, "bare-commit"), "octo/nothing");
    expect(await failure("octo/nothing")).toMatchObject({ code: "repository-empty" });
  });

  it("tells that a default branch is missing", async () => {
    publish(work, "octo/headless");
    git(join(root, "octo/headless.git"), "symbolic-ref", "HEAD", "refs/heads/gone");
    const { code, userMessage } = await failure("octo/headless");
    expect(code).toBe("default-branch-missing");
    expect(userMessage).toContain("main");
  });

  it("tells what is not there from what asks for a login", async () => {
    expect(await failure("octo/missing")).toMatchObject({ code: "repository-not-found" });
    intercept = (_, response) => {
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
      return true;
    };
    expect(await failure("octo/name")).toMatchObject({ code: "authentication-required" });
    const source = { ...parseRepositorySource("octo/name"), url: `${server.url}/octo/name.git` };
    const hidden = await failure("octo/name", { source });
    expect(hidden).toMatchObject({ code: "repository-not-found" });
    expect(hidden.userMessage).toContain("does not exist or is private");
  });

  it("tells a web page from a repository", async () => {
    intercept = (_, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>\n<html>\n<body>\n</html>\n");
      return true;
    };
    expect(await failure("octo/name")).toMatchObject({ code: "not-a-repository" });
  });

  it("calls a server in trouble retryable", async () => {
    intercept = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    expect(await failure("octo/name")).toMatchObject({ code: "server-unavailable", retryable: true });
  });

  it("is fetched from allowed hosts alone, and follows no redirect where they are named", async () => {
    const { host } = new URL(server.url);
    const asked: string[] = [];
    intercept = ({ url = "" }, response) => {
      asked.push(url);
      if (!url.startsWith("/old/")) return false;
      response.writeHead(301, { location: `${server.url}${url.replace("/old/", "/octo/")}` }).end();
      return true;
    };
    const allowsHost = (each: string) => each === host;
    expect((await clone("octo/name", { allowsHost })).fileCount).toBe(4);
    expect((await clone("old/name")).fileCount).toBe(4);
    asked.length = 0;
    expect((await failure("old/name", { allowsHost })).code).toBe("repository-moved");
    expect(asked.filter((url) => url.startsWith("/octo/"))).toEqual([]);
    asked.length = 0;
    expect((await failure("octo/name", { allowsHost: () => false })).code).toBe("host-refused");
    expect((await failure("git@github.com:octo/name.git", { allowsHost: () => true })).code).toBe("host-refused");
    expect(asked).toEqual([]);
  });

  it("follows no redirect to http", async () => {
    intercept = (_, response) => {
      response.writeHead(302, { location: "http://localhost:1/octo/name.git/info/refs" }).end();
      return true;
    };
    expect((await failure("octo/name")).code).toBe("protocol-refused");
  });

  it("tells an unreachable host and a certificate that nobody vouches for", async () => {
    expect(await failure("https://localhost:1/x/y")).toMatchObject({ code: "repository-unreachable", retryable: true });
    expect(await failure("https://no-such-host.invalid/x/y")).toMatchObject({ code: "repository-unreachable" });
    const gitEnvironment = { PATH: process.env.PATH };
    expect(await failure("octo/name", { gitEnvironment })).toMatchObject({ code: "tls-failed" });
  });

  it("stops a download that is too large, and files that would be", async () => {
    const folder = join(base, "large");
    makeWorkTree(folder, { "data.bin": randomBytes(3_000_000) });
    publish(folder, "octo/large");
    const download = await failure("octo/large", { limits: { maxBytes: 1_000_000 } });
    expect(download).toMatchObject({ code: "repository-too-large" });
    expect(download.userMessage).toContain("the download is larger than the limit of 1000000 bytes");
    expect(download.userMessage).toContain("--max-");
    writeTree(folder, { "data.bin": Buffer.alloc(3_000_000) });
    git(folder, "checkout", "--quiet", "--orphan", "zeros");
    commitAll(folder);
    git(folder, "branch", "-D", "main");
    git(folder, "branch", "-m", "main");
    publish(folder, "octo/zeros");
    const files = await failure("octo/zeros", { limits: { maxBytes: 1_000_000 } });
    expect(files.userMessage).toContain("its files");
    expect(await failure("octo/name", { limits: { maxFiles: 2 } })).toMatchObject({
      code: "repository-too-many-files",
    });
  });

  it("kills git while it still downloads too much", async () => {
    let sent = 0;
    intercept = onThirdPost((request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "application/x-git-upload-pack-result" });
      // Protocol version 2: the section `packfile`, then a pack of one blob of 2^40 bytes on side band 1.
      response.write("000dpackfile\n");
      response.write(sideBand(Buffer.from("5041434b0000000200000001b08080808001", "hex")));
      const deflate = createDeflate({ level: 0 }).on("data", (data: Buffer) => {
        sent += data.length;
        response.write(sideBand(data));
      });
      const timer = setInterval(() => deflate.write(randomBytes(60_000)), 5);
      response.on("close", () => clearInterval(timer));
      return true;
    });
    const { code } = await failure("octo/name", { limits: { maxBytes: 2_000_000, timeoutMs: 20_000 } });
    expect(code).toBe("repository-too-large");
    expect(sent).toBeLessThan(50_000_000);
  });

  it("gives up at its time limit, and at once when cancelled", async () => {
    intercept = () => true;
    const late = await failure("octo/name", { limits: { timeoutMs: 300 } });
    expect(late).toMatchObject({ code: "clone-timeout", retryable: true });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const start = performance.now();
    expect(await failure("octo/name", { signal: controller.signal })).toMatchObject({ code: "cancelled" });
    expect(performance.now() - start).toBeLessThan(3_000);
    expect(await failure("octo/name", { signal: AbortSignal.abort() })).toMatchObject({ code: "cancelled" });
  });

  it("says so when git is not installed", async () => {
    const gitEnvironment = { PATH: join(base, "nothing") };
    expect(await failure("octo/name", { gitEnvironment })).toMatchObject({ code: "git-missing" });
  });

  it("leaves an existing destination alone and names one that cannot be made", async () => {
    const destination = join(base, "taken");
    writeTree(destination, { mine: "1" });
    expect(await failure("octo/name", { destination })).toMatchObject({ code: "destination-exists" });
    expect(listFiles(destination)).toEqual(["mine"]);
    const below = join(destination, "mine/x");
    expect(await failure("octo/name", { destination: below })).toMatchObject({ code: "destination-not-writable" });
  });
});

describe("a clone over ssh", () => {
  function fakeSsh(script: string): NodeJS.ProcessEnv {
    const folder = join(base, `ssh-${count}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "ssh"), `#!/bin/sh\necho "$@" > ${folder}/args\n${script}\n`);
    chmodSync(join(folder, "ssh"), 0o755);
    return { PATH: `${folder}:${process.env.PATH}`, HOME: folder };
  }

  it("asks ssh for the repository in batch mode", async () => {
    const gitEnvironment = fakeSsh('for last; do :; done; exec sh -c "$last"');
    const repository = await clone(`ssh://git@example.org${root}/octo/name.git`, { gitEnvironment });
    expect(repository.commit).toBe(commits.second);
    expect(readFileSync(join(gitEnvironment.HOME ?? "", "args"), "utf8")).toMatch(/BatchMode=yes .*git@example\.org/);
  });

  it.each([
    ["git@github.com: Permission denied (publickey).", "authentication-required"],
    ["Host key verification failed.", "ssh-host-unknown"],
    ["ssh: Could not resolve hostname x: Name or service not known", "repository-unreachable"],
    ["ERROR: Repository not found.", "repository-not-found"],
  ])("understands %j", async (words, code) => {
    const gitEnvironment = fakeSsh(`echo "${words}" >&2; exit 255`);
    expect(await failure("git@github.com:octo/name.git", { gitEnvironment })).toMatchObject({ code });
  });
});

function sideBand(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from((data.length + 5).toString(16).padStart(4, "0")), Buffer.from([1]), data]);
}

/** `ls-remote` posts once, `fetch` once for the names and once for the pack. */
function onThirdPost(handler: typeof intercept): typeof intercept {
  let posts = 0;
  return (request, response) => {
    if (request.method === "POST") posts += 1;
    return posts === 3 && request.method === "POST" && handler(request, response);
  };
}
