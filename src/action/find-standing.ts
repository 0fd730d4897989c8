import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { listProposals } from "../github/list-proposals.ts";
import { isOnlyOurs, type PublicationState, type Pull, readPublication } from "../github/read-publication.ts";
import { isGitHubError } from "../github/wrap-github-error.ts";
import { branchOf, folderOf, markerOf, slugOfBody } from "../jobs/bring-example.ts";
import { listPublished } from "../pipeline/list-published.ts";
import type { PublishedExample } from "../pipeline/verify-example.ts";
import type { ActionContext } from "./action-context.ts";

interface PullRequestPlace {
  number: number;
  url: string;
}

/** What there is of an example already. */
export interface Standing {
  /** On the branch that pull requests go to. */
  published: PublishedExample | null;
  /** In an open pull request of ours, which a maintainer has yet to look at. */
  proposed: { example: PublishedExample; pullRequest: PullRequestPlace } | null;
  obstacle: Obstacle | null;
}

/** Why another example would not be brought. */
export interface Obstacle {
  reasonCode: "declined" | "human-commits" | "folder-taken";
  explanation: string;
  pullRequest: PullRequestPlace | null;
}

export async function findStanding(slug: string, context: ActionContext): Promise<Standing> {
  const state = await readState(slug, context);
  const [newest] = state.pulls;
  const proposed = newest?.state === "open" ? await findExample(newest.branch, slug, context) : null;
  const published = await findExample(exampleRef(context), slug, context);
  return {
    published: published?.example ?? null,
    proposed: newest && proposed?.example ? { example: proposed.example, pullRequest: placeOf(newest) } : null,
    obstacle: (await describeObstacle(state, context)) ?? (published?.isTaken ? describeTaken(slug) : null),
  };
}

/** As far as pull requests tell. */
export async function findObstacle(slug: string, context: ActionContext): Promise<Obstacle | null> {
  return describeObstacle(await readState(slug, context), context);
}

/** The examples in open pull requests of ours. */
export async function listProposed({ at, botLogin }: ActionContext): Promise<string[]> {
  const bodies = await listProposals({ ...at, botLogin });
  return bodies.map(slugOfBody).filter((slug) => slug !== null);
}

/** Where merged examples lie: the branch that pull requests go to, or what the workflow runs on. */
export function exampleRef({ inputs, workflow }: Pick<ActionContext, "inputs" | "workflow">): string {
  return inputs.base ?? workflow.sha;
}

type State = Pick<PublicationState, "pulls" | "branches"> & { slug: string };

function placeInPublication(slug: string, { at, botLogin }: ActionContext) {
  return { ...at, branch: branchOf(slug), marker: markerOf(slug), botLogin, known: null };
}

async function readState(slug: string, context: ActionContext): Promise<State> {
  try {
    return { ...(await readPublication(placeInPublication(slug, context))), slug };
  } catch (error) {
    // A workflow that opens none need not be allowed to see them.
    if (isGitHubError(error, "github-forbidden") || isGitHubError(error, "github-not-found"))
      return { pulls: [], branches: new Map(), slug };
    throw error;
  }
}

/** A maintainer who has said no, or has gone on with ours, is not talked over. */
async function describeObstacle({ pulls, branches, slug }: State, context: ActionContext): Promise<Obstacle | null> {
  const [newest] = pulls;
  if (!newest) return null;
  const pullRequest = placeOf(newest);
  if (newest.state === "declined") {
    const explanation = `Pull request ${newest.url} was closed without merging, so no other was opened.`;
    return { reasonCode: "declined", explanation, pullRequest };
  }
  const head = newest.state === "open" ? branches.get(newest.branch) : undefined;
  const base = context.inputs.base ?? context.repository.defaultBranch;
  if (!head || (await isOnlyOurs(placeInPublication(slug, context), base, head))) return null;
  const explanation = `Pull request ${newest.url} has commits of somebody else, so it was left alone.`;
  return { reasonCode: "human-commits", explanation, pullRequest };
}

function describeTaken(slug: string): Obstacle {
  const explanation = `The repository has a folder ${folderOf(slug)} of its own, so nothing was written.`;
  return { reasonCode: "folder-taken", explanation, pullRequest: null };
}

async function findExample(
  ref: string,
  slug: string,
  { cloneOwn }: ActionContext,
): Promise<{ example: PublishedExample | null; isTaken: boolean }> {
  const { folder } = await cloneOwn(ref);
  const { examples, problems } = await listPublished(folder);
  const example = examples.find((each) => each.slug === slug)?.example ?? null;
  const isOurs = example !== null || problems.some((each) => each.slug === slug);
  const isThere = await lstat(join(folder, folderOf(slug))).catch(() => null);
  return { example, isTaken: isThere !== null && !isOurs };
}

function placeOf({ number, url }: Pull): PullRequestPlace {
  return { number, url };
}
