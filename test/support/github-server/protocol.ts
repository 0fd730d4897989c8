/** What tests say to their GitHub and read from it. */
type Permission = "admin" | "maintain" | "write" | "triage" | "read";

interface SeedUser {
  login: string;
  type?: "User" | "Organization" | "Bot";
}

export type SeedFile = string | Uint8Array | { bytes: string | Uint8Array; executable: boolean };

export interface SeedRepository {
  /** A login; made as a user where `users` does not name it. An organization acts as `<login>-owner`. */
  owner: string;
  name: string;
  /** A folder whose files are the default branch. `files` are laid over it. */
  folder?: string;
  /** Path -> what lies there. Neither folder nor files: an empty repository without a commit. */
  files?: Record<string, SeedFile>;
  private?: boolean;
  archived?: boolean;
  disabled?: boolean;
  fork?: boolean;
  /** In KiB, as GitHub counts; counted from the files where it is left out. */
  sizeKb?: number;
  /** Whether the installation of the app has it; true where it is left out. */
  installed?: boolean;
  /** Beside the owner, who has `admin`. Whoever is not named has `read` on public repositories and `none` on private ones. */
  collaborators?: Record<string, Permission>;
  issues?: Array<{ title: string; body?: string; user?: string }>;
  labels?: string[];
  /** Makes every `PUT`, `POST`, `PATCH` and `DELETE` on its git objects, contents and pull requests a 403, as for an app without the permission. */
  writable?: boolean;
}

/** Each owner of a repository has an installation of its own: `installationId` is that of the first. */
export interface GitHubOptions {
  repositories: SeedRepository[];
  users?: SeedUser[];
  /** Login of the app's account, without `[bot]`. */
  appSlug?: string;
}

interface AppCredentials {
  appId: number;
  /** PEM, PKCS#8; made once a process. */
  privateKey: string;
  webhookSecret: string;
  installationId: number;
}

export interface RecordedRequest {
  method: string;
  /** With the query. */
  path: string;
  status: number;
  /** Parsed JSON; text where it is none; null where it is empty. */
  requestBody: unknown;
  responseBody: unknown;
  /** Milliseconds since 1970, when it came. */
  at: number;
}

export interface Fault {
  method: string;
  path: RegExp;
  /** How many requests are refused; 1 where it is left out. */
  times?: number;
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Whether what was asked for is done all the same, as behind a gateway that gave up. */
  done?: boolean;
}

export interface Delay {
  method: string;
  path: RegExp;
  milliseconds: number;
  times?: number;
}

/** A webhook as it was sent, and how the app took it. */
export interface Delivery {
  id: string;
  event: string;
  payload: Record<string, unknown>;
  /** Status of the app's answer; null where it could not be reached, or nobody said where to deliver. */
  status: number | null;
  milliseconds: number;
}

/** As a workflow's file names them; what is not named is not granted. */
export interface WorkflowPermissions {
  contents?: "read" | "write";
  issues?: "read" | "write";
  "pull-requests"?: "read" | "write";
  actions?: "read" | "write";
  checks?: "read" | "write";
}

export interface WorkflowRun {
  id: number;
  status: "queued" | "in_progress" | "completed";
  conclusion: string | null;
  attempt: number;
  headBranch: string;
  event: string;
  createdAt: string;
  /** How often each was asked for, and granted. */
  cancelled: number;
  rerun: number;
}

export interface RepositoryRef {
  owner: string;
  name: string;
}

export interface TreeEntry {
  mode: string;
  bytes: Buffer;
}

export interface GitHubServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: `baseUrl` of an Octokit, without a slash at its end. */
  apiUrl: string;
  /** `https://localhost:<port>`, where clones come from: set `GIT_SSL_CAINFO` to `certificateFile`. */
  gitUrl: string;
  certificateFile: string;
  appCredentials: AppCredentials;
  /** Login of the app's account, with `[bot]`. */
  appLogin: string;
  /** What the app asked and was answered, oldest first; what tests do to GitHub is not in it. */
  requests: RecordedRequest[];
  /** `GET /owner/name.git/info/refs`, in the order they came. */
  gitRequests: string[];
  /** The Authorization header of each of them, null where there was none. */
  gitAuthorizations: (string | null)[];
  /** Where a request or an answer broke GitHub's OpenAPI description. */
  violations: string[];
  deliveries: Delivery[];

  /** Refuses the next matching requests; the first fault that matches is taken. */
  fail(fault: Fault): void;
  delay(delay: Delay): void;
  clearFaults(): void;

  /** A request as a person, or as the first repository's owner: not recorded, not held to the description. Parsed JSON. */
  call(options: {
    method?: string;
    path: string;
    body?: unknown;
    as?: string;
  }): Promise<{ status: number; body: unknown }>;
  /** Path -> what lies there at a branch, tag or commit. */
  readTree(owner: string, name: string, ref: string): Promise<Map<string, TreeEntry>>;
  /** Bodies and authors of an issue's comments, oldest first. */
  comments(at: RepositoryRef & { issue: number }): Promise<Array<{ id: number; login: string; body: string }>>;
  /** `subject` is an issue's number or a comment's id. */
  reactions(
    at: (RepositoryRef & { issue: number }) | (RepositoryRef & { comment: number }),
  ): Array<{ login: string; content: string }>;
  pullRequests(
    at: RepositoryRef,
  ): Promise<Array<Record<string, unknown> & { number: number; state: string; body: string | null }>>;
  /** A branch's commit; null where there is no such branch. */
  branchHead(at: RepositoryRef & { branch: string }): Promise<string | null>;

  /**
   * What a job's `github.token` is. Requests with it act as `github-actions[bot]`, or as another bot that `users` names;
   * what is not granted, and other repositories, are refused. Clones work with it as well, as `x-access-token`.
   */
  workflowToken(options: { repository: RepositoryRef; permissions: WorkflowPermissions; login?: string }): string;
  /** A person's own token, for the API and for clones. */
  userToken(login: string): string;
  /** The repository's setting: workflows open no pull requests. */
  forbidActionsPullRequests(at: RepositoryRef): void;
  /** What comes back goes on to change with what is asked of it. */
  addWorkflowRun(
    options: RepositoryRef & { id: number; status: WorkflowRun["status"]; conclusion?: string; event?: string },
  ): Readonly<WorkflowRun>;

  /** Where webhooks go from now on: the whole address, with `/api/github/webhooks`. */
  deliverTo(url: string): void;
  send(event: string, payload: Record<string, unknown>, options?: { delivery?: string }): Promise<Delivery>;
  redeliver(delivery: Delivery): Promise<Delivery>;

  /** Opens an issue as a user; sends `issues.opened`. */
  openIssue(
    options: RepositoryRef & { title: string; body?: string; user: string },
  ): Promise<Delivery & { issue: number }>;
  /** Comments on an issue or pull request as a user; sends `issue_comment.created`. */
  comment(
    options: RepositoryRef & { issue: number; user: string; body: string },
  ): Promise<Delivery & { comment: number }>;
  editComment(options: RepositoryRef & { comment: number; user: string; body: string }): Promise<Delivery>;
  deleteComment(options: RepositoryRef & { comment: number; user: string }): Promise<Delivery>;
  label(options: RepositoryRef & { issue: number; user: string; label: string }): Promise<Delivery>;
  /** Gone for good: 410 from then on. */
  deleteIssue(options: RepositoryRef & { issue: number; user: string }): Promise<Delivery>;
  transferIssue(options: RepositoryRef & { issue: number; user: string; to: RepositoryRef }): Promise<Delivery>;
  closePullRequest(options: RepositoryRef & { pull: number; user: string; merged: boolean }): Promise<Delivery>;
  reopenPullRequest(options: RepositoryRef & { pull: number; user: string }): Promise<Delivery>;
  editPullRequestBody(options: RepositoryRef & { pull: number; user: string; body: string }): Promise<Delivery>;
  /** A person's commit on a branch; sends `push`. Null removes the file. */
  pushCommit(
    options: RepositoryRef & { branch: string; path: string; text: string | null; user: string },
  ): Promise<Delivery & { commit: string }>;
  /** Sends `delete`; its open pull requests are closed, as GitHub does. */
  deleteBranch(options: RepositoryRef & { branch: string; user: string }): Promise<Delivery>;
  protectBranch(options: RepositoryRef & { branch: string }): void;
  /** Sends `repository.renamed`; the old name answers 301 to API calls from then on, and its clones still work. */
  renameRepository(options: RepositoryRef & { to: string; user: string }): Promise<Delivery>;
  /** Sends `repository.archived`; writes are refused from then on. */
  archive(options: RepositoryRef & { user: string }): Promise<Delivery>;
  deleteRepository(options: RepositoryRef & { user: string }): Promise<Delivery>;

  install(options: { repositories: RepositoryRef[]; user: string }): Promise<Delivery>;
  addRepositories(options: { repositories: RepositoryRef[]; user: string }): Promise<Delivery>;
  removeRepositories(options: { repositories: RepositoryRef[]; user: string }): Promise<Delivery>;
  uninstall(options: { user: string }): Promise<Delivery>;
  suspend(options: { user: string }): Promise<Delivery>;
  unsuspend(options: { user: string }): Promise<Delivery>;
}
