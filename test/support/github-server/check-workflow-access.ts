import type { GitHub } from "./answer.ts";
import { workflowAccount } from "./credentials.ts";
import { type Answer, asRecord, type RepositoryAsk, refuse } from "./exchange.ts";
import type { WorkflowPermissions } from "./protocol.ts";

type Permission = keyof WorkflowPermissions;

/** What GitHub refuses a workflow's token; null where it goes on. Any of the permissions that its documentation names will do. */
export async function checkWorkflowAccess(github: GitHub, ask: RepositoryAsk): Promise<Answer | null> {
  const { caller, repository, method, rest } = ask;
  if (caller.kind !== "workflow") return null;
  const { grant } = caller;
  const reading = method === "GET" || method === "HEAD";
  const hidden = repository.seed.private === true;
  if (rest === "/installation") return refuse(401, "A JSON web token could not be decoded");
  if (grant.repositoryId !== repository.id && hidden) return refuse(404, "Not Found");
  // What everybody may read needs no permission.
  if (reading && (!hidden || isMetadata(rest))) return null;
  const accepted = grant.repositoryId === repository.id ? await acceptedPermissions(github, ask) : [];
  const isGranted = accepted.some(
    (name) => grant.permissions[name] === "write" || (reading && grant.permissions[name]),
  );
  if (!isGranted) return refuse(403, "Resource not accessible by integration");
  const proposes = method === "POST" && rest === "/pulls" && grant.login === workflowAccount.login;
  if (!proposes || repository.actionsMayPropose) return null;
  return refuse(403, "GitHub Actions is not permitted to create or approve pull requests.");
}

/** Every token may read what a repository is, and who may what in it. */
function isMetadata(rest: string): boolean {
  return rest === "" || /^\/collaborators\/[^/]+\/permission$/.test(rest);
}

/** None where no workflow may. */
async function acceptedPermissions(github: GitHub, ask: RepositoryAsk): Promise<Permission[]> {
  const { rest, method } = ask;
  if (/^\/pulls\/\d+\/merge$/.test(rest)) return ["contents"];
  if (/^\/(git|contents|commits|compare|branches)(\/|$)/.test(rest)) {
    return /\/check-runs$/.test(rest) ? ["checks"] : ["contents"];
  }
  if (/^\/check-runs(\/|$)/.test(rest)) return ["checks"];
  if (/^\/actions\//.test(rest)) return ["actions"];
  if (/^\/pulls(\/|$)/.test(rest)) return ["pull-requests"];
  if (/^\/labels(\/|$)/.test(rest)) return ["issues", "pull-requests"];
  if (rest === "/issues") return method === "POST" ? ["issues"] : ["issues", "pull-requests"];
  const number = /^\/issues\/(\d+)(\/|$)/.exec(rest)?.[1] ?? (await issueOfComment(github, ask));
  if (number === undefined) return [];
  return ask.repository.pulls.has(Number(number)) ? ["issues", "pull-requests"] : ["issues"];
}

/** The issue or pull request that a comment is on. */
async function issueOfComment(github: GitHub, { rest, repository }: RepositoryAsk): Promise<string | undefined> {
  const [comment] = /^\/issues\/comments\/\d+/.exec(rest) ?? [];
  if (comment === undefined) return undefined;
  const path = `/repos/${repository.owner}/${repository.name}${comment}`;
  const { body } = await github.as(repository.owner, "GET", path);
  // A comment that is not there is looked for with whatever permission an issue needs.
  return /\/(\d+)$/.exec(String(asRecord(body).issue_url))?.[1] ?? "0";
}
