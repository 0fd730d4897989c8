import { DistillerError } from "../errors.ts";
import { closeIssue, ensureIssue } from "../github/ensure-issue.ts";
import type { RepositoryConfig } from "../handlers/repository-config.ts";
import { endWithError } from "../jobs/end-run.ts";
import { listPublished } from "../pipeline/list-published.ts";
import type { PublishedExample } from "../pipeline/verify-example.ts";
import type { ActionContext } from "./action-context.ts";
import type { ExampleResult } from "./action-result.ts";
import { composeResult } from "./compose-result.ts";
import { explainError } from "./describe-failure.ts";
import { beginRun, distillExample } from "./distill-example.ts";
import { exampleRef, findStanding, listProposed, type Standing } from "./find-standing.ts";
import { composeWanted } from "./find-wanted.ts";
import { findPublished } from "./named-source.ts";
import { renderBrokenExample, renderRepairedExample } from "./render-broken-example.ts";
import { requireWriting } from "./require-writing.ts";
import { badgeOf, type Kept, showBadges } from "./show-badges.ts";
import { type Verified, verifyStanding } from "./verify-standing.ts";

/** Runs every example of the repository again: what is broken is repaired, or told in an issue; each has its badge. */
export async function verifyExamples(
  repositoryConfig: RepositoryConfig | null,
  context: ActionContext,
): Promise<ExampleResult[]> {
  const { examples, problems } = await listPublished((await context.cloneOwn(exampleRef(context))).folder);
  const all: Kept[] = [];
  for (const { slug, example } of examples) all.push(await keepTrue({ slug, example, repositoryConfig, context }));
  for (const { slug, problem } of problems) all.push({ result: describeProblem(slug, problem, context), badge: null });
  return showBadges(all, await listKept([...examples, ...problems], context), context);
}

/** Whose badges stay; null: all, where nobody can say what is proposed. */
async function listKept(
  published: readonly { slug: string }[],
  context: ActionContext,
): Promise<ReadonlySet<string> | null> {
  try {
    return new Set([...published.map(({ slug }) => slug), ...(await listProposed(context))]);
  } catch (error) {
    if (!(error instanceof DistillerError)) throw error;
    return null;
  }
}

interface Published {
  slug: string;
  example: PublishedExample;
  repositoryConfig: RepositoryConfig | null;
  context: ActionContext;
}

/** Verifies one that is published, and does about it what has to be done. Never throws: one that cannot be told of does not keep the others from theirs. */
async function keepTrue(published: Published): Promise<Kept> {
  const { slug, example, context } = published;
  const verified = await verifyStanding({ slug, example, context });
  const { result, verification } = verified;
  const badge = badgeOf(result);
  if (verification === null || !context.speaksForRepository) return { result, badge };
  if (result.verdict === "verified") {
    await closeIfOpen(slug, result, context);
    return { result, badge };
  }
  const repair = await tryRepair(published, result);
  if (repair.result?.pullRequest || context.signal.aborted) return { result: repair.result ?? result, badge };
  return { result: await tellIssue(verified, published, repair), badge };
}

/** What was done about a broken example. */
interface Repair {
  /** With a pull request where one repairs it; null where none was written. */
  result: ExampleResult | null;
  /** Why there is none; null where nobody was asked. */
  explanation: string | null;
}

/** By what is proposed already, else by a new run where a model is named for it. Never throws, for the same reason. */
async function tryRepair(published: Published, broken: ExampleResult): Promise<Repair> {
  const { slug, context } = published;
  const { inputs } = context;
  try {
    const { proposed, obstacle } = await findStanding(slug, context);
    const repaired = proposed && (await verifyProposed(slug, proposed, broken, context));
    if (repaired) return repaired;
    if (inputs.model === undefined || !inputs["open-pull-request"]) return { result: null, explanation: null };
    return obstacle ? { result: null, explanation: obstacle.explanation } : await writeAnew(published, broken);
  } catch (error) {
    return { result: null, explanation: explainError(error, context.say).userMessage };
  }
}

/** Null where what is proposed repairs nothing. */
async function verifyProposed(
  slug: string,
  { example, pullRequest }: NonNullable<Standing["proposed"]>,
  broken: ExampleResult,
  context: ActionContext,
): Promise<Repair | null> {
  const { result } = await verifyStanding({ slug, example, context });
  if (result.verdict !== "verified") return null;
  const explanation = `${broken.explanation} Pull request #${pullRequest.number} repairs it, and waits to be merged.`;
  return { result: { ...broken, explanation, advice: null, pullRequest }, explanation };
}

async function writeAnew(
  { slug, example, repositoryConfig, context }: Published,
  broken: ExampleResult,
): Promise<Repair> {
  await requireWriting(context);
  const { subdirectory, focus } = example.metadata.distiller;
  const wanted = composeWanted(
    {
      source: await findPublished(example, context),
      settings: {
        subdirectory: subdirectory ?? undefined,
        focus: focus ?? undefined,
        model_str_code: context.inputs.model,
      },
      slug,
      // What it is of is in its metadata.
      repositoryConfig: repositoryConfig && {
        ...repositoryConfig,
        ref: undefined,
        subdirectory: undefined,
        focus: undefined,
      },
    },
    context,
  );
  context.say(`${slug} is broken (${broken.reasonCode}): it is distilled anew.`);
  const run = beginRun({ wanted, requestedBy: context.botLogin, dryRun: false, context });
  const result = await distillExample({ wanted, run, door: "workflow", explicit: false, context });
  const explanation = `It was broken: ${broken.explanation} ${result.explanation}`;
  return { result: { ...result, explanation }, explanation: result.explanation };
}

/** The result of one that stays broken, with the issue that says so. */
async function tellIssue(
  { result, verification }: Verified,
  { slug, example, context }: Published,
  repair: Repair,
): Promise<ExampleResult> {
  const { title, body } = renderBrokenExample({
    slug,
    repository: result.repository,
    commit: result.commit,
    madeAt: example.metadata.distiller.commit,
    reasonCode: result.reasonCode,
    evidence: result.explanation,
    differences: verification?.reproduction.differences ?? [],
    tail: verification?.tail ?? "",
    // The evidence says them.
    notes: [],
    runUrl: context.workflow.runUrl,
    repair: repair.explanation === null ? null : { explanation: repair.explanation },
  });
  const spent = { costUsd: repair.result?.costUsd ?? 0, iterations: repair.result?.iterations ?? 0 };
  const issue = await orRefused(ensureIssue({ ...issueOf(slug, context), title, body }), context);
  if (issue.kind !== "refused") return { ...result, ...spent, issue };
  const explanation = `${result.explanation} No issue tells of it: ${issue.explanation}`;
  return { ...result, ...spent, explanation };
}

async function closeIfOpen(slug: string, { repository, commit }: ExampleResult, context: ActionContext): Promise<void> {
  const comment = renderRepairedExample({ slug, repository, commit, runUrl: context.workflow.runUrl });
  const closed = await orRefused(closeIssue({ ...issueOf(slug, context), comment }), context);
  if (closed?.kind === "refused") context.say(`The issue of ${slug} stays open: ${closed.explanation}`);
}

/** That GitHub cannot be told changes nothing about the example. */
async function orRefused<T>(
  answer: Promise<T>,
  { say }: ActionContext,
): Promise<T | { kind: "refused"; explanation: string }> {
  try {
    return await answer;
  } catch (error) {
    return { kind: "refused", explanation: explainError(error, say).userMessage };
  }
}

function issueOf(slug: string, { at, botLogin }: ActionContext) {
  return { ...at, key: `broken ${slug}`, botLogin };
}

function describeProblem(slug: string, problem: string, { repository }: ActionContext): ExampleResult {
  const ending = endWithError("example-damaged", problem, "workflow");
  return composeResult(ending, { repository: repository.fullName, slug, action: "verified" });
}
