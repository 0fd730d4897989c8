import { linkAddress } from "../jobs/cut-line.ts";

/** A commit as it is shown: short, and a link where it is on GitHub. */
export interface ShownCommit {
  text: string;
  href: string | null;
}

export interface CommitPlace {
  /** `owner/name`, or the address of what the commit is of. */
  repository: string;
  /** The address of the workflow's run, which tells where GitHub is; null where there is none. */
  runUrl: string | null;
}

/** Null for what is no commit. */
export function linkCommit(commit: string | null, place: CommitPlace): ShownCommit | null {
  if (commit === null || !commitName.test(commit)) return null;
  const page = pageOf(place);
  return { text: commit.slice(0, 12), href: page && `${page}/tree/${commit}` };
}

/** Where GitHub shows what changed from one commit to another; null where it cannot. */
export function linkChanges(from: string | null, to: string | null, place: CommitPlace): string | null {
  const page = pageOf(place);
  return page && from !== to && [from, to].every((each) => each !== null && commitName.test(each))
    ? `${page}/compare/${from}...${to}`
    : null;
}

const commitName = /^[0-9a-f]{7,64}$/;

/** The repository's page; null where it is not on GitHub. */
function pageOf({ repository, runUrl }: CommitPlace): string | null {
  const origin = runUrl !== null && URL.canParse(runUrl) ? new URL(runUrl).origin : "https://github.com";
  const address = repository.includes("://") ? repository : `${origin}/${repository}`;
  const page = linkAddress(address.replace(/\/?(\.git)?$/, ""));
  if (!page) return null;
  const { origin: host, pathname, search, hash } = new URL(page);
  const isPage = /^\/\w[\w.-]*\/\w[\w.-]*$/.test(pathname) && search === "" && hash === "";
  return isPage && [origin, "https://github.com"].includes(host) ? page : null;
}
