import { GitHubError } from "../errors.ts";
import { probeWriting } from "../github/probe-writing.ts";
import type { ActionContext } from "./action-context.ts";
import { isPullRequestEvent } from "./read-workflow.ts";

/** What cannot be brought is not worth making: told before anything is spent. Throws GitHubError. */
export async function requireWriting({ at, repository, inputs, workflow }: ActionContext): Promise<void> {
  if (!inputs["open-pull-request"] || isPullRequestEvent(workflow)) return;
  const refusal = await probeWriting({
    ...at,
    defaultBranch: repository.defaultBranch,
    base: inputs.base ?? null,
  });
  if (refusal) throw new GitHubError({ code: refusal.reasonCode, userMessage: refusal.explanation });
}
