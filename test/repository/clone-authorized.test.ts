import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CloneRepositoryOptions, cloneRepository } from "../../src/repository/clone-repository.ts";
import { parseRepositorySource } from "../../src/repository/repository-source.ts";
import { filesWith, processesWith } from "../support/command-line.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";
import { git, makeTemporaryFolder, makeWorkTree } from "./make-repository.ts";

const token = "ghs_planted0123456789abcdefghijklmnop";
const credentials = Buffer.from(`x-access-token:${token}`).toString("base64");
const authorization = `basic ${credentials}`;

const base = makeTemporaryFolder();
const root = join(base, "server");
const home = join(base, "home");
let intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
let server: GitHttpServer;
let count = 0;
/** Paths of requests with the login, and of those without. */
let known: string[] = [];
let unknown: string[] = [];

beforeAll(async () => {
  mkdirSync(home);
  server = await startGitHttpServer({
    root,
    intercept: (request, response) => intercept(request, response) || askForLogin(request, response),
  });
  makeWorkTree(join(base, "work"), { "README.md": "# One\n", "core.py": "x = 1\n" });
  git(base, "clone", "--quiet", "--mirror", join(base, "work"), join(root, "octo/private.git"));
});

afterEach(() => {
  intercept = () => false;
  known = [];
  unknown = [];
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(base, { recursive: true });
});

function askForLogin({ headers, url = "" }: IncomingMessage, response: ServerResponse): boolean {
  const isKnown = headers.authorization === authorization;
  (isKnown ? known : unknown).push(url);
  if (isKnown) return false;
  response.writeHead(401, { "www-authenticate": "Basic" }).end();
  return true;
}

function clone(options: Partial<CloneRepositoryOptions> = {}) {
  count += 1;
  return cloneRepository({
    source: parseRepositorySource(`${server.url}/octo/private.git`),
    destination: join(base, "out", String(count)),
    gitEnvironment: { PATH: process.env.PATH, HOME: home, GIT_SSL_CAINFO: server.certificateFile },
    gitAuthorization: async () => authorization,
    ...options,
  });
}

/** What a failure says anywhere, its causes included. */
async function failure(options: Partial<CloneRepositoryOptions> = {}): Promise<{ code: string; words: string }> {
  const error = await clone(options).then(
    () => new Error("It was cloned."),
    (thrown) => thrown,
  );
  return { code: error.code, words: `${error.userMessage}\n${error.stack}\n${error.cause}\n${error.cause?.stack}` };
}

describe("a clone of what asks for a login", () => {
  it("has it for the URL that it is given for, and fails without", async () => {
    const asked: string[] = [];
    const repository = await clone({
      gitAuthorization: async (url) => {
        asked.push(url);
        return authorization;
      },
    });
    expect(repository).toMatchObject({ fileCount: 2, url: `${server.url}/octo/private.git` });
    expect(asked).toEqual([`${server.url}/octo/private.git`]);
    expect(known.length).toBeGreaterThan(2);
    expect(unknown).toEqual([]);
    expect((await failure({ gitAuthorization: async () => null })).code).toBe("authentication-required");
    expect((await failure({ gitAuthorization: undefined })).code).toBe("authentication-required");
  });

  it("leaves it in no file and on no command line", async () => {
    let processes: number[] = [];
    let files: string[] = [];
    intercept = () => {
      processes = [...processes, ...[token, credentials].flatMap(processesWith)];
      files = [...files, ...[token, credentials].flatMap((text) => filesWith(base, text))];
      return false;
    };
    const { folder } = await clone();
    expect(known.length).toBeGreaterThan(2);
    expect(readdirSync(folder).sort()).toEqual(["README.md", "core.py"]);
    expect(processes).toEqual([]);
    expect([...files, ...filesWith(base, token), ...filesWith(base, credentials)]).toEqual([]);
  });

  it("takes the place of headers that the person's own settings hold", async () => {
    writeFileSync(
      join(home, ".gitconfig"),
      `[http]\nextraHeader = "Authorization: basic b3RoZXI="\n[http "${server.url}/octo/private.git"]\nextraHeader = "Authorization: basic b3duZXI="\n`,
    );
    expect((await clone()).fileCount).toBe(2);
    expect(unknown).toEqual([]);
    rmSync(join(home, ".gitconfig"));
  });

  it("says nothing of it when the server sends it back, or refuses it", async () => {
    intercept = ({ headers }, response) => {
      const echoed = `fatal: ${headers.authorization} ${token}\n`;
      response.writeHead(403, { "content-type": "text/plain", "x-echo": echoed.trim() }).end(echoed);
      return true;
    };
    const refused = await failure();
    expect(refused.code).toBe("authentication-required");
    expect(refused.words).toContain("remote: fatal");
    expect(refused.words).not.toContain(token);
    expect(refused.words).not.toContain(credentials);
  });

  it("does not take it along to where a redirect leads", async () => {
    const reached: unknown[] = [];
    await using elsewhere = await startGitHttpServer({
      root,
      intercept: ({ headers }) => {
        reached.push(headers.authorization);
        return false;
      },
    });
    intercept = (request, response) => {
      response.writeHead(301, { location: `${elsewhere.url}${request.url}` }).end();
      return true;
    };
    const { code, words } = await failure();
    expect(code).toBe("repository-moved");
    expect(words).toContain("give its present address");
    expect(reached).toEqual([]);
  });

  it("is not begun with a header that is more than one line", async () => {
    const { words } = await failure({ gitAuthorization: async () => `${authorization}\r\nX-Other: 1` });
    expect(words).toContain("one line of ASCII");
    expect(words).not.toContain(credentials);
    expect([...known, ...unknown]).toEqual([]);
  });
});
