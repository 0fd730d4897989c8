import type { Repository } from "../repository/repository.ts";

/** A place in a text: shown as `text`, a link where `href` is an https address. */
export interface Place {
  text: string;
  href: string | null;
}

export interface Linker {
  home: Place;
  /** Null where the repository has no commit. */
  commit: Place | null;
  /** A file of the repository; `first` and `last` are lines, from 1. */
  file(path: string, first?: number | null, last?: number | null): Place;
}

/** Links into the repository at its pinned commit, where that is on GitHub and is what lies on disk. */
export function createLinker(repository: Repository | null, repositoryUrl: string): Linker {
  const home = httpsAddress(repository ? repository.url : repositoryUrl);
  const commit = repository?.commit ?? null;
  const onGitHub = home !== null && commit !== null && /^[0-9a-f]{40,64}$/.test(commit) ? gitHubBase(home) : null;
  const filesAt = onGitHub && !repository?.modified ? `${onGitHub}/blob/${commit}/` : null;
  return {
    home: { text: repository?.name ?? repositoryUrl, href: home },
    commit: commit === null ? null : { text: commit.slice(0, 12), href: onGitHub && `${onGitHub}/tree/${commit}` },
    file(path, first = null, last = null) {
      const text = first ? `${path}:${first}${last && last !== first ? `-${last}` : ""}` : path;
      const address = filesAt && isPlainPath(path) ? filesAt + encodePath(path) : null;
      return { text, href: address && address + lineFragment(path, first, last) };
    },
  };
}

/** The address as a browser would understand it, where it is https and carries no credentials; null otherwise. */
function httpsAddress(address: string | null): string | null {
  if (!address || !URL.canParse(address)) return null;
  const url = new URL(address);
  if (url.protocol !== "https:" || url.username || url.password) return null;
  return url.href.replace(/[()'*!~]/g, percentEncode);
}

function gitHubBase(address: string): string | null {
  const { hostname, port, pathname } = new URL(address);
  const [, owner, name] = /^\/([A-Za-z0-9-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(pathname) ?? [];
  return hostname === "github.com" && port === "" && owner && name ? `https://github.com/${owner}/${name}` : null;
}

function isPlainPath(path: string): boolean {
  return path.isWellFormed() && path.split("/").every((segment) => !["", ".", ".."].includes(segment));
}

/** A path as part of an address, plain in Markdown as well. */
export function encodePath(path: string): string {
  return path
    .split("/")
    .map((segment) => encodeURIComponent(segment).replace(/[()'*!~]/g, percentEncode))
    .join("/");
}

/** Characters that are plain in an address but not in Markdown. */
function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** GitHub numbers the lines of a rendered document only in its plain view. */
function lineFragment(path: string, first: number | null, last: number | null): string {
  if (!first || first < 1) return "";
  const lines = last && last > first ? `#L${first}-L${last}` : `#L${first}`;
  return /\.(md|markdown|rst|txt|adoc)$/i.test(path) ? `?plain=1${lines}` : lines;
}
