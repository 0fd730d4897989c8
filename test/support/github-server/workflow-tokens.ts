import { randomBytes } from "node:crypto";
import type { GitHub } from "./answer.ts";
import { workflowAccount } from "./credentials.ts";
import type { GitHubServer, WorkflowRun } from "./protocol.ts";
import { requireRepository } from "./state.ts";

type Workflows = Pick<GitHubServer, "workflowToken" | "userToken" | "forbidActionsPullRequests" | "addWorkflowRun">;

/** What a job of a workflow is given, and what a repository keeps of workflows. */
export function createWorkflows({ state }: GitHub): Workflows {
  const requireAccount = (login: string): void => {
    if (!state.accounts.has(login)) throw new Error(`This GitHub has no account ${login}: name it in \`users\`.`);
  };
  return {
    workflowToken({ repository, permissions, login = workflowAccount.login }) {
      requireAccount(login);
      const token = `ghs_${randomBytes(18).toString("hex")}`;
      const repositoryId = requireRepository(state, repository).id;
      state.workflowTokens.set(token, { login, repositoryId, permissions });
      return token;
    },
    userToken(login) {
      requireAccount(login);
      const token = `ghp_${randomBytes(18).toString("hex")}`;
      state.personalTokens.set(token, login);
      return token;
    },
    forbidActionsPullRequests(at) {
      requireRepository(state, at).actionsMayPropose = false;
    },
    addWorkflowRun({ id, status, conclusion = null, event = "workflow_dispatch", ...at }) {
      const run: WorkflowRun = {
        id,
        status,
        conclusion: status === "completed" ? (conclusion ?? "success") : null,
        attempt: 1,
        headBranch: "main",
        event,
        createdAt: new Date().toISOString(),
        cancelled: 0,
        rerun: 0,
      };
      requireRepository(state, at).workflowRuns.set(id, run);
      return run;
    },
  };
}
