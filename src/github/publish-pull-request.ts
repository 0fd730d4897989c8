import { z } from "zod";
import { commitFiles } from "./commit-files.ts";
import { explainRefusal, isProtected, type Refusal, refuse } from "./explain-refusal.ts";
import { type Base, findBase } from "./find-base.ts";
import { findChanges, indexPath, type WantedExample } from "./find-changes.ts";
import { putBranch } from "./put-branch.ts";
import { type Examples, readExamples } from "./read-examples.ts";
import {
  branchNames,
  isOnlyOurs,
  type PublicationPlace,
  type PublicationState,
  type Pull,
  readBranch,
  readPublication,
} from "./read-publication.ts";
import { fitsBody, isAsSealed, sealBody } from "./seal-body.ts";
import { callGitHub, isGitHubError, readGitHub } from "./wrap-github-error.ts";

export interface PublishPullRequestOptions extends PublicationPlace, WantedExample {
  defaultBranch: string;
  /** A branch that somebody named for the pull request to go to; null: the default branch, also under a new name. */
  base?: string | null;
  /** Whether there is more to say of the same files than was said in the known pull request: another verdict. */
  news: boolean;
  commitMessage: string;
  title: string;
  /** At least one, from the fullest to the shortest; the first that GitHub takes is used. */
  bodies: readonly string[];
  draft: boolean;
  /** Whether a person asked for it by name: only then may it follow one that was declined. */
  explicit: boolean;
}

export interface PublishedPullRequest {
  number: number;
  url: string;
  branch: string;
  headSha: string;
}

export type Publication =
  | { kind: "opened"; pullRequest: PublishedPullRequest }
  /** With `keptWords`, title and body are somebody's own by now and were left as they are. */
  | { kind: "updated"; pullRequest: PublishedPullRequest; keptWords?: true }
  /** The open pull request says all of it already, or (null) the default branch does. */
  | { kind: "unchanged"; pullRequest: PublishedPullRequest | null; keptWords?: true }
  /** Somebody has committed to the branch: nothing was written. */
  | { kind: "human-commits"; pullRequest: PublishedPullRequest }
  /** A maintainer has closed it before. */
  | { kind: "declined"; pullRequest: { number: number; url: string } }
  | { kind: "folder-taken"; path: string }
  | Refusal;

/** How often what changed between reading and writing is read and decided again. */
const mostRounds = 3;

/**
 * Brings an example to its repository: reads what is there, decides, and writes at most one commit and one pull request.
 * Throws GitHubError where trying later may help.
 */
export async function publishPullRequest(options: PublishPullRequestOptions): Promise<Publication> {
  for (let round = 1; ; round++) {
    try {
      return await publishOnce(options);
    } catch (error) {
      const mayBeRace = isGitHubError(error, "github-conflict") && !isProtected(error);
      if (mayBeRace && round < mostRounds) continue;
      const refusal = await explainRefusal(error, options);
      if (refusal) return refusal;
      throw error;
    }
  }
}

async function publishOnce(given: PublishPullRequestOptions): Promise<Publication> {
  const base = await findBase(given);
  if ("kind" in base) return base;
  const options = { ...given, base: base.branch };
  const state = await readPublication(options);
  const open = findOpen(state, options);
  if (open && !(await isUntouched(open, base, options))) return { kind: "human-commits", pullRequest: placeOf(open) };
  const closed = state.pulls.find((pull) => pull.state !== "open");
  if (!open && closed?.state === "declined" && !options.explicit)
    return { kind: "declined", pullRequest: { number: closed.number, url: closed.url } };
  const examples = await readExamples({ ...options, commitSha: base.sha });
  if (examples.kind === "taken") return { kind: "folder-taken", path: examples.path };
  if (examples.kind === "blocked")
    return refuse("blocked-folder", `${examples.path} is not a folder here: give it another name, then ask again.`);
  if (open) return update(open, options);
  if (findChanges(examples, options).ownBesideCommit === 0) return { kind: "unchanged", pullRequest: null };
  return openAnother({ base: base.sha, examples, state }, options);
}

type OpenPull = Pull & { headSha: string };

/** One whose branch was deleted is as good as none. */
function findOpen({ pulls, branches }: PublicationState, { known }: PublishPullRequestOptions): OpenPull | null {
  const open = pulls.flatMap((pull) => {
    const headSha = branches.get(pull.branch);
    return pull.state === "open" && headSha ? [{ ...pull, headSha }] : [];
  });
  return open.find(({ number }) => number === known?.number) ?? open[0] ?? null;
}

/**
 * A commit of ours that nobody could record any more, because the process ended, is still ours. A pull request stays on the
 * branch that it was opened for: what that one has beside the wanted base is nobody's work on ours.
 */
async function isUntouched(open: OpenPull, base: Base, options: PublishPullRequestOptions): Promise<boolean> {
  if (options.known?.headSha === open.headSha) return true;
  const below = open.base === base.branch ? base.sha : ((await readBranch(options, open.base)) ?? base.sha);
  return isOnlyOurs(options, below, open.headSha);
}

async function update(open: OpenPull, options: PublishPullRequestOptions): Promise<Publication> {
  const { github, repository, title } = options;
  const examples = await readExamples({ ...options, commitSha: open.headSha });
  if (examples.kind !== "free") return { kind: "folder-taken", path: examples.path };
  // Nobody is told of times that differ: the body, and what a maintainer wrote into it, stays.
  const isKnown = (options.known === null || options.known.headSha === open.headSha) && !options.news;
  if (isKnown && findChanges(examples, options).own === 0) return { kind: "unchanged", pullRequest: placeOf(open) };
  const headSha = await commit(open.headSha, examples, options);
  if (headSha) await putBranch({ ...options, branch: open.branch, sha: headSha, onTopOf: open.headSha });
  const place = placeOf({ ...open, headSha: headSha ?? open.headSha });
  if (!isAsSealed(open)) return { kind: headSha ? "updated" : "unchanged", pullRequest: place, keptWords: true };
  const body = chooseBody(options);
  const saysSame = open.title === title && open.body?.replaceAll("\r\n", "\n").trimEnd() === body;
  if (!saysSame)
    await callGitHub("Updating the pull request", () =>
      github.rest.pulls.update({ ...repository, pull_number: open.number, title, body }),
    );
  return { kind: headSha || !saysSame ? "updated" : "unchanged", pullRequest: place };
}

interface Ground {
  /** The default branch's commit. */
  base: string;
  examples: Extract<Examples, { kind: "free" }>;
  state: PublicationState;
}

async function openAnother(ground: Ground, options: PublishPullRequestOptions): Promise<Publication> {
  const branch = await findFreeBranch(ground, options);
  if (branch === null)
    return refuse(
      "branches-taken",
      `The branch ${options.branch} and those with a number after it have commits of others: delete them, then ask again.`,
    );
  const headSha = await commit(ground.base, ground.examples, options);
  if (headSha === null) return { kind: "unchanged", pullRequest: null };
  const leftOver = ground.state.branches.get(branch);
  await putBranch({ ...options, branch, sha: headSha, ...(leftOver ? { insteadOf: leftOver } : {}) });
  const { number, url } = await createPull(branch, options);
  return { kind: "opened", pullRequest: { number, url, branch, headSha } };
}

/** The first name that nobody has, or that only we have committed to. */
async function findFreeBranch(
  { base, state: { branches, foreign } }: Ground,
  options: PublishPullRequestOptions,
): Promise<string | null> {
  for (const name of branchNames(options.branch)) {
    const head = branches.get(name);
    if (!head) return name;
    if (foreign.has(name)) continue;
    if (head === options.known?.headSha || (await isOnlyOurs(options, base, head))) return name;
  }
  return null;
}

async function commit(
  baseSha: string,
  examples: Ground["examples"],
  options: PublishPullRequestOptions,
): Promise<string | null> {
  const { github, repository, folder, commitMessage } = options;
  const { files, deletions } = findChanges(examples, options);
  if (files.length + deletions.length === 0) return null;
  const within = [`${folder}/`, indexPath(folder)];
  return commitFiles({ github, repository, baseSha, files, deletions, message: commitMessage, within });
}

const Created = z.object({ number: z.number().int(), html_url: z.string() });

/** Not every plan has drafts; where one is refused it is opened as it is. */
async function createPull(
  branch: string,
  { draft, ...options }: PublishPullRequestOptions,
): Promise<{ number: number; url: string }> {
  const { github, repository, title, defaultBranch, base } = options;
  const body = chooseBody({ draft, ...options });
  try {
    const { number, html_url } = await readGitHub("Opening the pull request", Created, () =>
      github.rest.pulls.create({ ...repository, title, body, head: branch, base: base ?? defaultBranch, draft }),
    );
    return { number, url: html_url };
  } catch (error) {
    if (!draft || !isGitHubError(error, "github-conflict")) throw error;
    return createPull(branch, { draft: false, ...options });
  }
}

function chooseBody({ title, bodies, marker }: PublishPullRequestOptions): string {
  const markdown = bodies.find((each) => fitsBody(each, marker)) ?? bodies.at(-1) ?? "";
  return sealBody({ title, markdown, key: marker });
}

function placeOf({ number, url, branch, headSha }: OpenPull): PublishedPullRequest {
  return { number, url, branch, headSha };
}
