import { GitHubError } from "../errors.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { callGitHub } from "./wrap-github-error.ts";

export interface WorkflowRunOptions {
  github: GitHubClient;
  repository: RepositoryName;
  runId: number;
}

/** `explanation` is a sentence of plain text that says what to do; GitHub's own words may be in it. */
export type WorkflowRunAnswer = { kind: "done" } | { kind: "refused"; explanation: string };

/** Asks GitHub to cancel a run of a workflow; it ends some time later. Throws GitHubError where trying later may help. */
export function cancelWorkflowRun({ github, repository, runId }: WorkflowRunOptions): Promise<WorkflowRunAnswer> {
  return act("The workflow run cannot be cancelled", "it has ended already.", () =>
    github.rest.actions.cancelWorkflowRun({ ...repository, run_id: runId, ...once }),
  );
}

/** Starts all jobs of a run of a workflow again. Throws GitHubError where trying later may help. */
export function rerunWorkflowRun({ github, repository, runId }: WorkflowRunOptions): Promise<WorkflowRunAnswer> {
  return act("The workflow run cannot be started again", "it is still running.", () =>
    github.rest.actions.reRunWorkflow({ ...repository, run_id: runId, ...once }),
  );
}

/** A run that has ended, or still runs, is no other a few seconds later. */
const once = { request: { retries: 0 } };

const ungranted = /not accessible|must have|requires .*permission/i;

async function act(what: string, conflict: string, call: () => Promise<unknown>): Promise<WorkflowRunAnswer> {
  const refuse = (why: string): WorkflowRunAnswer => ({ kind: "refused", explanation: `${what}: ${why}` });
  try {
    await callGitHub(what, call);
    return { kind: "done" };
  } catch (error) {
    if (!(error instanceof GitHubError) || error.code === "github-rate-limited") throw error;
    switch (error.status) {
      case 404:
        return refuse("it is gone, or may not be seen from here.");
      case 409:
        return refuse(conflict);
      case 403:
        // Also what GitHub answers where a run still runs, or is older than a month: only its words tell.
        return refuse(
          ungranted.test(error.said) || error.said === ""
            ? "grant `actions: write` in the workflow's permissions, or write access to actions to the app."
            : `GitHub says "${error.said}".`,
        );
      default:
        throw error;
    }
  }
}
