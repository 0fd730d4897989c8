import { execFile, spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { skipAloud } from "./command-line.ts";
import { findFreePort } from "./find-free-port.ts";

const run = promisify(execFile);

export interface PostgresServer extends AsyncDisposable {
  /** `postgres://postgres@127.0.0.1:<port>/postgres` */
  url: string;
  /** An empty database of its own; its address. */
  createDatabase(): Promise<string>;
}

/** A cluster of its own on a free port of this machine. Null, said aloud, where there is no PostgreSQL. */
export async function startPostgres(): Promise<PostgresServer | null> {
  const programs = findPrograms();
  if (programs === null) {
    skipAloud("PostgreSQL");
    return null;
  }
  await using stack = new AsyncDisposableStack();
  // Not TMPDIR, which another account may not enter, and short: a socket's path has 107 bytes.
  const folder = mkdtempSync("/tmp/codedistiller-postgres-");
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const account = findAccount();
  if (account) chownSync(folder, account.uid, account.gid);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const options = { ...account, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" } };
  const initial = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"];
  await run(join(programs, "initdb"), initial, options);
  const port = await findFreePort();
  const settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=100"];
  const server = spawn(
    join(programs, "postgres"),
    ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", folder, ...settings.flatMap((one) => ["-c", one])],
    { ...options, stdio: "ignore" },
  );
  const ended = new Promise((resolve) => server.once("close", resolve));
  stack.defer(async () => {
    // SIGQUIT: at once, without a checkpoint.
    server.kill("SIGQUIT");
    await ended;
  });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await waitUntilReady(url, () => server.exitCode !== null);
  let made = 0;
  const disposables = stack.move();
  return {
    url,
    async createDatabase() {
      made += 1;
      const name = `test_${process.pid}_${made}_${Date.now()}`;
      await query(url, `CREATE DATABASE ${name}`);
      return url.replace(/postgres$/, name);
    },
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  };
}

/** The folder with `initdb` and `postgres`: Debian keeps them beside PATH, by version. */
function findPrograms(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((left, right) => Number(right) - Number(left)) : [];
  const folders = [...versions.map((one) => join(debian, one, "bin")), ...(process.env.PATH ?? "").split(delimiter)];
  return folders.find((one) => existsSync(join(one, "initdb")) && existsSync(join(one, "postgres"))) ?? null;
}

/** PostgreSQL refuses to run as root: the account that its packages make, or `nobody`. Null where we are not root. */
function findAccount(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const found = accounts.find(([name]) => name === "postgres") ?? accounts.find(([name]) => name === "nobody");
  if (!found) throw new Error("There is no account to run PostgreSQL as.");
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

async function waitUntilReady(url: string, hasEnded: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (hasEnded()) throw new Error("PostgreSQL ended as soon as it was started.");
    try {
      await query(url, "SELECT 1");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("PostgreSQL did not answer within 20 seconds.");
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
