import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** What lies where: text, bytes, `{ link }` or `{ program }` (executable text). */
export type TreeContent = Record<string, string | Buffer | { link: string } | { program: string }>;

export function makeTemporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "codedistiller-clone-"));
}

export function writeTree(folder: string, content: TreeContent): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(content)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof value === "string" || Buffer.isBuffer(value)) writeFileSync(path, value);
    else if ("link" in value) symlinkSync(value.link, path);
    else {
      writeFileSync(path, value.program);
      chmodSync(path, 0o755);
    }
  }
}

/** A work tree with one commit of `content`; returns the commit's id. */
export function makeWorkTree(folder: string, content: TreeContent): string {
  writeTree(folder, content);
  git(folder, "init", "--quiet", "--initial-branch=main");
  return commitAll(folder);
}

export function commitAll(folder: string, message = "change"): string {
  git(folder, "add", "--all", "--force");
  git(folder, "commit", "--quiet", "--allow-empty", "-m", message);
  return git(folder, "rev-parse", "HEAD");
}

export function git(folder: string, ...args: string[]): string {
  return gitWithInput(folder, "", ...args);
}

function gitWithInput(folder: string, input: string | Buffer, ...args: string[]): string {
  return execFileSync("git", ["-c", "protocol.file.allow=always", ...args], {
    cwd: folder,
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "A",
      GIT_AUTHOR_EMAIL: "a@example.org",
      GIT_COMMITTER_NAME: "A",
      GIT_COMMITTER_EMAIL: "a@example.org",
    },
  }).trim();
}

/** A commit whose root tree has just these raw entries, which git itself would not make. */
export function commitRawTree(folder: string, entries: { mode: string; name: string | Buffer; id: string }[]): string {
  const records = entries.flatMap(({ mode, name, id }) => [
    Buffer.from(`${mode} `),
    Buffer.from(name),
    Buffer.from([0]),
    Buffer.from(id, "hex"),
  ]);
  const tree = gitWithInput(
    folder,
    Buffer.concat(records),
    "hash-object",
    "-t",
    "tree",
    "--literally",
    "-w",
    "--stdin",
  );
  return git(folder, "commit-tree", "-m", "raw", tree);
}

export function blob(folder: string, content: string | Buffer): string {
  return gitWithInput(folder, content, "hash-object", "-w", "--stdin");
}

/** Every file below a folder, `/`-separated and sorted; the folder must hold nothing but files and folders. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => {
      if (!entry.isFile() && !entry.isDirectory()) throw new Error(`${entry.name} is neither file nor folder`);
      return entry.isFile();
    })
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
