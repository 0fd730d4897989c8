import { type ActionOptions, type EndedAction, runAction } from "./action-runner.ts";
import { expectDiscreet } from "./expect-discreet.ts";
import type { GitHubServer, RepositoryRef, WorkflowPermissions } from "./github-server/protocol.ts";

/** What nobody may see again: a model's key and a service's, which the step is given. */
const planted = { ANTHROPIC_API_KEY: "sk-ant-planted-0123456789", MODAL_TOKEN_SECRET: "as-planted-9876543210" };

export interface CommentOptions extends RepositoryRef, Pick<ActionOptions, "cancel" | "kill" | "runId" | "inputs"> {
  user: string;
  body: string;
  /** 1 where it is left out. */
  issue?: number;
  /** Those of docs/workflows/comment.yml where it is left out. */
  permissions?: WorkflowPermissions;
  /** Laid over the payload. */
  payload?: Record<string, unknown>;
  eventName?: string;
  /** The default branch's commit where it is left out. */
  sha?: string;
}

export interface AnsweredComment extends EndedAction {
  /** The comment that was answered. */
  comment: number;
  reactions: string[];
  /** What workflows have said on its issue, without their last lines, which nobody sees. */
  answers: string[];
}

const granted: WorkflowPermissions = { actions: "write", contents: "write", issues: "write", "pull-requests": "write" };

/** Somebody comments, and the workflow of docs/workflows/comment.yml answers. Whatever comes of it, no secret gets out and no process stays. */
export async function commentAndAnswer(github: GitHubServer, options: CommentOptions): Promise<AnsweredComment> {
  const { owner, name, user, body, issue = 1, permissions = granted, eventName = "issue_comment" } = options;
  const repository = { owner, name };
  const { comment, payload } = await github.comment({ ...repository, issue, user, body });
  const token = github.workflowToken({ repository, permissions });
  const { cancel, kill, runId } = options;
  const ended = await runAction({
    github,
    repository,
    event: { name: eventName, payload: { ...payload, ...options.payload }, ...(options.sha && { sha: options.sha }) },
    token,
    inputs: { command: "comment", sandbox: "local", model: "builtin/extract", "max-cost-usd": "1", ...options.inputs },
    environment: planted,
    ...(cancel && { cancel }),
    ...(kill && { kill }),
    ...(runId && { runId }),
  });
  expectDiscreet(ended, github, [token, ...Object.values(planted)]);
  const all = await github.comments({ ...repository, issue });
  const answers = all.filter(({ login }) => login === "github-actions[bot]").map((each) => withoutMarker(each.body));
  const reactions = github.reactions({ ...repository, comment }).map(({ content }) => content);
  return Object.assign(ended, { comment, answers, reactions });
}

function withoutMarker(body: string): string {
  return body.replace(/\n*<!-- codedistiller:[^\n]*-->\s*$/, "").trim();
}

/** What a workflow of a repository wrote, as `POST /path`; probes that change nothing are not in it. */
export function writesTo(github: GitHubServer, { owner, name }: RepositoryRef): string[] {
  const start = `/repos/${owner}/${name}`;
  return github.requests
    .filter(({ method, path, status }) => method !== "GET" && path.startsWith(`${start}/`) && status < 300)
    .map(({ method, path }) => `${method} ${path.slice(start.length)}`)
    .filter((each) => each !== "POST /git/blobs");
}
