import { CancelledError, DistillerError, RepositoryError, RunFolderError } from "../errors.ts";

/**
 * The errors of a clone that git's own words do not cover. Codes: `repository-too-large`, `repository-too-many-files`,
 * `repository-empty`, `clone-timeout`, `disk-full`, `destination-*`, `archive-*`, `subdirectory-*`.
 */
export interface RepositoryErrorFacts {
  code: string;
  userMessage: string;
  retryable?: boolean;
  cause?: unknown;
}

export function repositoryError({ userMessage, ...facts }: RepositoryErrorFacts): RepositoryError {
  return new RepositoryError({ ...facts, userMessage: oneLine(userMessage, 600) });
}

export function hostRefused(name: string): RepositoryError {
  return repositoryError({
    code: "host-refused",
    userMessage: `${name} lies on, or leads to, a host that nothing is fetched from here: name a repository on another.`,
  });
}

export function tooLarge(name: string, what: string, maxBytes: number): RepositoryError {
  return repositoryError({
    code: "repository-too-large",
    userMessage:
      `${name}: ${what} is larger than the limit of ${formatBytes(maxBytes)}. ` +
      "Raise --max-repository-mb, or give a local folder that holds only the part to distil.",
  });
}

export function tooManyFiles(name: string, maxFiles: number): RepositoryError {
  return repositoryError({
    code: "repository-too-many-files",
    userMessage:
      `${name} has more than ${maxFiles} files, the limit. ` +
      "Give a local folder that holds only the part to distil.",
  });
}

export function emptyRepository(name: string): RepositoryError {
  return repositoryError({
    code: "repository-empty",
    userMessage: `${name} is empty: there are no files to distil. Push a commit, or name another with --ref.`,
  });
}

/** Turns what ended a clone into what a person may see; an error of unknown origin comes back as it is. */
export function asCloneError(
  error: unknown,
  { name, timeoutMs, cancelled, timedOut }: { name: string; timeoutMs: number; cancelled: boolean; timedOut: boolean },
): unknown {
  if (cancelled) return error instanceof CancelledError ? error : new CancelledError(error);
  if (timedOut) {
    return repositoryError({
      code: "clone-timeout",
      userMessage: `${name} was not there after ${Math.ceil(timeoutMs / 1000)} seconds. Try again, or clone it yourself and give the folder.`,
      retryable: true,
      cause: error,
    });
  }
  return error instanceof DistillerError ? error : (asStorageError(error) ?? error);
}

const unwritableCodes = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENAMETOOLONG", "ELOOP"]);

/** Errors of the host's own disk, by the operating system's code; null for any other. */
export function asStorageError(error: unknown): DistillerError | null {
  const code = systemErrorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(error);
  if (code !== null && unwritableCodes.has(code)) {
    return new RunFolderError({
      code: "destination-not-writable",
      userMessage: "The output folder cannot be written: give another with --out, or change its permissions.",
      cause: error,
    });
  }
  return null;
}

export function diskFull(cause: unknown): RunFolderError {
  return new RunFolderError({
    code: "disk-full",
    userMessage: "The disk is full: free some space, or give an output folder on another disk with --out.",
    cause,
  });
}

export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** What a server or a repository wrote, made fit for one line on a terminal. */
export function oneLine(text: string, maxLength = 200): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

function formatBytes(bytes: number): string {
  if (bytes >= 1024 ** 3) return `${Number((bytes / 1024 ** 3).toFixed(1))} GiB`;
  if (bytes >= 1024 ** 2) return `${Number((bytes / 1024 ** 2).toFixed(1))} MiB`;
  return `${bytes} bytes`;
}
