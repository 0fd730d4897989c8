import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CloneRepositoryOptions, cloneRepository } from "../../src/repository/clone-repository.ts";
import { parseRepositorySource } from "../../src/repository/repository-source.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";
import { makeTar, makeZip, type TarEntry, type ZipEntry } from "./make-archives.ts";
import { git, listFiles, makeTemporaryFolder, makeWorkTree } from "./make-repository.ts";

const base = makeTemporaryFolder();
let count = 0;

afterAll(() => rmSync(base, { recursive: true }));

function clone(text: string, options: Partial<CloneRepositoryOptions> = {}) {
  count += 1;
  const destination = join(base, "out", String(count));
  return cloneRepository({ source: parseRepositorySource(text), destination, gitEnvironment: {}, ...options });
}

function save(name: string, content: Buffer): string {
  const path = join(base, name);
  writeFileSync(path, content);
  return path;
}

async function codeOf(text: string, options: Partial<CloneRepositoryOptions> = {}): Promise<string> {
  const before = existsSync(join(base, "out")) ? readdirSync(join(base, "out")) : [];
  const code = await clone(text, options).then(
    () => "no error",
    (error) => error.code ?? error,
  );
  expect(existsSync(join(base, "out")) ? readdirSync(join(base, "out")) : []).toEqual(before);
  return code;
}

const zip = (...entries: ZipEntry[]) => save("x.zip", makeZip(entries));
const tar = (...entries: TarEntry[]) => save("x.tar.gz", gzipSync(makeTar(entries)));
const project = [
  { name: "paper-1.0/", mode: 0o40755, type: "5" },
  { name: "paper-1.0/README.md", content: "# Paper\n" },
  { name: "paper-1.0/src/core.py", content: "x = 1\n" },
  { name: "paper-1.0/run.sh", content: "#!/bin/sh\n", mode: 0o100755 },
];

describe.each([
  ["zip", () => save("paper-1.0.zip", makeZip(project)), "paper-1.0"],
  ["tar.gz", () => save("paper-1.0.tar.gz", gzipSync(makeTar(project))), "paper-1.0"],
  ["tgz", () => save("paper-1.0.tgz", gzipSync(makeTar(project))), "paper-1.0"],
  ["tar", () => save("paper-1.0.tar", makeTar(project)), "paper-1.0"],
  ["tar.gz that is a zip in truth", () => save("wrong.tar.gz", makeZip(project)), "wrong"],
])("a .%s archive", (_, make, name) => {
  it("is unpacked without its single top folder and kept by its hash", async () => {
    const file = make();
    const repository = await clone(file);
    expect(repository).toMatchObject({
      kind: "archive",
      name,
      url: null,
      commit: null,
      ref: null,
      fileCount: 3,
      notes: [],
    });
    expect(repository.archiveSha256).toBe(createHash("sha256").update(readFileSync(file)).digest("hex"));
    expect(listFiles(repository.folder)).toEqual(["README.md", "run.sh", "src/core.py"]);
    expect(readFileSync(join(repository.folder, "src/core.py"), "utf8")).toBe("x = 1\n");
    expect(statSync(join(repository.folder, "run.sh")).mode & 0o100).toBe(0o100);
    expect(statSync(join(repository.folder, "README.md")).mode & 0o111).toBe(0);
  });
});

it("reads what git archive writes", async () => {
  const folder = join(base, "work");
  makeWorkTree(folder, { "a.py": "1", "ä/ö.py": "2", link: { link: "a.py" }, [`${"d/".repeat(80)}deep.py`]: "3" });
  for (const format of ["zip", "tar.gz"]) {
    const file = join(base, `archive.${format}`);
    git(folder, "archive", "--prefix=top/", `--output=${file}`, "HEAD");
    const repository = await clone(file);
    expect(listFiles(repository.folder)).toEqual(["a.py", `${"d/".repeat(80)}deep.py`, "ä/ö.py"]);
    expect(repository.notes).toEqual(["1 link in the archive was left out."]);
  }
});

describe("a hostile archive", () => {
  it.each(["../x", "a/../../x", "/etc/x", "C:/x", "..\\x", "a\\x", "a/.."])(
    "is refused for the name %j",
    async (name) => {
      const good = { name: "good.py", content: "1" };
      expect(await codeOf(zip(good, { name, content: "1" }))).toBe("archive-path-traversal");
      expect(await codeOf(tar(good, { name, content: "1" }))).toBe("archive-path-traversal");
      expect(await codeOf(tar(good, { name, type: "2", link: "/etc" }))).toBe("archive-path-traversal");
    },
  );

  it("is refused for a NUL in a name", async () => {
    expect(await codeOf(zip({ name: "a\0b", content: "1" }))).toBe("archive-path-traversal");
  });

  it("loses its links, pipes and devices, and writes nothing through them", async () => {
    const throughLink = { name: "out/owned.txt", content: "1" };
    const zipped = await clone(
      zip({ name: "out", content: "/tmp", mode: 0o120777 }, throughLink, { name: "pipe", mode: 0o10644 }),
    );
    expect(listFiles(zipped.folder)).toEqual(["owned.txt"]);
    expect(zipped.notes).toEqual([
      "1 link in the archive was left out.",
      "1 special file (a pipe, a socket or a device) was left out.",
    ]);
    const tarred = await clone(
      tar(
        { name: "a.py", content: "1" },
        { name: "out", type: "2", link: "/tmp" },
        { name: "hard", type: "1", link: "/etc/passwd" },
        throughLink,
        { name: "zero", type: "3" },
        { name: "pipe", type: "6" },
      ),
    );
    expect(listFiles(tarred.folder)).toEqual(["a.py", "out/owned.txt"]);
    expect(tarred.notes.toSorted()).toEqual([
      "2 links in the archive were left out.",
      "2 special files (pipes, sockets or devices) were left out.",
    ]);
  });

  it("keeps the first of two entries of one name", async () => {
    const entries = [
      { name: "p/a", content: "first" },
      { name: "p/./a", content: "second" },
      { name: "p/a/b", content: "below a file" },
      { name: "p/c/d", content: "1" },
      { name: "p/c", content: "over a folder" },
    ];
    for (const file of [zip(...entries), tar(...entries)]) {
      const repository = await clone(file);
      expect(listFiles(repository.folder)).toEqual(["a", "c/d"]);
      expect(readFileSync(join(repository.folder, "a"), "utf8")).toBe("first");
      expect(repository.notes).toEqual(["3 files were left out: earlier files or folders have their names."]);
    }
  });

  it("brings no git folder and no name that is not UTF-8", async () => {
    const bytes = Buffer.from([0x62, 0xff]);
    const zipped = await clone(
      zip(
        { name: "a", content: "1" },
        { name: ".git/config", content: "1" },
        { name: "x/.GIT/hooks/y", content: "1" },
        { name: bytes, flags: 0x800, content: "1" },
        { name: "__MACOSX/._a", content: "1" },
      ),
    );
    expect(zipped).toMatchObject({ fileCount: 1, notes: ["1 file was left out: its name is not valid UTF-8."] });
    const tarred = await clone(tar({ name: "a", content: "1" }, { name: bytes, content: "1" }));
    expect(tarred).toMatchObject({ fileCount: 1, notes: ["1 file was left out: its name is not valid UTF-8."] });
  });

  it("reads names of old zip files as code page 437", async () => {
    const repository = await clone(zip({ name: Buffer.from([0x84, 0x2e, 0x70, 0x79]), content: "1" }));
    expect(listFiles(repository.folder)).toEqual(["ä.py"]);
  });

  it("is refused as a bomb by its ratio, and by the limits whatever its ratio", async () => {
    const zeros = Buffer.alloc(80 * 1024 ** 2);
    expect(await codeOf(zip({ name: "zeros", content: zeros }))).toBe("archive-bomb");
    expect(await codeOf(tar({ name: "zeros", content: zeros }))).toBe("archive-bomb");
    const limits = { maxBytes: 1_000_000 };
    const small = { name: "zeros", content: Buffer.alloc(600_000) };
    for (const make of [zip, tar]) {
      expect(await codeOf(make(small, { ...small, name: "more" }), { limits })).toBe("repository-too-large");
      expect(await codeOf(make({ name: "a" }, { name: "b" }, { name: "c" }), { limits: { maxFiles: 2 } })).toBe(
        "repository-too-many-files",
      );
    }
    const manyFolders = Array.from({ length: 2_000 }, (_, index) => ({ name: `d${index}/`, type: "5" }));
    expect(await codeOf(tar(...manyFolders), { limits: { maxBytes: 1000, maxFiles: 10 } })).toBe(
      "repository-too-large",
    );
  });

  it("is refused when its directory lies about sizes", async () => {
    const content = Buffer.alloc(500_000);
    expect(await codeOf(zip({ name: "a", content, claimedSize: 10 }))).toBe("archive-corrupt");
    expect(await codeOf(zip({ name: "a", content, method: 0, claimedSize: 10 }))).toBe("archive-corrupt");
  });
});

describe("a damaged archive", () => {
  it("is told as corrupt", async () => {
    const whole = makeZip([{ name: "a", content: "1".repeat(10_000) }]);
    expect(await codeOf(save("x.zip", whole.subarray(0, whole.length - 30)))).toBe("archive-corrupt");
    expect(await codeOf(zip({ name: "a", content: "text", checksum: 1 }))).toBe("archive-corrupt");
    const packed = gzipSync(makeTar([{ name: "a", content: Buffer.from("text ".repeat(10_000)) }]));
    expect(await codeOf(save("x.tar.gz", packed.subarray(0, packed.length / 2)))).toBe("archive-corrupt");
    const plain = makeTar([{ name: "a", content: Buffer.alloc(5000) }]);
    expect(await codeOf(save("x.tar", plain.subarray(0, 2000)))).toBe("archive-corrupt");
    expect(await codeOf(save("x.tar", Buffer.from(plain).fill(7, 20, 40)))).toBe("archive-corrupt");
    expect(await codeOf(save("x.zip", Buffer.from("<html>no archive</html>".repeat(100))))).toBe("archive-corrupt");
    expect(await codeOf(save("x.tar.gz", gzipSync("no tar")))).toBe("archive-corrupt");
    expect(await codeOf(save("x.zip", Buffer.alloc(0)))).toBe("archive-corrupt");
  });

  it("may be followed by padding", async () => {
    const padded = Buffer.concat([makeTar([{ name: "a", content: "1" }]), Buffer.alloc(10_240, 7)]);
    expect(await clone(save("x.tar", padded))).toMatchObject({ fileCount: 1 });
  });

  it("is not tried when it needs a password", async () => {
    expect(await codeOf(zip({ name: "a", content: "1", flags: 1 }))).toBe("archive-encrypted");
  });

  it("loses only the files whose compression is unknown", async () => {
    const repository = await clone(zip({ name: "a", content: "1" }, { name: "b", content: "1", method: 14 }));
    expect(repository.notes).toEqual(["1 file was left out: it is compressed in a way that cannot be read."]);
  });
});

it("knows an empty archive, one that is gone, and one larger than the limit", async () => {
  expect(await codeOf(zip())).toBe("repository-empty");
  const source = parseRepositorySource(tar({ name: "a", content: "1" }));
  rmSync(join(base, "x.tar.gz"));
  expect(await codeOf(zip(), { source })).toBe("source-unreadable");
  const stored = zip({ name: "a", content: "1".repeat(2000), method: 0 });
  expect(await codeOf(stored, { limits: { maxBytes: 1000 } })).toBe("repository-too-large");
  expect(await codeOf(stored, { ref: "main" })).toBe("ref-without-history");
});

it("stops when it is cancelled", async () => {
  const entries = Array.from({ length: 3_000 }, (_, index) => ({ name: `f${index}`, content: "1" }));
  for (const file of [zip(...entries), tar(...entries)]) {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    expect(await codeOf(file, { signal: controller.signal, onProgress })).toBe("cancelled");
  }
});

describe("an archive's https URL", () => {
  const root = join(base, "work");
  let server: GitHttpServer;
  let intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  const body = gzipSync(makeTar(project));

  beforeAll(async () => {
    server = await startGitHttpServer({ root, intercept: (request, response) => intercept(request, response) });
    setDefaultCACertificates([...getCACertificates("default"), readFileSync(server.certificateFile, "utf8")]);
  });

  afterEach(() => {
    intercept = () => false;
  });

  afterAll(() => server[Symbol.asyncDispose]());

  function serve(handler: (path: string, response: ServerResponse) => void): void {
    intercept = (request, response) => {
      handler(request.url ?? "", response);
      return true;
    };
  }

  it("is fetched, over redirects, without its query in the record", async () => {
    serve((path, response) => {
      if (path.startsWith("/signed/")) response.end(body);
      else response.writeHead(302, { location: "/signed/abc" }).end();
    });
    const repository = await clone(`${server.url}/records/1/files/paper-1.0.tar.gz?token=secret`);
    const url = `${server.url}/records/1/files/paper-1.0.tar.gz`;
    expect(repository).toMatchObject({ kind: "archive", name: "paper-1.0", source: url, url, fileCount: 3 });
    expect(repository.archiveSha256).toBe(createHash("sha256").update(body).digest("hex"));
    expect(JSON.stringify(repository)).not.toContain("secret");
  });

  it.each([
    [404, "archive-not-found"],
    [403, "authentication-required"],
    [503, "server-unavailable"],
  ])("tells status %i as %s", async (status, code) => {
    serve((_, response) => response.writeHead(status).end());
    expect(await codeOf(`${server.url}/x.zip`)).toBe(code);
  });

  it("follows no redirect to http, and none for ever", async () => {
    serve((_, response) => response.writeHead(302, { location: "http://localhost:1/x.zip" }).end());
    expect(await codeOf(`${server.url}/x.zip`)).toBe("protocol-refused");
    serve((path, response) => response.writeHead(302, { location: path }).end());
    expect(await codeOf(`${server.url}/x.zip`)).toBe("archive-not-found");
  });

  it("is fetched from allowed hosts alone, wherever it is redirected to", async () => {
    const asked: string[] = [];
    serve((path, response) => {
      asked.push(path);
      if (path.startsWith("/inside/")) response.end(body);
      else response.writeHead(302, { location: `https://localhost:${new URL(server.url).port}/inside/x.tar.gz` }).end();
    });
    const outside = server.url.replace("localhost", "127.0.0.1");
    const allowsHost = (host: string) => host === new URL(outside).host;
    expect(await codeOf(`${outside}/x.tar.gz`, { allowsHost })).toBe("host-refused");
    expect(asked).toEqual(["/x.tar.gz"]);
    expect(await codeOf(`${server.url}/inside/x.tar.gz`, { allowsHost: () => false })).toBe("host-refused");
    expect(asked).toEqual(["/x.tar.gz"]);
    expect((await clone(`${outside}/x.tar.gz`)).fileCount).toBe(3);
  });

  it("stops at the limit, whether the size is announced or not", async () => {
    const limits = { maxBytes: 100_000 };
    serve((_, response) => response.writeHead(200, { "content-length": "5000000000" }).write("PK"));
    expect(await codeOf(`${server.url}/x.zip`, { limits })).toBe("repository-too-large");
    let sent = 0;
    serve((_, response) => {
      const timer = setInterval(() => {
        sent += 20_000;
        response.write(Buffer.alloc(20_000));
      }, 2);
      response.on("close", () => clearInterval(timer));
    });
    expect(await codeOf(`${server.url}/x.zip`, { limits })).toBe("repository-too-large");
    expect(sent).toBeLessThan(10_000_000);
  });

  it("is told as broken off, late, cancelled, or unreachable", async () => {
    serve((_, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("PK", () => response.destroy());
    });
    expect(await codeOf(`${server.url}/x.zip`)).toBe("repository-unreachable");
    serve(() => undefined);
    expect(await codeOf(`${server.url}/x.zip`, { limits: { timeoutMs: 200 } })).toBe("clone-timeout");
    expect(await codeOf(`${server.url}/x.zip`, { signal: AbortSignal.timeout(100) })).toBe("cancelled");
    expect(await codeOf("https://localhost:1/x.zip")).toBe("repository-unreachable");
  });

  it("is refused when nobody vouches for the server", async () => {
    await using stranger = await startGitHttpServer({ root });
    expect(await codeOf(`${stranger.url}/x.zip`)).toBe("tls-failed");
  });
});
