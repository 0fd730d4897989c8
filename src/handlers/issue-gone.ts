import { z } from "zod";
import { cancelRuns } from "../jobs/cancel-runs.ts";
import { defineHandler, InstallationId, Repository, Sender } from "./handler.ts";

/**
 * An issue that is deleted takes its runs with it: nobody is left to be told. One that is transferred loses its progress
 * comment; its runs go on to their pull requests.
 */
export const issueGoneHandler = defineHandler({
  name: "issue-gone",
  event: "issues",
  actions: ["deleted", "transferred"],
  payload: z.object({
    action: z.string(),
    installation: InstallationId,
    repository: Repository,
    sender: Sender,
    issue: z.object({ number: z.number().int() }),
  }),
  async handle({ action, installation, repository, issue, sender }, context) {
    const runs = await context.store.runs.find({
      repositoryId: repository.id,
      issueNumber: issue.number,
      statuses: ["queued", "running"],
    });
    for (const { id } of runs) {
      await context.store.runs.update(id, (run) =>
        run.comment ? { ...run, comment: { ...run.comment, gone: true } } : null,
      );
    }
    if (action === "deleted")
      await cancelRuns({
        runs,
        by: sender.login,
        reason: "The issue that asked for it was deleted.",
        github: await context.github.client(installation.id),
        context,
      });
  },
});
