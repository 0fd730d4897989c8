import { emptyRepository, oneLine, repositoryError } from "./clone-errors.ts";
import { nearestNames } from "./nearest-names.ts";
import type { GitSource } from "./repository-source.ts";

/** What `git ls-remote` tells: object ids of the commits that names lead to. */
export interface RemoteRefs {
  head: string | null;
  branches: Map<string, string>;
  tags: Map<string, string>;
}

/** What to fetch, and what it was called. */
export interface RemoteTarget {
  /** `HEAD`, `refs/...` or a full commit id. */
  refspec: string;
  /** As in `Repository.ref`. */
  ref: string | null;
  /** The rest of a web page's path. */
  subdirectory: string | null;
}

/** 40 digits for SHA-1, 64 for SHA-256. */
export const fullCommitId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

export function parseRemoteRefs(output: string): RemoteRefs {
  const refs: RemoteRefs = { head: null, branches: new Map(), tags: new Map() };
  for (const line of output.split("\n")) {
    const [, id, name] = /^([0-9a-f]{40}|[0-9a-f]{64})\t(.+)$/.exec(line) ?? [];
    if (id === undefined || name === undefined) continue;
    if (name === "HEAD") refs.head = id;
    else if (name.startsWith("refs/heads/")) refs.branches.set(name.slice("refs/heads/".length), id);
    // `v1^{}` is the commit of the annotated tag `v1` and follows it.
    else if (name.startsWith("refs/tags/")) refs.tags.set(name.slice("refs/tags/".length).replace(/\^\{\}$/, ""), id);
  }
  return refs;
}

/** Throws `repository-empty`, `default-branch-missing` or `unknown-ref`. */
export function chooseTarget(source: GitSource, ref: string | null, refs: RemoteRefs): RemoteTarget {
  if (refs.head === null && refs.branches.size === 0 && refs.tags.size === 0) throw emptyRepository(source.text);
  if (ref !== null) return { ...targetOf(source, ref, refs), subdirectory: null };
  if (source.treePath !== null) return targetOfPage(source, source.treePath, refs);
  if (refs.head !== null) return { refspec: "HEAD", ref: null, subdirectory: null };
  throw repositoryError({
    code: "default-branch-missing",
    userMessage: `${source.text} has no default branch: name one with --ref, for example ${listed([...refs.branches.keys(), ...refs.tags.keys()].slice(0, 4))}.`,
  });
}

/** Refuses what git would read as an option, a range or a refspec. */
export function checkRefName(ref: string): void {
  if (ref !== "" && !/^-|[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/$|\.lock$/.test(ref)) return;
  throw repositoryError({
    code: "unknown-ref",
    userMessage: `"${oneLine(ref)}" cannot be the name of a branch, a tag or a commit: check --ref.`,
  });
}

export function unknownRef(name: string, ref: string, names: readonly string[]) {
  const near = nearestNames(ref, names);
  const advice = /^[0-9a-f]{4,39}$/.test(ref) ? " Commits need their full id." : "";
  const offered = near.length > 0 ? near : names.slice(0, 4);
  const known = offered.length > 0 ? ` There are, for example: ${listed(offered)}.` : "";
  return repositoryError({
    code: "unknown-ref",
    userMessage: `${name} has no branch, tag or commit "${oneLine(ref, 100)}": check --ref.${advice}${known}`,
  });
}

function targetOf(source: GitSource, ref: string, refs: RemoteRefs): Pick<RemoteTarget, "refspec" | "ref"> {
  const short = ref.replace(/^refs\/(?:heads|tags)\//, "");
  if (refs.branches.has(short) && !ref.startsWith("refs/tags/")) return { refspec: `refs/heads/${short}`, ref };
  if (refs.tags.has(short) && !ref.startsWith("refs/heads/")) return { refspec: `refs/tags/${short}`, ref };
  if (ref === "HEAD" && refs.head !== null) return { refspec: "HEAD", ref };
  const id = ref.toLowerCase();
  if (fullCommitId.test(id)) return { refspec: refOfCommit(id, refs) ?? id, ref };
  const tip = /^[0-9a-f]{7,39}$/.test(id) ? refOfCommit(id, refs) : null;
  if (tip !== null) return { refspec: tip, ref };
  throw unknownRef(source.text, ref, [...refs.branches.keys(), ...refs.tags.keys()]);
}

/** A branch's or tag's name is one that every server lets us fetch; a bare id is not. */
function refOfCommit(prefix: string, refs: RemoteRefs): string | null {
  for (const [kind, names] of [
    ["heads", refs.branches],
    ["tags", refs.tags],
  ] as const) {
    for (const [name, id] of names) if (id.startsWith(prefix)) return `refs/${kind}/${name}`;
  }
  return null;
}

/** `tree/a/b/c`: branch `a` and folder `b/c`, or branch `a/b` and folder `c`; the server's list decides. */
function targetOfPage(source: GitSource, treePath: string, refs: RemoteRefs): RemoteTarget {
  const segments = treePath.split("/").filter((segment) => segment !== "");
  for (let length = 1; length <= segments.length; length += 1) {
    const ref = segments.slice(0, length).join("/");
    const isKnown = refs.branches.has(ref) || refs.tags.has(ref) || (length === 1 && /^[0-9a-f]{7,64}$/.test(ref));
    if (!isKnown) continue;
    const rest = segments.slice(length, source.treePathIsFile ? -1 : undefined).join("/");
    return { ...targetOf(source, ref, refs), subdirectory: source.treePathIsFile || rest === "" ? null : rest };
  }
  throw unknownRef(source.text, segments[0] ?? treePath, [...refs.branches.keys(), ...refs.tags.keys()]);
}

function listed(names: readonly string[]): string {
  return names.map((name) => oneLine(name, 60)).join(", ");
}
