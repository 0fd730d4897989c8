import { z } from "zod";
import { cancelRuns } from "../jobs/cancel-runs.ts";
import { defineHandler, InstallationId, Repository, Sender } from "./handler.ts";

/** A repository that is deleted or archived can take no pull request. A renamed one is found by its number. */
export const repositoryGoneHandler = defineHandler({
  name: "repository-gone",
  event: "repository",
  actions: ["deleted", "archived"],
  payload: z.object({ action: z.string(), installation: InstallationId, repository: Repository, sender: Sender }),
  async handle({ action, repository, sender }, context) {
    const runs = await context.store.runs.find({ repositoryId: repository.id, statuses: ["queued", "running"] });
    await cancelRuns({ runs, by: sender.login, reason: `The repository was ${action}.`, context });
  },
});
