import { z } from "zod";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { endsWithMarker } from "./marker.ts";
import { nullWhenGone, readGitHub } from "./wrap-github-error.ts";

const Pull = z
  .object({
    number: z.number().int(),
    html_url: z.string(),
    state: z.enum(["open", "closed"]),
    merged_at: z.string().nullish(),
    title: z.string(),
    body: z.string().nullable(),
    user: z.object({ login: z.string() }).nullable(),
    head: z.object({
      ref: z.string(),
      repo: z.object({ full_name: z.string() }).nullish(),
    }),
    base: z.object({ ref: z.string() }),
  })
  .transform(({ html_url, merged_at, user, head, base, ...pull }) => ({
    ...pull,
    url: html_url,
    state: pull.state === "open" ? ("open" as const) : merged_at ? ("merged" as const) : ("declined" as const),
    login: user?.login ?? null,
    branch: head.ref,
    base: base.ref,
    repository: head.repo?.full_name.toLowerCase() ?? null,
  }));
export type Pull = z.infer<typeof Pull>;

const Reference = z.object({ ref: z.string(), object: z.object({ sha: z.string() }) });
const Comparison = z.object({
  total_commits: z.number(),
  commits: z.array(
    z.object({
      author: z.object({ login: z.string() }).nullable().catch(null),
      committer: z.object({ login: z.string() }).nullable().catch(null),
      commit: z.object({ message: z.string() }),
    }),
  ),
});

/** What GitHub has of an example: branches under its names, and the pull requests from them. */
export interface PublicationState {
  /** Branch -> its commit; only the names that are candidates. */
  branches: ReadonlyMap<string, string>;
  /** Ours, newest first. */
  pulls: Pull[];
  /** Branches with an open pull request that is not ours. */
  foreign: ReadonlySet<string>;
}

export interface PublicationPlace {
  github: GitHubClient;
  repository: RepositoryName;
  /** `codedistiller/<slug>` */
  branch: string;
  /** Names the example in the body of its pull request. */
  marker: string;
  /** Who publishes: the app's own login, with `[bot]`, or that of a workflow's token, which other workflows have too. */
  botLogin: string;
  /** What was put there before, and its commit. */
  known: { number: number; headSha: string } | null;
}

const mostBranches = 9;

/** The branch, and what is taken where it belongs to somebody else: `-2` to `-9`. */
export function branchNames(branch: string): string[] {
  return [branch, ...Array.from({ length: mostBranches - 1 }, (_, index) => `${branch}-${index + 2}`)];
}

export async function readPublication(place: PublicationPlace): Promise<PublicationState> {
  const { branch } = place;
  const branches = await readBranches(place);
  const listed: Pull[] = [];
  for (const name of branchNames(branch)) {
    if (name === branch || branches.has(name)) listed.push(...(await listPulls(place, name)));
  }
  const known = place.known && !listed.some(({ number }) => number === place.known?.number);
  const pull = known ? await readPull(place, place.known?.number ?? 0) : null;
  const all = pull ? [...listed, pull] : listed;
  return {
    branches,
    pulls: all.filter((each) => isOurs(each, place)).sort((a, b) => b.number - a.number),
    foreign: new Set(all.filter((each) => each.state === "open" && !isOurs(each, place)).map((each) => each.branch)),
  };
}

/** The commit of a branch; null where there is no such branch. */
export async function readBranch(
  { github, repository }: Pick<PublicationPlace, "github" | "repository">,
  branch: string,
): Promise<string | null> {
  const reference = await nullWhenGone(
    readGitHub("Reading the branch", Reference, () =>
      github.rest.git.getRef({ ...repository, ref: `heads/${branch}` }),
    ),
  );
  return reference?.object.sha ?? null;
}

/** A line of every commit's message: other workflows, such as formatters, commit under the same login. */
const ourLine = /^by CodeDistiller /m;

/** Whether nobody else has committed between two commits. Committer is GitHub itself where it signed. */
export async function isOnlyOurs(
  { github, repository, botLogin }: PublicationPlace,
  base: string,
  head: string,
): Promise<boolean> {
  const comparison = await nullWhenGone(
    readGitHub("Comparing the branches", Comparison, () =>
      github.rest.repos.compareCommitsWithBasehead({ ...repository, basehead: `${base}...${head}`, per_page: 100 }),
    ),
  );
  // Without a common commit, or with more than a page of them, it is none of ours.
  if (!comparison || comparison.total_commits > comparison.commits.length) return false;
  return comparison.commits.every(
    ({ author, committer, commit }) =>
      author?.login === botLogin &&
      (committer?.login === botLogin || committer?.login === "web-flow") &&
      ourLine.test(commit.message),
  );
}

/** On our branch and by us. A name such as `tool-2` may also be another example's, which its marker tells. */
function isOurs(pull: Pull, { repository, branch, marker, botLogin, known }: PublicationPlace): boolean {
  if (pull.login !== botLogin || pull.repository !== `${repository.owner}/${repository.repo}`.toLowerCase())
    return false;
  return pull.number === known?.number || pull.branch === branch || endsWithMarker(pull.body, marker);
}

async function readBranches({ github, repository, branch }: PublicationPlace): Promise<Map<string, string>> {
  const names = branchNames(branch);
  const references = await readGitHub("Reading the branches", z.array(Reference), () =>
    github.rest.git.listMatchingRefs({ ...repository, ref: `heads/${branch}` }),
  );
  const found = references.map(({ ref, object }) => [ref.replace(/^refs\/heads\//, ""), object.sha] as const);
  return new Map(found.filter(([name]) => names.includes(name)));
}

function listPulls({ github, repository }: PublicationPlace, branch: string): Promise<Pull[]> {
  return readGitHub("Reading the pull requests", z.array(Pull), () =>
    github.rest.pulls.list({ ...repository, state: "all", head: `${repository.owner}:${branch}`, per_page: 100 }),
  );
}

/** A pull request by its number; null where there is none. */
export function readPull(
  { github, repository }: Pick<PublicationPlace, "github" | "repository">,
  number: number,
): Promise<Pull | null> {
  return nullWhenGone(
    readGitHub("Reading the pull request", Pull, () => github.rest.pulls.get({ ...repository, pull_number: number })),
  );
}
