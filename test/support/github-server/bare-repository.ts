import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { deflateSync } from "node:zlib";
import { type Answer, asRecord } from "./exchange.ts";
import type { RepositoryState } from "./state.ts";

const run = promisify(execFile);

/** Git in the bare repository of a repository; its output. */
export async function git(repository: RepositoryState, argv: readonly string[]): Promise<string> {
  const options = { maxBuffer: 64 * 1024 * 1024, env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1", HOME: "/" } };
  const { stdout } = await run("git", ["-c", "safe.directory=*", "-C", repository.folder, ...argv], options);
  return stdout;
}

/**
 * Makes the bare repository the same as what the API says, object for object: the emulator counts real
 * object ids, so a commit that was made by the API can be cloned, and the clone's commit is known to the API.
 */
export async function mirrorBranches(
  repository: RepositoryState,
  read: (path: string) => Promise<Answer>,
): Promise<void> {
  const refs = await read("/git/matching-refs/heads/");
  const found = (Array.isArray(refs.body) ? refs.body : []).map((ref) => ({
    name: String(asRecord(ref).ref).slice("refs/heads/".length),
    commit: String(asRecord(asRecord(ref).object).sha),
  }));
  for (const { name, commit } of found) {
    await mirrorCommit(repository.folder, commit, read);
    const path = join(repository.folder, "refs/heads", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${commit}\n`);
  }
  const kept = new Set(found.map(({ name }) => name));
  for (const name of repository.branches.keys()) {
    if (!kept.has(name)) rmSync(join(repository.folder, "refs/heads", name), { force: true });
  }
  repository.branches = new Map(found.map(({ name, commit }) => [name, commit]));
}

type Read = (path: string) => Promise<Answer>;

async function mirrorCommit(folder: string, id: string, read: Read): Promise<void> {
  const waiting = [id];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (hasObject(folder, next)) continue;
    const commit = asRecord((await read(`/git/commits/${next}`)).body);
    const tree = String(asRecord(commit.tree).sha);
    const parents = (commit.parents as Array<{ sha: string }>).map(({ sha }) => sha);
    await mirrorTree(folder, tree, read);
    const message = String(commit.message);
    const head = [
      `tree ${tree}`,
      ...parents.map((parent) => `parent ${parent}`),
      `author ${identityLine(commit.author)}`,
      `committer ${identityLine(commit.committer)}`,
    ];
    writeObject(
      folder,
      next,
      "commit",
      Buffer.from(`${head.join("\n")}\n\n${message.endsWith("\n") ? message : `${message}\n`}`),
    );
    waiting.push(...parents);
  }
}

async function mirrorTree(folder: string, id: string, read: Read): Promise<void> {
  if (hasObject(folder, id)) return;
  const tree = asRecord((await read(`/git/trees/${id}`)).body);
  const entries = tree.tree as Array<{ path: string; mode: string; type: string; sha: string }>;
  for (const entry of entries) {
    if (entry.type === "tree") await mirrorTree(folder, entry.sha, read);
    else if (entry.type === "blob" && !hasObject(folder, entry.sha)) {
      const blob = asRecord((await read(`/git/blobs/${entry.sha}`)).body);
      writeObject(folder, entry.sha, "blob", Buffer.from(String(blob.content), "base64"));
    }
  }
  // Git sorts folders as if their names ended in a slash.
  const key = (entry: { path: string; type: string }) =>
    Buffer.from(entry.type === "tree" ? `${entry.path}/` : entry.path);
  const lines = [...entries]
    .sort((left, right) => Buffer.compare(key(left), key(right)))
    .flatMap(({ mode, path, sha }) => [Buffer.from(`${mode.replace(/^0+/, "")} ${path}\0`), Buffer.from(sha, "hex")]);
  writeObject(folder, id, "tree", Buffer.concat(lines));
}

function identityLine(identity: unknown): string {
  const { name, email, date } = asRecord(identity);
  return `${name} <${email}> ${Math.floor(Date.parse(String(date)) / 1000)} +0000`;
}

function objectPath(folder: string, id: string): string {
  return join(folder, "objects", id.slice(0, 2), id.slice(2));
}

function hasObject(folder: string, id: string): boolean {
  return existsSync(objectPath(folder, id));
}

/** A loose object; an error where it is not the one that the API named. */
function writeObject(folder: string, id: string, type: string, content: Buffer): void {
  const whole = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  const counted = createHash("sha1").update(whole).digest("hex");
  if (counted !== id) throw new Error(`The emulator's ${type} ${id} is ${counted} to git.`);
  const path = objectPath(folder, id);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, deflateSync(whole));
}
