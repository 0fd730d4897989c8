import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GitHubClient } from "../github/github-client.ts";
import { keyOf } from "../github/marker.ts";
import { type Publication, publishPullRequest } from "../github/publish-pull-request.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import type { RunState } from "../pipeline/run-state.ts";
import { renderPublishedReport } from "../pipeline/write-report.ts";
import { Survey } from "../repository/survey.ts";
import type { RunRecord, ToldRun } from "../store/run-record.ts";
import type { ExampleFile } from "./read-example.ts";
import { type PullRequestInput, renderPullRequest } from "./render-pull-request.ts";

export interface BringExampleOptions extends Pick<PullRequestInput, "review" | "answersCommands" | "pageUrl"> {
  run: ToldRun;
  /** Where the example goes. */
  repository: RepositoryFacts;
  /** Branch that the pull request goes to; null: the default branch. */
  base: string | null;
  /** The run's folder. */
  folder: string;
  state: RunState;
  /** The published folder of the run. */
  files: readonly ExampleFile[];
  /** The pull request that an earlier run left, and its commit; null where nobody kept it. */
  known: RunRecord["pullRequest"];
  /** Whether there is more to say of the same files than that one says. */
  news: boolean;
  /** Whether a person asked for it by name. */
  explicit: boolean;
  github: GitHubClient;
  botLogin: string;
}

/** Brings a run's example to its repository as a branch and a pull request of its own. */
export async function bringExample({
  run,
  repository,
  base,
  folder: runFolder,
  state,
  files,
  known,
  ...options
}: BringExampleOptions): Promise<Publication> {
  const branch = branchOf(run.slug);
  const folder = folderOf(run.slug);
  const survey = await readSurvey(runFolder);
  const report = await renderPublishedReport({ runFolder, state, survey });
  const all = [...files, { path: "REPORT.md", mode: "100644" as const, content: Buffer.from(report) }];
  const { title, bodies, indexEntry, commitMessage } = renderPullRequest({
    ...options,
    state,
    survey,
    run,
    files: all.map(({ path }) => path),
    figureUrl: (path) => figureUrl({ repository, branch, folder, path }),
  });
  return publishPullRequest({
    ...options,
    repository: { owner: repository.owner, repo: repository.name },
    defaultBranch: repository.defaultBranch,
    base,
    branch,
    folder,
    marker: markerOf(run.slug),
    known,
    files: all,
    tellsOfRun: (path) => /^(README\.md|REPORT\.md|outputs\/.*)$/.test(path),
    sourceCommit: state.distiller.repository?.commit ?? null,
    indexEntry,
    title,
    commitMessage,
    bodies,
    draft: state.distiller.outcome?.outcome !== "verified",
  });
}

export function branchOf(slug: string): string {
  return `codedistiller/${slug}`;
}

export function folderOf(slug: string): string {
  return `examples/${slug}`;
}

/** Names an example in the body of its pull request. */
export function markerOf(slug: string): string {
  return `example ${slug}`;
}

/** The example that a pull request of ours is about, as the marker in its body says; null where it has none. */
export function slugOfBody(body: string | null): string | null {
  return /^example_([\w.-]+)$/.exec(keyOf(body ?? "") ?? "")?.[1] ?? null;
}

/** Where GitHub shows a file of a branch as a picture. */
export function figureUrl({
  repository,
  branch,
  folder,
  path,
}: {
  repository: Pick<RepositoryFacts, "htmlUrl">;
  branch: string;
  folder: string;
  path: string;
}): string {
  return `${repository.htmlUrl}/raw/${branch}/${folder}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Kept beside the state; without it the licence is not named. */
async function readSurvey(folder: string): Promise<Survey | null> {
  const text = await readFile(join(folder, "survey.json"), "utf8").catch(() => null);
  return text === null ? null : (Survey.safeParse(JSON.parse(text)).data ?? null);
}
