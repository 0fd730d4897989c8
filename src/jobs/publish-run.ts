import { isUtf8 } from "node:buffer";
import { GitHubError } from "../errors.ts";
import { ensureCheckRun } from "../github/ensure-check-run.ts";
import { ensureComment } from "../github/ensure-comment.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { PublishedPullRequest } from "../github/publish-pull-request.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import type { RunEnding, RunRecord } from "../store/run-record.ts";
import { type AppContext, pageOf } from "./app-context.ts";
import { bringExample, folderOf } from "./bring-example.ts";
import type { Distilled } from "./distill-record.ts";
import { explainPublication, isOpen } from "./explain-publication.ts";
import { readEarlier } from "./read-earlier.ts";
import { type ExampleFile, readExample } from "./read-example.ts";
import { renderCheckRun } from "./render-check-run.ts";
import { renderFilesComment } from "./render-files-comment.ts";

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
  const { run, distilled, context, repository, github } = options;
  const { ending, state, folder } = distilled;
  const wanted = context.config.settings.pull_request_for === "partial" ? ["verified", "partial"] : ["verified"];
  if (!state || !wanted.includes(ending.outcome)) return ending;
  const files = await readExample(context.store.files, run.id);
  if (files.length === 0) return ending;
  const { known, other, review } = await readEarlier(run, { files, commit: ending.commit }, context);
  const publication = await bringExample({
    run,
    repository,
    base: null,
    folder,
    state,
    files,
    known: known?.pullRequest ?? null,
    news: other !== null && other.ending?.outcome !== ending.outcome,
    explicit: isExplicit(run),
    github,
    botLogin: await context.github.botLogin(),
    review,
    answersCommands: true,
    pageUrl: pageOf(context, run),
  });
  if (!isOpen(publication)) {
    if (publication.kind !== "unchanged") await showFilesIfPossible(options, files);
    return explainPublication(ending, publication, "comment", false);
  }
  const { pullRequest } = publication;
  const isSame = other?.pullRequest?.headSha === pullRequest.headSha;
  // Before anything else can fail: whose commit it is has to be known next time.
  await context.store.runs.update(run.id, (latest) => ({
    ...latest,
    pullRequest: { ...pullRequest, state: "open" },
    maintainerReview: latest.maintainerReview ?? (isSame ? null : review),
  }));
  const checkRunId = await checkIfPossible(options, state, pullRequest);
  await context.store.runs.update(run.id, (latest) => ({ ...latest, checkRunId }));
  return explainPublication(ending, publication, "comment", isSame);
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
  const { conclusion, title, summary, annotations } = renderCheckRun({ state, run, folder: folderOf(run.slug) });
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
