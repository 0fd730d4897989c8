import { statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import { type GitAddress, nameOfPath, parseHttpsAddress } from "./git-url.ts";

/** What `<repository>` on the command line names. `text` is safe to log and to keep: no credentials, no signed query. */
export type RepositorySource = GitSource | FolderSource | ArchiveFileSource | ArchiveUrlSource;

export interface GitSource extends GitAddress {
  kind: "git";
  text: string;
}

export interface FolderSource {
  kind: "folder";
  text: string;
  /** Absolute. */
  folder: string;
  name: string;
}

export interface ArchiveFileSource {
  kind: "archive-file";
  text: string;
  /** Absolute. */
  file: string;
  name: string;
}

export interface ArchiveUrlSource {
  kind: "archive-url";
  text: string;
  /** May hold a signed query: fetch it, never write it anywhere. */
  url: string;
  /** The same address as a stranger may see it. */
  webUrl: string;
  name: string;
}

export type PathKind = "file" | "folder" | "other" | "missing";

export interface ParseRepositorySourceOptions {
  /** What relative paths are relative to; the process's working folder by default. */
  workingFolder?: string;
  /** What a leading `~` stands for. */
  homeFolder?: string;
  kindOfPath?: (path: string) => PathKind;
}

const archiveSuffix = /\.(?:zip|tar\.gz|tgz|tar)$/i;
const unsupportedSuffix = /\.(?:tar\.(?:bz2|xz|zst|lz4?|Z)|tbz2?|txz|7z|rar|whl|egg|jar|gz|bz2|xz)$/i;
const pagesWithoutGit = /(?:^|\.)(?:zenodo\.org|pypi\.org|doi\.org|figshare\.com|osf\.io|anaconda\.org)$/;

/**
 * Reads one command line argument. An existing local path wins over `owner/name`; a URL never names a local path.
 * Throws ConfigError with `source-*` codes.
 */
export function parseRepositorySource(text: string, options: ParseRepositorySourceOptions = {}): RepositorySource {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.includes("\0")) throw notUnderstood("The repository is empty.");
  if (trimmed.startsWith("-")) throw notUnderstood(`"${shown(trimmed)}" looks like an option.`);
  if (/^[a-z][a-z0-9+.-]*::/i.test(trimmed)) throw refusedScheme(trimmed.slice(0, trimmed.indexOf(":")));
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) return parseUrl(trimmed);
  return (
    parseLocalPath(trimmed, options) ??
    parseScpAddress(trimmed) ??
    parseGitHubName(trimmed) ??
    failToUnderstand(trimmed)
  );
}

function parseUrl(text: string): RepositorySource {
  const scheme = text.slice(0, text.indexOf(":")).toLowerCase();
  if (scheme !== "https" && scheme !== "ssh") throw refusedScheme(scheme);
  if (/[\s\\\p{Cc}]/u.test(text) || !URL.canParse(text)) {
    throw notUnderstood("The repository's URL is malformed.");
  }
  const url = new URL(text);
  if (url.password !== "" || (scheme === "https" && url.username !== "")) throw credentialsRefused();
  if (url.hostname === "" || url.hostname.startsWith("-") || url.username.startsWith("-")) {
    throw notUnderstood("The repository's URL names no host.");
  }
  return scheme === "ssh" ? parseSshUrl(url) : (parseArchiveUrl(url) ?? parseHttpsUrl(url));
}

function parseHttpsUrl(url: URL): GitSource {
  const text = `${url.origin}${url.pathname}`;
  if (pagesWithoutGit.test(url.hostname)) {
    throw notUnderstood(`${text} is a page, not an archive: give the address of its .zip or .tar.gz file.`);
  }
  if (unsupportedSuffix.test(url.pathname)) throw unsupportedArchive(text);
  const address = parseHttpsAddress(url);
  if (address === null) throw notUnderstood(`${text} names no repository: give https://github.com/owner/name.`);
  return { kind: "git", text, ...address };
}

function parseSshUrl(url: URL): GitSource {
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  if (path === "") throw notUnderstood("The repository's ssh URL names no path.");
  const text = `ssh://${url.username === "" ? "" : `${url.username}@`}${url.host}/${path}`;
  return { kind: "git", text, url: text, ...plainAddress(url.hostname, path) };
}

/** `git@host:owner/name.git` */
function parseScpAddress(text: string): GitSource | null {
  const match = /^(\w[\w.-]*)@(\w[\w.-]*):(?!\/\/)([^\s\\\p{Cc}]+)$/u.exec(text);
  const [, , host, path] = match ?? [];
  if (host === undefined || path === undefined || path.startsWith("-")) return null;
  return { kind: "git", text, url: text, ...plainAddress(host, path) };
}

function plainAddress(host: string, path: string): Omit<GitAddress, "url"> {
  const url = new URL(`https://${host}`);
  url.pathname = path;
  const https = parseHttpsAddress(url);
  return { webUrl: https?.webUrl ?? null, name: nameOfPath(path), treePath: null, treePathIsFile: false };
}

function parseGitHubName(text: string): GitSource | null {
  const withHost = text.replace(/^(?:www\.)?github\.com\//i, "");
  if (withHost !== text) return parseHttpsUrl(new URL(`https://github.com/${withHost}`));
  const match = /^(\w[\w-]{0,38})\/([\w.-]{1,100}?)(?:\.git)?\/?$/.exec(text);
  const [, owner, name] = match ?? [];
  if (owner === undefined || name === undefined || /^\.{0,2}$/.test(name) || archiveSuffix.test(name)) return null;
  const url = `https://github.com/${owner}/${name}`;
  return { kind: "git", text, url, webUrl: url, name: `${owner}/${name}`, treePath: null, treePathIsFile: false };
}

function parseLocalPath(text: string, options: ParseRepositorySourceOptions): FolderSource | ArchiveFileSource | null {
  const path = resolve(options.workingFolder ?? ".", expandHome(text, options.homeFolder));
  const kind = (options.kindOfPath ?? kindOfPath)(path);
  const name = basename(path);
  if (kind === "folder") return { kind: "folder", text, folder: path, name: name === "" ? "root" : name };
  if (kind === "file" && archiveSuffix.test(name)) {
    return { kind: "archive-file", text, file: path, name: name.replace(archiveSuffix, "") };
  }
  if (kind === "file" && unsupportedSuffix.test(name)) throw unsupportedArchive(text);
  if (kind === "file" || kind === "other") {
    throw notUnderstood(`"${shown(text)}" is neither a folder nor a .zip, .tar.gz, .tgz or .tar archive.`);
  }
  if (/^(?:\.{0,2}\/|~|\.{1,2}$)/.test(text) || (archiveSuffix.test(text) && !text.includes(":"))) {
    throw new ConfigError({
      code: "source-not-found",
      userMessage: `There is no file or folder "${shown(text)}": check the path.`,
    });
  }
  return null;
}

function expandHome(text: string, homeFolder: string | undefined): string {
  if (text !== "~" && !text.startsWith("~/")) return text;
  if (homeFolder === undefined) throw notUnderstood("The home folder is not known: give the path without ~.");
  return join(homeFolder, text.slice(1));
}

/** Zenodo's newer file addresses end in `/files/<name>/content`. */
function parseArchiveUrl(url: URL): ArchiveUrlSource | null {
  const path = url.pathname.replace(/\/+$/, "").replace(/\/content$/, "");
  if (!archiveSuffix.test(path)) return null;
  const query = url.searchParams.get("download") === "1" ? "?download=1" : "";
  const webUrl = `${url.origin}${url.pathname}${query}`;
  const name = decodeURIComponentSafely(basename(path)).replace(archiveSuffix, "");
  return { kind: "archive-url", text: webUrl, url: `${url.origin}${url.pathname}${url.search}`, webUrl, name };
}

function kindOfPath(path: string): PathKind {
  try {
    const stats = statSync(path);
    return stats.isDirectory() ? "folder" : stats.isFile() ? "file" : "other";
  } catch {
    return "missing";
  }
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function shown(text: string): string {
  return text.replace(/\p{Cc}/gu, "?").slice(0, 200);
}

function failToUnderstand(text: string): never {
  throw notUnderstood(`"${shown(text)}" is neither an existing folder or archive nor a repository.`);
}

function notUnderstood(reason: string): ConfigError {
  return new ConfigError({
    code: "source-not-understood",
    userMessage: `${reason} Give an https or ssh git URL, owner/name, a folder, or a .zip or .tar.gz archive.`,
  });
}

function refusedScheme(scheme: string): ConfigError {
  return new ConfigError({
    code: "source-scheme-refused",
    userMessage: `Repositories are not fetched by ${scheme}: use an https:// or ssh:// URL, or the plain path of a local folder.`,
  });
}

function credentialsRefused(): ConfigError {
  return new ConfigError({
    code: "source-credentials-refused",
    userMessage: "The URL holds a user name or password: take it out and set up a git credential helper or an ssh key.",
  });
}

function unsupportedArchive(text: string): ConfigError {
  return new ConfigError({
    code: "archive-format-unsupported",
    userMessage: `"${shown(text)}" is not a .zip, .tar.gz, .tgz or .tar archive: unpack it and give the folder.`,
  });
}
