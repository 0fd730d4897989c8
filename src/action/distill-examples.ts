import type { RepositoryConfig } from "../handlers/repository-config.ts";
import { endWithError } from "../jobs/end-run.ts";
import { type ChangedDependencies, findChangedDependencies } from "../pipeline/depends-on.ts";
import type { ActionContext } from "./action-context.ts";
import type { ExampleResult } from "./action-result.ts";
import { composeResult } from "./compose-result.ts";
import { explainError } from "./describe-failure.ts";
import { beginRun, distillExample } from "./distill-example.ts";
import { findObstacle, findStanding, type Obstacle, type Standing } from "./find-standing.ts";
import { findWanted, type Wanted } from "./find-wanted.ts";
import { requireWriting } from "./require-writing.ts";
import { badgeOf, type Kept, showBadges } from "./show-badges.ts";
import { provideCurrent, verifyStanding } from "./verify-standing.ts";

/** An example of each repository that the input names, one after the other. */
export async function distillExamples(
  repositoryConfig: RepositoryConfig | null,
  context: ActionContext,
): Promise<ExampleResult[]> {
  const { repository } = context.inputs;
  await requireWriting(context);
  const all = new Map<string, Kept>();
  for (const line of repository.length > 0 ? repository : [null]) {
    const wanted = await findLine(line, repositoryConfig, context);
    // Two lines may name the same by other addresses.
    if ("result" in wanted) all.set(` ${line}`, wanted);
    else if (all.has(wanted.slug)) context.say(`${line} has the folder of a line before it: it is distilled once.`);
    else all.set(wanted.slug, await distillWanted(wanted, context));
  }
  return showBadges([...all.values()], null, context);
}

async function findLine(
  line: string | null,
  repositoryConfig: RepositoryConfig | null,
  context: ActionContext,
): Promise<Wanted | Kept> {
  try {
    return await findWanted(line, repositoryConfig, context);
  } catch (error) {
    return describeError(error, { repository: line ?? context.repository.fullName, slug: "" }, context);
  }
}

/** Never throws: one repository that cannot be had does not keep the others from theirs. */
async function distillWanted(wanted: Wanted, context: ActionContext): Promise<Kept> {
  try {
    if (context.workflow.eventName === "schedule") return await keepCurrent(wanted, context);
    const explicit = context.workflow.eventName === "workflow_dispatch";
    const obstacle = explicit ? null : await findObstacle(wanted.slug, context);
    const result = obstacle ? describeObstacle(wanted, obstacle) : await distill(wanted, explicit, context);
    return { result, badge: null };
  } catch (error) {
    return describeError(error, { repository: wanted.name, slug: wanted.slug }, context);
  }
}

function describeError(error: unknown, of: { repository: string; slug: string }, { say }: ActionContext): Kept {
  const { code, userMessage } = explainError(error, say);
  const ending = endWithError(code, userMessage, "workflow");
  return { result: composeResult(ending, { ...of, action: "distilled" }), badge: null };
}

/** On a schedule an example is written anew only where it may say something else by now. */
async function keepCurrent(wanted: Wanted, context: ActionContext): Promise<Kept> {
  const standing = await findStanding(wanted.slug, context);
  const verified = await verifyUnchanged(wanted, standing, context);
  // What is only proposed says nothing of the one that is published.
  const badge = verified && !(standing.proposed && standing.published) ? badgeOf(verified) : null;
  if (verified && verified.verdict !== "failed")
    return { result: { ...verified, pullRequest: standing.proposed?.pullRequest ?? null }, badge };
  if (verified) context.say(`${wanted.slug} is broken (${verified.reasonCode}): it is distilled anew.`);
  const { obstacle } = standing;
  return { result: obstacle ? describeObstacle(wanted, obstacle) : await distill(wanted, false, context), badge };
}

/** The newest there is, run again; null where there is none, or where what it depends on has changed. */
async function verifyUnchanged(
  { slug, source, config }: Wanted,
  { proposed, published }: Standing,
  context: ActionContext,
): Promise<ExampleResult | null> {
  const example = proposed?.example ?? published;
  if (!example) return null;
  const current = await provideCurrent(example, { ref: config.ref, source }, context);
  const { dependsOn, commit } = example.metadata.distiller;
  if (current.commit === null || current.commit !== commit) {
    const changes = await findChangedDependencies({ dependsOn, repositoryFolder: current.folder });
    if (changes.everything || changes.changed.length > 0) {
      context.say(describeChanges(slug, changes));
      return null;
    }
  }
  return (await verifyStanding({ slug, example, context, current })).result;
}

function distill(wanted: Wanted, explicit: boolean, context: ActionContext): Promise<ExampleResult> {
  const requestedBy = `the workflow of ${context.repository.fullName}`;
  const run = beginRun({ wanted, requestedBy, dryRun: false, context });
  return distillExample({ wanted, run, door: "workflow", explicit, context });
}

/** Nothing is spent on what would not be opened. */
function describeObstacle({ name, slug }: Wanted, { reasonCode, explanation, pullRequest }: Obstacle): ExampleResult {
  const ending = { ...endWithError(reasonCode, explanation, "workflow"), outcome: "skipped" as const };
  return { ...composeResult(ending, { repository: name, slug, action: "distilled" }), pullRequest };
}

function describeChanges(slug: string, { changed, everything }: ChangedDependencies): string {
  if (everything) return `${slug} does not say what it depends on: it is distilled anew.`;
  const more = changed.length > 5 ? `, and ${changed.length - 5} more` : "";
  return `${slug} depends on what changed (${changed.slice(0, 5).join(", ")}${more}): it is distilled anew.`;
}
