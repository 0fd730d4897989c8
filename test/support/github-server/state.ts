import type { SeedRepository, WorkflowPermissions, WorkflowRun } from "./protocol.ts";

/** What GitHub knows beside what the emulator keeps. */
export interface ServerState {
  /** Of the front, without a slash at its end. */
  apiUrl: string;
  gitUrl: string;
  appSlug: string;
  repositories: RepositoryState[];
  installations: InstallationState[];
  /** Logins -> what they are; organizations cannot act, `<login>-owner` does for them. */
  accounts: Map<string, "User" | "Organization" | "Bot">;
  tokens: Map<string, IssuedToken>;
  workflowTokens: Map<string, WorkflowGrant>;
  /** Token -> login of the person that made it. */
  personalTokens: Map<string, string>;
  reactions: Reaction[];
  nextReactionId: number;
  /** Commits without an author of their own, made by the app: GitHub signs those. */
  signedCommits: Set<string>;
}

export interface RepositoryState {
  id: number;
  owner: string;
  name: string;
  seed: SeedRepository;
  /** Lower case `owner/name` that it had before. */
  formerNames: string[];
  archived: boolean;
  deleted: boolean;
  sizeKb: number;
  /** The bare repository that clones come from. */
  folder: string;
  /** Name -> commit, as the bare repository has them. */
  branches: Map<string, string>;
  protectedBranches: Set<string>;
  pulls: Map<number, PullState>;
  deletedIssues: Set<number>;
  workflowRuns: Map<number, WorkflowRun>;
  /** The setting "Allow GitHub Actions to create and approve pull requests". */
  actionsMayPropose: boolean;
  transferredIssues: Map<number, { repositoryId: number; number: number }>;
}

export interface PullState {
  head: string;
  base: string;
  /** Null while it is open: its head then follows the branch. */
  closed: { head: string; base: string } | null;
  merged: { at: string; by: Record<string, unknown>; commit: string } | null;
}

export interface InstallationState {
  id: number;
  account: string;
  /** Ids. */
  repositories: Set<number>;
  installed: boolean;
  suspended: boolean;
}

interface IssuedToken {
  installation: InstallationState;
  expiresAt: number;
}

/** What a workflow's token may do, in its own repository and as whom. */
export interface WorkflowGrant {
  login: string;
  repositoryId: number;
  permissions: WorkflowPermissions;
}

export interface Reaction {
  id: number;
  /** `<repository id>/issues/<number>` or `<repository id>/comments/<id>`. */
  subject: string;
  login: string;
  content: string;
  createdAt: string;
}

export function findRepository(state: ServerState, owner: string, name: string): RepositoryState | undefined {
  return state.repositories.find((one) => !one.deleted && sameName(one, owner, name));
}

/** For tests: an error where there is none. */
export function requireRepository(
  state: ServerState,
  { owner, name }: { owner: string; name: string },
): RepositoryState {
  const found = findRepository(state, owner, name);
  if (!found) throw new Error(`This GitHub has no repository ${owner}/${name}.`);
  return found;
}

/** The repository that had this name before it was renamed. */
export function findFormer(state: ServerState, owner: string, name: string): RepositoryState | undefined {
  return state.repositories.find((one) => !one.deleted && one.formerNames.includes(`${owner}/${name}`.toLowerCase()));
}

export function installationOf(state: ServerState, account: string): InstallationState {
  const found = state.installations.find((one) => one.account === account);
  if (!found) throw new Error(`This GitHub has no account ${account}.`);
  return found;
}

/** Whose token acts for an account. */
export function actorOf(state: ServerState, login: string): string {
  return state.accounts.get(login) === "Organization" ? `${login}-owner` : login;
}

/** A token is good for 5,000 requests an hour, which what tests do themselves must not run into. */
const tokensEach = 20;
let used = 0;

export function userTokens(login: string): string[] {
  return Array.from({ length: tokensEach }, (_, index) => `ghp_${Buffer.from(login).toString("hex")}_${index}`);
}

export function userToken(login: string): string {
  used += 1;
  return userTokens(login)[used % tokensEach] ?? "";
}

function sameName(one: RepositoryState, owner: string, name: string): boolean {
  return `${one.owner}/${one.name}`.toLowerCase() === `${owner}/${name}`.toLowerCase();
}
