/**
 * The errors a person may see. `userMessage` is one line that says what is wrong and what to do;
 * `code` is stable and documented; `retryable` says whether the same call may succeed later.
 * An adapter wraps a vendor's error once, at the edge; only the roots turn one into words and an exit status.
 */
export interface DistillerErrorOptions {
  code: string;
  userMessage: string;
  retryable?: boolean;
  cause?: unknown;
}

export class DistillerError extends Error {
  readonly code: string;
  readonly userMessage: string;
  readonly retryable: boolean;

  constructor({ code, userMessage, retryable = false, cause }: DistillerErrorOptions) {
    super(userMessage, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.userMessage = userMessage;
    this.retryable = retryable;
  }
}

/** A flag, a configuration file or an environment variable that cannot be used. */
export class ConfigError extends DistillerError {}

/** A repository, archive or folder that cannot be had or read. */
export class RepositoryError extends DistillerError {}

/** The place where programs run is missing, refused or lost. Never the example's fault. */
export class SandboxError extends DistillerError {}

/** A provider of models that cannot be reached or refuses. Never the example's fault. */
export class ModelError extends DistillerError {
  /** Milliseconds that the provider asks to wait; null where it does not say. */
  readonly retryAfterMs: number | null;
  /** What the failed call was billed for all the same; null where nobody knows. */
  readonly usage: SpentTokens | null;

  constructor({
    retryAfterMs = null,
    usage = null,
    ...options
  }: DistillerErrorOptions & { retryAfterMs?: number | null; usage?: SpentTokens | null }) {
    super(options);
    this.retryAfterMs = retryAfterMs;
    this.usage = usage;
  }
}

interface SpentTokens {
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
}

/** GitHub cannot be reached, or refuses. */
export class GitHubError extends DistillerError {
  /** The HTTP status; null where no answer came. */
  readonly status: number | null;
  /** Milliseconds that GitHub asks to wait; null where it does not say. */
  readonly retryAfterMs: number | null;
  /** GitHub's own words, one line; empty where there are none. */
  readonly said: string;

  constructor({
    status = null,
    retryAfterMs = null,
    said = "",
    ...options
  }: DistillerErrorOptions & { status?: number | null; retryAfterMs?: number | null; said?: string }) {
    super(options);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.said = said;
  }
}

/** A call that could cost more than what is left of `max_cost_usd`; it was not made. */
export class BudgetError extends DistillerError {}

/** The output folder or the state of a run cannot be read or written. */
export class RunFolderError extends DistillerError {}

/** That a file could not be written because the disk is full; null where something else is wrong. */
export function describeFullDisk(path: string, cause: unknown): RunFolderError | null {
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  if (code !== "ENOSPC" && code !== "EDQUOT") return null;
  return new RunFolderError({
    code: "disk-full",
    userMessage: `The disk is full: ${path} cannot be written. Free space, then continue with --resume.`,
    retryable: true,
    cause,
  });
}

export class CancelledError extends DistillerError {
  constructor(cause?: unknown) {
    super({ code: "cancelled", userMessage: "Cancelled. Continue with --resume <run folder>.", cause });
  }
}

/** Throws CancelledError if the signal has fired. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CancelledError(signal.reason);
}
