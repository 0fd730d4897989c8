import { z } from "zod";
import { cancelRuns } from "../jobs/cancel-runs.ts";
import { defineHandler, InstallationId, Repository, Sender } from "./handler.ts";

const RepositoryEvent = z.object({
  action: z.string(),
  installation: InstallationId,
  repository: Repository,
  sender: Sender,
});

/** A repository that is deleted or archived can take no pull request. A renamed one is found by its number. */
const goneHandler = defineHandler({
  name: "repository-gone",
  event: "repository",
  actions: ["deleted", "archived"],
  payload: RepositoryEvent,
  async handle({ action, installation, repository, sender }, context) {
    const github = action === "archived" ? await context.github.client(installation.id) : null;
    const runs = await context.store.runs.find({ repositoryId: repository.id, statuses: ["queued", "running"] });
    await cancelRuns({ runs, by: sender.login, reason: `The repository was ${action}.`, github, context });
  },
});

/** What strangers may see of a repository's runs follows the repository. */
const visibilityHandler = defineHandler({
  name: "repository-visibility",
  event: "repository",
  actions: ["privatized", "publicized"],
  payload: RepositoryEvent,
  async handle({ repository }, { store }) {
    for (const { id } of await store.runs.find({ repositoryId: repository.id, limit: 10_000 })) {
      await store.runs.update(id, (run) => ({ ...run, target: { ...run.target, isPrivate: repository.private } }));
    }
  },
});

export const repositoryHandlers = [goneHandler, visibilityHandler];
