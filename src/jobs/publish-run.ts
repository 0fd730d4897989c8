import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GitHubError } from "../errors.ts";
import { ensureCheckRun } from "../github/ensure-check-run.ts";
import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient } from "../github/github-client.ts";
import { type Publication, type PublishedPullRequest, publishPullRequest } from "../github/publish-pull-request.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import { renderPublishedReport } from "../pipeline/write-report.ts";
import { Survey } from "../repository/survey.ts";
import type { RunEnding, RunRecord } from "../store/run-record.ts";
import { advise } from "./advise.ts";
import { type AppContext, pageOf } from "./app-context.ts";
import type { Distilled } from "./distill-record.ts";
import { type Earlier, readEarlier } from "./read-earlier.ts";
import { type ExampleFile, readExample } from "./read-example.ts";
import { renderCheckRun } from "./render-check-run.ts";
import { renderFilesComment } from "./render-files-comment.ts";
import { renderPullRequest } from "./render-pull-request.ts";

export interface PublishRunOptions {
  run: RunRecord;
  repository: RepositoryFacts;
  distilled: Distilled;
  github: GitHubClient;
  context: AppContext;
}

/**
 * Brings a run's example to where it was asked for, as far as there is one worth it; done again it changes nothing. What
 * is opened is kept in the record at once; returned is the ending with what became of it.
 */
export async function publishRun(options: PublishRunOptions): Promise<RunEnding> {
  const { run, distilled, context } = options;
  const { ending, state } = distilled;
  const wanted = context.config.settings.pull_request_for === "partial" ? ["verified", "partial"] : ["verified"];
  if (!state || !wanted.includes(ending.outcome)) return ending;
  const files = await readExample(context.store.files, run.id);
  if (files.length === 0) return ending;
  const earlier = await readEarlier(run, { files, commit: ending.commit }, context);
  const publication = await publish(options, state, files, earlier);
  if (!isOpen(publication)) {
    if (publication.kind !== "unchanged") await showFilesIfPossible(options, files);
    return explainUnpublished(ending, publication);
  }
  const { pullRequest } = publication;
  const isSame = earlier.other?.pullRequest?.headSha === pullRequest.headSha;
  // Before anything else can fail: whose commit it is has to be known next time.
  await context.store.runs.update(run.id, (latest) => ({
    ...latest,
    pullRequest: { ...pullRequest, state: "open" },
    maintainerReview: latest.maintainerReview ?? (isSame ? null : earlier.review),
  }));
  const checkRunId = await checkIfPossible(options, state, pullRequest);
  await context.store.runs.update(run.id, (latest) => ({ ...latest, checkRunId }));
  const explained = isSame && publication.kind === "unchanged" ? explainUnpublished(ending, publication) : ending;
  if (!("keptWords" in publication)) return explained;
  return { ...explained, explanation: `${explained.explanation} ${keptWords}` };
}

const keptWords = "Somebody has changed the pull request's title or description, so both were left as they are.";

async function publish(
  { run, repository, github, context, distilled }: PublishRunOptions,
  state: NonNullable<Distilled["state"]>,
  files: readonly ExampleFile[],
  { known, other, review }: Earlier,
): Promise<Publication> {
  const branch = `codedistiller/${run.slug}`;
  const folder = `examples/${run.slug}`;
  const survey = await readSurvey(distilled.folder);
  const report = await renderPublishedReport({ runFolder: distilled.folder, state, survey });
  const all = [...files, { path: "REPORT.md", mode: "100644" as const, content: Buffer.from(report) }];
  const { title, bodies, indexEntry, commitMessage } = renderPullRequest({
    state,
    survey,
    run: { ...run, maintainerReview: review },
    files: all.map(({ path }) => path),
    pageUrl: pageOf(context, run),
    figureUrl: (path) =>
      `${repository.htmlUrl}/raw/${branch}/${folder}/${path.split("/").map(encodeURIComponent).join("/")}`,
  });
  const [fullest = "", ...shorter] = bodies;
  return publishPullRequest({
    github,
    repository: { owner: repository.owner, repo: repository.name },
    defaultBranch: repository.defaultBranch,
    branch,
    folder,
    marker: `example ${run.slug}`,
    botLogin: await context.github.botLogin(),
    known: known?.pullRequest ?? null,
    news: other !== null && other.ending?.outcome !== distilled.ending.outcome,
    files: all,
    tellsOfRun: (path) => /^(README\.md|REPORT\.md|outputs\/.*)$/.test(path),
    sourceCommit: state.distiller.repository?.commit ?? null,
    indexEntry,
    title,
    commitMessage,
    bodies: [fullest, ...shorter],
    draft: distilled.ending.outcome !== "verified",
    explicit: isExplicit(run),
  });
}

type OpenPublication = Publication & { kind: "opened" | "updated" | "unchanged"; pullRequest: PublishedPullRequest };

function isOpen(publication: Publication): publication is OpenPublication {
  return (
    ["opened", "updated", "unchanged"].includes(publication.kind) &&
    "pullRequest" in publication &&
    publication.pullRequest !== null
  );
}

/** Only somebody's own words open another pull request after one was declined. */
function isExplicit({ trigger }: RunRecord): boolean {
  return trigger === "command" || trigger === "retry" || trigger === "revise";
}

/** A permission that nobody has accepted yet takes nothing from a pull request that is there. */
async function checkIfPossible(...[options, state, pullRequest]: Parameters<typeof check>): Promise<number | null> {
  try {
    return await check(options, state, pullRequest);
  } catch (error) {
    if (!(error instanceof GitHubError) || error.retryable) throw error;
    options.context.log.warn({ run: options.run.id, error: error.userMessage }, "no check was made");
    return null;
  }
}

async function check(
  { run, repository, github, context }: PublishRunOptions,
  state: NonNullable<Distilled["state"]>,
  { headSha }: PublishedPullRequest,
): Promise<number | null> {
  const { conclusion, title, summary, annotations } = renderCheckRun({ state, run, folder: `examples/${run.slug}` });
  return ensureCheckRun({
    github,
    repository: { owner: repository.owner, repo: repository.name },
    headSha,
    checkRunId: run.checkRunId,
    externalId: run.id,
    conclusion,
    title,
    summary,
    annotations,
    detailsUrl: pageOf(context, run),
  });
}

/** Where nothing can be written, comments may be refused as well. */
async function showFilesIfPossible(options: PublishRunOptions, files: readonly ExampleFile[]): Promise<void> {
  try {
    await showFiles(options, files);
  } catch (error) {
    if (!(error instanceof GitHubError) || error.retryable) throw error;
    options.context.log.warn({ run: options.run.id, error: String(error) }, "the files could not be shown");
  }
}

/** The files as a comment. */
async function showFiles({ run, repository, github, context }: PublishRunOptions, files: readonly ExampleFile[]) {
  if (run.issue === null || run.comment?.gone) return;
  const page = pageOf(context, run);
  const texts = files.filter(({ content }) => isUtf8(content)).map(({ path, content }) => [path, `${content}`]);
  await ensureComment({
    github,
    repository: { owner: repository.owner, repo: repository.name },
    issueNumber: run.issue.number,
    key: `${run.triggerKey}-files`,
    commentId: null,
    search: { botLogin: await context.github.botLogin() },
    body: renderFilesComment({
      files: Object.fromEntries(texts),
      archiveUrl: page === null ? null : `${page}/example.tar.gz`,
    }),
  });
}

/** Kept beside the state; without it the licence is not named. */
async function readSurvey(folder: string): Promise<Survey | null> {
  const text = await readFile(join(folder, "survey.json"), "utf8").catch(() => null);
  return text === null ? null : (Survey.safeParse(JSON.parse(text)).data ?? null);
}

/** The example stands; that it could not be brought is said beside it. */
function explainUnpublished(ending: RunEnding, publication: Publication): RunEnding {
  const [reasonCode, sentence] = describePublication(publication);
  const advice = advise({ outcome: "error", reasonCode });
  return { ...ending, explanation: `${ending.explanation} ${sentence}`, advice };
}

function describePublication(publication: Publication): [reasonCode: string, sentence: string] {
  switch (publication.kind) {
    case "human-commits":
      return [
        "human-commits",
        `Pull request ${publication.pullRequest.url} has commits of somebody else, so it was left alone.`,
      ];
    case "declined":
      return [
        "declined",
        `Pull request ${publication.pullRequest.url} was closed without merging, so no other was opened.`,
      ];
    case "folder-taken":
      return [
        "folder-taken",
        `No pull request was opened: the repository has a folder \`${publication.path}\` of its own.`,
      ];
    case "refused":
      return [publication.reasonCode, `No pull request was opened: ${publication.explanation}`];
    case "unchanged":
      return publication.pullRequest
        ? ["unchanged", "The pull request has this example already, so nothing was committed."]
        : ["unchanged", "The default branch has this example already, so no pull request was opened."];
    default:
      return ["", ""];
  }
}
