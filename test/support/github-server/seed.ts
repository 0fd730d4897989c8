import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { SeedConfig } from "emulate";
import type { GitHub } from "./answer.ts";
import {
  appEvents,
  appId,
  appPermissions,
  appPrivateKey,
  firstInstallationId,
  workflowAccount,
} from "./credentials.ts";
import { expectObject } from "./exchange.ts";
import type { GitHubOptions, SeedFile, SeedRepository } from "./protocol.ts";
import { installationOf, type RepositoryState, type ServerState, userTokens } from "./state.ts";

/** Every account that the options name. */
export function listAccounts({ repositories, users = [] }: GitHubOptions): ServerState["accounts"] {
  const accounts: ServerState["accounts"] = new Map(users.map(({ login, type }) => [login, type ?? "User"]));
  const named = repositories.flatMap(({ owner, collaborators, issues }) => [
    owner,
    ...Object.keys(collaborators ?? {}),
    ...(issues ?? []).flatMap(({ user }) => user ?? []),
  ]);
  for (const login of named) if (!accounts.has(login)) accounts.set(login, "User");
  accounts.set(workflowAccount.login, "Bot");
  const organizations = [...accounts].filter(([, type]) => type === "Organization");
  for (const [login] of organizations) accounts.set(`${login}-owner`, "User");
  return accounts;
}

/** The emulator's seed: accounts, empty repositories, and the app with an installation for each owner. */
export function composeSeed({ repositories }: GitHubOptions, state: ServerState): SeedConfig {
  const people = [...state.accounts].filter(([, type]) => type !== "Organization").map(([login]) => login);
  const organizations = [...state.accounts].filter(([, type]) => type === "Organization").map(([login]) => login);
  return {
    tokens: Object.fromEntries(people.flatMap((login) => userTokens(login).map((token) => [token, { login }]))),
    github: {
      users: [
        ...people.map((login) => ({ login, email: `${login}@example.org` })),
        // Who commits what GitHub signs.
        { login: "web-flow", email: "noreply@github.com" },
      ],
      orgs: organizations.map((login) => ({ login, members: [{ login: `${login}-owner`, role: "admin" }] })),
      repos: repositories.map((one) => ({ owner: one.owner, name: one.name, private: one.private, auto_init: false })),
      apps: [
        {
          app_id: appId,
          slug: state.appSlug,
          name: state.appSlug,
          private_key: appPrivateKey(),
          permissions: appPermissions,
          events: appEvents,
          installations: ownersOf(repositories).map((account, index) => ({
            installation_id: firstInstallationId + index,
            account,
            repository_selection: "all",
          })),
        },
      ],
    },
  };
}

export function ownersOf(repositories: readonly SeedRepository[]): string[] {
  return [...new Set(repositories.map(({ owner }) => owner))];
}

/** Fills a repository: collaborators, files, labels, issues; then what nobody may change any more. */
export async function fillRepository(github: GitHub, seed: SeedRepository, folder: string): Promise<void> {
  const { owner, name } = seed;
  const path = `/repos/${owner}/${name}`;
  const ask = async (method: string, rest: string, body?: unknown) =>
    expectObject(await github.as(owner, method, `${path}${rest}`, body), `${method} ${path}${rest}`, [200, 201, 204]);
  const files = collectFiles(seed);
  const bytes = [...files.values()].reduce((total, file) => total + file.bytes.length, 0);
  const repository: RepositoryState = {
    id: 0,
    owner,
    name,
    seed,
    formerNames: [],
    archived: false,
    deleted: false,
    sizeKb: seed.sizeKb ?? Math.ceil(bytes / 1024),
    folder,
    branches: new Map(),
    protectedBranches: new Set(),
    pulls: new Map(),
    deletedIssues: new Set(),
    workflowRuns: new Map(),
    actionsMayPropose: true,
    transferredIssues: new Map(),
  };
  github.state.repositories.push(repository);
  repository.id = Number((await ask("GET", "")).id);
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", folder], { stdio: "ignore" });
  for (const [login, role] of Object.entries(seed.collaborators ?? {})) {
    await ask("PUT", `/collaborators/${login}`, {
      permission: role === "write" ? "push" : role === "read" ? "pull" : role,
    });
  }
  // What a workflow's token may do is decided before the emulator is asked.
  const bots = [...github.state.accounts].filter(([, type]) => type === "Bot");
  for (const [bot] of bots) await ask("PUT", `/collaborators/${encodeURIComponent(bot)}`, { permission: "push" });
  if (files.size > 0) await commitFiles(ask, owner, files);
  await github.mirror(repository);
  for (const label of seed.labels ?? []) await ask("POST", "/labels", { name: label, color: "ededed" });
  for (const { title, body, user } of seed.issues ?? []) {
    const made = await github.as(user ?? owner, "POST", `${path}/issues`, { title, body });
    expectObject(made, `POST ${path}/issues`);
  }
  if (seed.installed !== false) {
    const installation = installationOf(github.state, owner);
    installation.installed = true;
    installation.repositories.add(repository.id);
  }
  if (seed.archived) await ask("PATCH", "", { archived: true });
  repository.archived = seed.archived ?? false;
}

type Send = (method: string, rest: string, body?: unknown) => Promise<Record<string, unknown>>;
type Files = Map<string, { bytes: Buffer; executable: boolean }>;

async function commitFiles(ask: Send, owner: string, files: Files): Promise<void> {
  const tree = [];
  for (const [path, { bytes, executable }] of files) {
    const blob = await ask("POST", "/git/blobs", { content: bytes.toString("base64"), encoding: "base64" });
    tree.push({ path, mode: executable ? "100755" : "100644", type: "blob", sha: blob.sha });
  }
  const made = await ask("POST", "/git/trees", { tree });
  const author = { name: owner, email: `${owner}@example.org`, date: "2026-01-02T03:04:05Z" };
  const commit = await ask("POST", "/git/commits", { message: "Initial commit", tree: made.sha, parents: [], author });
  await ask("POST", "/git/refs", { ref: "refs/heads/main", sha: commit.sha });
}

function collectFiles({ folder, files = {} }: SeedRepository): Files {
  const found: Files = new Map();
  const entries = folder === undefined ? [] : readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const executable = (statSync(path).mode & 0o100) !== 0;
    found.set(relative(folder ?? "", path), { bytes: readFileSync(path), executable });
  }
  for (const [path, file] of Object.entries(files)) found.set(path, readSeedFile(file));
  return found;
}

function readSeedFile(file: SeedFile): { bytes: Buffer; executable: boolean } {
  if (typeof file === "string" || file instanceof Uint8Array) return { bytes: Buffer.from(file), executable: false };
  return { bytes: Buffer.from(file.bytes), executable: file.executable };
}
