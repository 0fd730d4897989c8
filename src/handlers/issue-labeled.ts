import { z } from "zod";
import { addReaction } from "../github/reactions.ts";
import { admit } from "./admit.ts";
import { findUnusable } from "./find-unusable.ts";
import { defineHandler, InstallationId, Repository, Sender } from "./handler.ts";
import { renderConfigError, renderDeclined, renderRefusal, renderSettingsRefusal } from "./replies.ts";
import { reply } from "./reply.ts";
import { mergeSettings } from "./repository-config.ts";
import { findDeclined, requestRun } from "./request-run.ts";

/** The configured label on an issue asks for a run of the repository. */
export const issueLabeledHandler = defineHandler({
  name: "issue-labeled",
  event: "issues",
  actions: ["labeled"],
  payload: z.object({
    action: z.string(),
    installation: InstallationId,
    repository: Repository,
    sender: Sender,
    issue: z.object({ number: z.number().int() }),
    label: z.object({ name: z.string().max(200) }),
  }),
  wants: ({ label }, settings) => label.name.toLowerCase() === settings.label.toLowerCase(),
  async handle({ installation, repository: named, sender, issue }, context) {
    const github = await context.github.client(installation.id);
    const admission = await admit({
      github,
      repositoryId: named.id,
      installation: await context.store.installations.get(installation.id),
      settings: context.config.settings,
      sender,
    });
    if (admission.kind === "gone") return;
    const { repository } = admission;
    const at = { github, repository: { owner: repository.owner, repo: repository.name }, issueNumber: issue.number };
    const answer = (body: string): Promise<void> => reply({ ...at, context, body });
    if (admission.kind === "refused") {
      await addReaction({ ...at, content: "-1" });
      return answer(renderRefusal(admission));
    }
    if (admission.kind === "misconfigured") return answer(renderConfigError(admission));
    const { repositoryConfig } = admission;
    const { config, problems } = mergeSettings({
      operator: context.config,
      repository: repositoryConfig,
      command: null,
    });
    const unusable = await findUnusable(github, repository);
    if (unusable) return answer(renderRefusal({ sentence: unusable }));
    if (problems.length > 0) return answer(renderSettingsRefusal({ problems }));
    const wanted = {
      context,
      github,
      installationId: installation.id,
      repository,
      trigger: "label" as const,
      settings: config,
      source: null,
      slug: null,
      dryRun: false,
      requestedBy: sender.login,
      issue: { number: issue.number, commentId: null },
      revision: null,
      notes: [],
    };
    const declined = await findDeclined(wanted);
    if (declined) return answer(renderDeclined({ pullRequest: declined }));
    await addReaction({ ...at, content: "eyes" });
    await requestRun(wanted);
  },
});
