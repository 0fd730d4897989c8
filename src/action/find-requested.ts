import { join } from "node:path";
import { ConfigError, RunFolderError } from "../errors.ts";
import { branchNames, readPull } from "../github/read-publication.ts";
import type { Command } from "../handlers/command.ts";
import { findSource } from "../handlers/find-source.ts";
import { findUnusable } from "../handlers/find-unusable.ts";
import { renderRefusal, renderReviseElsewhere } from "../handlers/replies.ts";
import { Focus } from "../handlers/setting-values.ts";
import { branchOf, folderOf, slugOfBody } from "../jobs/bring-example.ts";
import { type PublishedExample, readPublishedExample } from "../pipeline/verify-example.ts";
import type { ActionContext } from "./action-context.ts";
import { composeWanted, type Wanted, type WantedSettings } from "./find-wanted.ts";
import { findNamed, findPublished } from "./named-source.ts";
import type { Asked } from "./reply-to-comment.ts";
import { requireWriting } from "./require-writing.ts";

/** `problem` is an answer in Markdown. */
export type Requested = { wanted: Wanted } | { problem: string };

/** What `/distill` asks for. Throws what keeps every run from its end. */
export async function findRequested(
  { repository: url, settings, dryRun }: Extract<Command, { kind: "distill" }>,
  { repositoryConfig, context }: Asked,
): Promise<Requested> {
  const { github, repository: target, workflow } = context;
  if (!dryRun) await requireWriting(context);
  const unusable = await findUnusable(github, target);
  if (unusable) return { problem: renderRefusal({ sentence: unusable }) };
  const named = url === null ? null : await findSource({ github, target, url, gitHubHost: workflow.serverHost });
  if (named !== null && "problem" in named) return { problem: renderRefusal({ sentence: named.problem }) };
  const source = named && (await findNamed(named.url, context));
  return composeOrExplain({ source, settings, slug: null, repositoryConfig }, context);
}

/** What `/distill revise` asks for: an example written anew with these words, in the place of the one that the pull request adds. */
export async function findRevised(feedback: string, { event, repositoryConfig, context }: Asked): Promise<Requested> {
  const { at, botLogin } = context;
  const pull = event.issue.pull_request ? await readPull(at, event.issue.number) : null;
  const slug = pull?.state === "open" && pull.login === botLogin ? slugOfBody(pull.body) : null;
  // Every workflow acts under this login: its body alone makes a pull request none of ours.
  if (!pull || slug === null || !branchNames(branchOf(slug)).includes(pull.branch))
    return { problem: renderReviseElsewhere() };
  await requireWriting(context);
  const example = await readProposed(pull.branch, slug, context);
  if (!example) {
    const sentence = `There is no ${folderOf(slug)}/metadata.json on this pull request's branch that can be read: bring it back, or ask for a new example.`;
    return { problem: renderRefusal({ sentence }) };
  }
  const { distiller } = example.metadata;
  const source = await findPublished(example, context);
  const focus = Focus.parse(feedback.slice(0, mostFocus));
  const settings = { subdirectory: distiller.subdirectory ?? undefined, focus };
  return composeOrExplain({ source, settings, slug, repositoryConfig }, context);
}

/** Characters. */
const mostFocus = 500;

async function readProposed(
  branch: string,
  slug: string,
  { cloneOwn }: ActionContext,
): Promise<PublishedExample | null> {
  const { folder } = await cloneOwn(branch);
  try {
    return await readPublishedExample(join(folder, folderOf(slug)));
  } catch (error) {
    if (error instanceof RunFolderError) return null;
    throw error;
  }
}

function composeOrExplain({ settings, ...wanted }: WantedSettings, context: ActionContext): Requested {
  const { config, repository } = context;
  // A workflow run that is started again has the commit of its first time: what was mended since then would not be seen.
  const newest = wanted.source ? undefined : (wanted.repositoryConfig?.ref ?? config.ref ?? repository.defaultBranch);
  try {
    return { wanted: composeWanted({ ...wanted, settings: { ...settings, ref: settings.ref ?? newest } }, context) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { problem: renderRefusal({ sentence: error.userMessage }) };
  }
}
