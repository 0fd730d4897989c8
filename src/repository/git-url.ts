/** A git address as a person writes it, taken apart. */
export interface GitAddress {
  /** What git fetches: `https://...`, `ssh://...` or `user@host:path`; never holds a password. */
  url: string;
  /** Where a stranger can fetch the same: https, or null when the address names no usual host. */
  webUrl: string | null;
  /** The path on the host, for example `owner/name`. */
  name: string;
  /** `<ref>` or `<ref>/<folder>` from a web page's address. A ref may hold slashes, so only the server's list can tell them apart. */
  treePath: string | null;
  /** True where `treePath` ends in a file rather than in a folder. */
  treePathIsFile: boolean;
}

/** Hosts that answer with and without `.git`; elsewhere the ending may be part of the name. */
const hostsWithOptionalSuffix = new Set(["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"]);

/** Null when the page is one that names no files, such as an issue. */
export function parseHttpsAddress(url: URL): GitAddress | null {
  const host = url.host.replace(/^www\.(?=github\.com$)/, "");
  const segments = url.pathname.split("/").filter((segment) => segment !== "");
  const page = host === "github.com" ? splitGitHubPage(segments) : splitGitLabPage(segments);
  const tree = treeOfPage(page.page);
  if (tree === null || page.repository.length === 0) return null;
  const path = page.repository.join("/");
  const webUrl = `https://${host}/${withoutOptionalSuffix(host, path)}`;
  return { url: webUrl, webUrl, name: nameOfPath(path), ...tree };
}

/** The address that needs no redirect: GitLab answers the other with one. */
export function withOptionalSuffix(url: string): string {
  return hostsWithOptionalSuffix.has(new URL(url).host) ? `${url}.git` : url;
}

/** The https form of a remote as git's configuration holds it, without credentials; null for local and odd ones. */
export function httpsFormOf(remote: string): string | null {
  const scp = /^(?:[\w.-]+@)?([\w.-]+\.[\w.-]+):(?!\/\/)\/?([^\s]+)$/.exec(remote);
  if (scp?.[1] !== undefined && scp[2] !== undefined) return webUrlOf(scp[1], scp[2]);
  if (!URL.canParse(remote)) return null;
  const url = new URL(remote);
  if (!["https:", "http:", "ssh:", "git:", "git+ssh:"].includes(url.protocol) || url.hostname === "") return null;
  // The port of an ssh or http address says nothing about https.
  const host = url.protocol === "https:" ? url.host : url.hostname;
  return webUrlOf(host, decodeSafely(url.pathname));
}

/** `owner/name` of an https URL. */
export function nameOfPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, "");
}

/** Takes `user:password@` out of every URL in a text, for what git prints. */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi, "$1");
}

function webUrlOf(host: string, path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, "");
  const encoded = trimmed.split("/").map(encodeURIComponent).join("/").replaceAll("%7E", "~");
  return `https://${host.toLowerCase()}/${withoutOptionalSuffix(host.toLowerCase(), encoded)}`;
}

function withoutOptionalSuffix(host: string, path: string): string {
  return hostsWithOptionalSuffix.has(host) ? path.replace(/\.git$/, "") : path;
}

function splitGitHubPage(segments: string[]): { repository: string[]; page: string[] } {
  return { repository: segments.length < 2 ? [] : segments.slice(0, 2), page: segments.slice(2) };
}

/** GitLab sets a `-` between the project, which may lie in nested groups, and the page. */
function splitGitLabPage(segments: string[]): { repository: string[]; page: string[] } {
  const dash = segments.indexOf("-");
  return dash === -1
    ? { repository: segments, page: [] }
    : { repository: segments.slice(0, dash), page: segments.slice(dash + 1) };
}

function treeOfPage(page: string[]): Pick<GitAddress, "treePath" | "treePathIsFile"> | null {
  const [kind, ...rest] = page.map(decodeSafely);
  if (kind === undefined) return { treePath: null, treePathIsFile: false };
  if (kind === "releases" && rest[0] === "tag" && rest.length > 1) {
    return { treePath: rest.slice(1).join("/"), treePathIsFile: false };
  }
  if (!["tree", "blob", "commit", "commits", "tags"].includes(kind) || rest.length === 0) return null;
  return { treePath: rest.join("/"), treePathIsFile: kind === "blob" };
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Git is asked for an address without its suffix. */
export function isSameAddress(a: string, b: string): boolean {
  return a.replace(/\.git$/, "") === b.replace(/\.git$/, "");
}
