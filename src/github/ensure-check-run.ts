import { z } from "zod";
import { fitMarkdown } from "./fit-markdown.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { nullWhenGone, readGitHub } from "./wrap-github-error.ts";

export interface CheckAnnotation {
  /** From the repository's root. */
  path: string;
  startLine: number;
  endLine: number;
  level: "notice" | "warning" | "failure";
  title: string;
  message: string;
}

export interface EnsureCheckRunOptions {
  github: GitHubClient;
  repository: RepositoryName;
  headSha: string;
  /** The one that is known; null: it is looked for on the commit. */
  checkRunId: number | null;
  /** Tells this run's check from others on the same commit. */
  externalId: string;
  conclusion: "success" | "neutral" | "failure" | "cancelled" | "skipped" | "timed_out" | "action_required";
  title: string;
  /** Markdown; cut where it is too long for GitHub. */
  summary: string;
  annotations: readonly CheckAnnotation[];
  /** Where its "Details" lead; null where there is no such page. */
  detailsUrl: string | null;
}

const checkRunName = "CodeDistiller";

// GitHub's bounds: of a request, and in characters.
const maxAnnotations = 50;
const maxSummary = 65_535;
const maxAnnotationTitle = 255;
/** GitHub allows 64 KiB; nobody reads so much beside a line. */
const maxAnnotationMessage = 4000;

/** Behind a 502 it may have been done, and neither a check nor an annotation can be taken back: whoever asks again looks first. */
const askOnce = { retries: 0 };

const CheckRun = z.object({
  id: z.number().int(),
  head_sha: z.string(),
  external_id: z.string().nullish(),
  output: z.object({ annotations_count: z.number() }),
});
type CheckRun = z.infer<typeof CheckRun>;
const CheckRuns = z.object({ check_runs: z.array(CheckRun) });

/**
 * The check on a commit, with its result; gives its number. Annotations can only be added to, so that a check that has some
 * already is followed by a new one of the same name, which GitHub shows in its place.
 */
export async function ensureCheckRun(options: EnsureCheckRunOptions): Promise<number> {
  const { annotations, headSha } = options;
  const batches = Array.from({ length: Math.ceil(annotations.length / maxAnnotations) }, (_, index) =>
    annotations.slice(index * maxAnnotations, (index + 1) * maxAnnotations),
  );
  const [first = [], ...rest] = batches;
  const there = await findCheckRun(options);
  const mayBeChanged =
    there?.head_sha === headSha && (there.output.annotations_count === 0 || annotations.length === 0);
  const id = mayBeChanged ? await update(there.id, first, options) : await create(first, options);
  for (const batch of rest) await update(id, batch, options);
  return id;
}

async function findCheckRun({
  github,
  repository,
  headSha,
  checkRunId,
  externalId,
}: EnsureCheckRunOptions): Promise<CheckRun | null> {
  const what = "Reading the checks";
  if (checkRunId !== null)
    return nullWhenGone(
      readGitHub(what, CheckRun, () => github.rest.checks.get({ ...repository, check_run_id: checkRunId })),
    );
  const found = await readGitHub(what, CheckRuns, () =>
    github.rest.checks.listForRef({ ...repository, ref: headSha, check_name: checkRunName, per_page: 100 }),
  );
  return found.check_runs.find(({ external_id }) => external_id === externalId) ?? null;
}

async function create(annotations: readonly CheckAnnotation[], options: EnsureCheckRunOptions): Promise<number> {
  const { github, repository, headSha } = options;
  const { id } = await readGitHub("Adding the check", CheckRun, () =>
    github.rest.checks.create({
      ...repository,
      name: checkRunName,
      head_sha: headSha,
      ...describeResult(annotations, options),
      request: askOnce,
    }),
  );
  return id;
}

async function update(
  id: number,
  annotations: readonly CheckAnnotation[],
  options: EnsureCheckRunOptions,
): Promise<number> {
  const { github, repository } = options;
  await readGitHub("Updating the check", CheckRun, () =>
    github.rest.checks.update({
      ...repository,
      check_run_id: id,
      ...describeResult(annotations, options),
      request: askOnce,
    }),
  );
  return id;
}

function describeResult(
  annotations: readonly CheckAnnotation[],
  { conclusion, title, summary, externalId, detailsUrl }: EnsureCheckRunOptions,
) {
  return {
    status: "completed" as const,
    conclusion,
    external_id: externalId,
    ...(detailsUrl === null ? {} : { details_url: detailsUrl }),
    output: {
      title,
      summary: fitMarkdown(summary, { limit: maxSummary }),
      ...(annotations.length === 0 ? {} : { annotations: annotations.map(describeAnnotation) }),
    },
  };
}

function describeAnnotation({ path, startLine, endLine, level, title, message }: CheckAnnotation) {
  return {
    path,
    start_line: startLine,
    end_line: endLine,
    annotation_level: level,
    title: title.slice(0, maxAnnotationTitle),
    message: message.slice(0, maxAnnotationMessage),
  };
}
