import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { RepositoryError } from "../errors.ts";
import { hashBlob } from "./commit-files.ts";
import { explainRefusal, isProtected, type Refusal, refuse, refuseGone } from "./explain-refusal.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { putBranch } from "./put-branch.ts";
import { readBranch } from "./read-publication.ts";
import { type RepositoryFacts, readRepository } from "./read-repository.ts";
import { readTree, type TreeEntry } from "./read-tree.ts";
import { isGitHubError, readGitHub } from "./wrap-github-error.ts";

export const badgeBranch = "codedistiller-badges";

export interface PutBadgesOptions {
  github: GitHubClient;
  repository: RepositoryName;
  branch?: string;
  /** `<slug>.svg`, `<slug>.json` and `README.md`; text. */
  files: ReadonlyArray<{ path: string; content: string }>;
  /** Slugs of examples that still exist: badges of others are taken away. Null: none is. */
  keep: ReadonlySet<string> | null;
  message: string;
}

/** Where GitHub shows a file. */
interface BadgeAddress {
  path: string;
  /** The file itself, as a picture in Markdown needs it. */
  rawUrl: string;
  webUrl: string;
}

export type PutBadges = { kind: "put" | "unchanged"; badges: BadgeAddress[] } | Refusal;

/** A matrix of jobs may end at one time, and one of them gets through a round. */
const mostRounds = 12;
/** Milliseconds, times the round; any part of it. */
const longestWait = 400;

const Sha = z.object({ sha: z.string() });

/**
 * Brings badges to a branch that holds nothing else. Its first commit has no parent; each of the following goes on from the
 * one that was read and is never forced, so that GitHub refuses it where another job was quicker: then what is there is
 * read again, and no job loses another's badges. Throws GitHubError where trying later may help.
 */
export async function putBadges(options: PutBadgesOptions): Promise<PutBadges> {
  for (let round = 1; ; round++) {
    try {
      return await putOnce(options);
    } catch (error) {
      const mayBeRace = isGitHubError(error, "github-conflict") && !isProtected(error);
      if (!mayBeRace || round >= mostRounds) {
        const refusal = await explainRefusal(error, { ...options, needs: "contents" });
        if (refusal) return refusal;
        throw error;
      }
    }
    await setTimeout(Math.random() * longestWait * round);
  }
}

async function putOnce({ branch = badgeBranch, ...options }: PutBadgesOptions): Promise<PutBadges> {
  const { github, repository, files, message } = options;
  for (const { path } of files) refuseOtherName(path);
  const facts = await readRepository(options);
  if (!facts) return refuseGone();
  const badges = files.map(({ path }) => addressOf(facts, branch, path));
  const head = await readBranch(options, branch);
  const there = head === null ? [] : await readTree(options, head);
  const foreign = there.find(({ path, mode }) => !mayBeOurs(path) || mode !== "100644");
  if (foreign)
    return refuse(
      "branches-taken",
      `The branch ${branch} holds more than badges (${JSON.stringify(foreign.path)}): delete or rename it, then ask again.`,
    );
  const tree = composeTree(there, options);
  if (tree === null) return { kind: "unchanged", badges };
  const { sha: treeSha } = await readGitHub("Sending the badges", Sha, () =>
    github.rest.git.createTree({ ...repository, tree }),
  );
  const { sha } = await readGitHub("Making the commit of the badges", Sha, () =>
    github.rest.git.createCommit({ ...repository, message, tree: treeSha, parents: head === null ? [] : [head] }),
  );
  await putBranch({ github, repository, branch, sha, ...(head === null ? {} : { onTopOf: head }) });
  return { kind: "put", badges };
}

type TreeItem = { path: string; mode: "100644"; type: "blob" } & ({ sha: string } | { content: string });

/** All files of the branch as they shall be; null where they are so already. GitHub takes no tree without a file: the last ones stay. */
function composeTree(there: readonly TreeEntry[], { files, keep }: PutBadgesOptions): TreeItem[] | null {
  const slugs = new Set(files.map(({ path }) => slugOf(path)));
  const isKept = (slug: string): boolean => keep === null || keep.has(slug) || slugs.has(slug);
  const kept = there.filter(({ path }) => path === readme || isKept(slugOf(path)));
  const known = new Map(there.map(({ path, sha }) => [path, sha]));
  const changed = files.filter(({ path, content }) => known.get(path) !== hashBlob(Buffer.from(content)));
  if (changed.length === 0 && (kept.length === there.length || kept.length === 0)) return null;
  const replaced = new Set(changed.map(({ path }) => path));
  const item = { mode: "100644", type: "blob" } as const;
  return [
    ...kept.filter(({ path }) => !replaced.has(path)).map(({ path, sha }) => ({ ...item, path, sha })),
    ...changed.map(({ path, content }) => ({ ...item, path, content })),
  ];
}

const readme = "README.md";

/** Whether an example's folder has a name that badges can have. */
export function isBadgeSlug(slug: string): boolean {
  return mayBeOurs(`${slug}.svg`);
}

function mayBeOurs(path: string): boolean {
  return path === readme || /^[a-z\d][\w.-]*\.(svg|json)$/i.test(path);
}

function slugOf(path: string): string {
  return path.replace(/\.[a-z]+$/i, "");
}

function refuseOtherName(path: string): void {
  if (mayBeOurs(path)) return;
  throw new RepositoryError({
    code: "unsafe-path",
    userMessage: `${JSON.stringify(path)} is no name of a badge: give the example's folder a name of letters, digits, hyphens, underscores and dots.`,
  });
}

function addressOf({ htmlUrl }: RepositoryFacts, branch: string, path: string): BadgeAddress {
  return { path, rawUrl: `${htmlUrl}/raw/${branch}/${path}`, webUrl: `${htmlUrl}/blob/${branch}/${path}` };
}
