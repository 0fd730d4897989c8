/** What every way of getting a repository needs to know. */
export interface CloneJob {
  /** For error messages: the source as the person named it. */
  name: string;
  /** A private folder on the disk of the destination, removed at the end. */
  workFolder: string;
  limits: CloneLimits;
  /** Handed to git for remotes: PATH, HOME, proxies, the ssh agent. */
  gitEnvironment: Readonly<Record<string, string | undefined>>;
  /** The value of an Authorization header for an https remote, or null; asked just before git connects, and kept nowhere. */
  gitAuthorization?: GitAuthorization | undefined;
  /** Where it may be fetched from, as `host` or `host:port`; everywhere without. No redirect leads elsewhere. */
  allowsHost?: AllowsHost | undefined;
  /** Fires when the caller cancels and when the time is up. */
  signal: AbortSignal;
  onProgress: (progress: CloneProgress) => void;
}

export type AllowsHost = (host: string) => boolean;

export type GitAuthorization = (url: string) => Promise<string | null>;

export interface CloneLimits {
  /** Bytes; holds for the download and, apart from it, for the files. */
  maxBytes: number;
  maxFiles: number;
  /** Milliseconds for the whole clone. */
  timeoutMs: number;
}

export interface CloneProgress {
  phase: "connect" | "download" | "unpack";
  bytes: number;
  files: number;
}

export const defaultCloneLimits: CloneLimits = {
  maxBytes: 2 * 1024 ** 3,
  maxFiles: 200_000,
  timeoutMs: 15 * 60_000,
};
