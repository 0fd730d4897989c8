import { z } from "zod";
import { GitHubError } from "../errors.ts";

/** Octokit's RequestError by its shape, since each copy of its package has a class of its own. */
const RequestFailure = z.object({
  name: z.literal("HttpError"),
  status: z.number().int(),
  message: z.string(),
  response: z
    .object({
      headers: z.record(z.string(), z.union([z.string(), z.number()]).optional()),
      data: z.unknown(),
    })
    .optional(),
});
type RequestFailure = z.infer<typeof RequestFailure>;

const FailureBody = z.object({
  message: z.string().catch(""),
  errors: z
    .array(z.union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)]))
    .catch([]),
});

/** What GitHub asks for where a secondary limit names no time: "at least one minute". */
const secondaryWaitMs = 60_000;
const mostSaid = 300;

/**
 * Makes a call and wraps what Octokit throws. `what` begins the sentence that a person reads: "Reading the default branch".
 * Throws GitHubError: `github-not-found`, `github-forbidden`, `github-rate-limited`, `github-conflict`,
 * `github-unavailable`, `github-unexpected`.
 */
export async function callGitHub<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const failure = RequestFailure.safeParse(error);
    if (!failure.success) throw error;
    throw describeFailure(what, failure.data, error);
  }
}

/** A call whose answer has to have a shape. */
export async function readGitHub<S extends z.ZodType>(
  what: string,
  shape: S,
  call: () => Promise<{ data: unknown }>,
): Promise<z.infer<S>> {
  const { data } = await callGitHub(what, call);
  const parsed = shape.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new GitHubError({
    code: "github-unexpected",
    userMessage: `${what} failed: GitHub answered in a form that is not known. Try again later.`,
    cause: parsed.error,
  });
}

/** Null where GitHub knows no such thing, or shows it to others only. */
export async function nullWhenGone<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (isGitHubError(error, "github-not-found")) return null;
    throw error;
  }
}

export function isGitHubError(error: unknown, code: string): error is GitHubError {
  return error instanceof GitHubError && error.code === code;
}

function describeFailure(what: string, failure: RequestFailure, cause: unknown): GitHubError {
  const said = readWords(failure);
  const limitMs = readLimit(failure, said);
  const { code, retryable, advice } = limitMs === null ? classify(failure) : rateLimited(limitMs);
  return new GitHubError({
    code,
    userMessage: `${what} failed: ${said ? `GitHub says "${said}". ` : ""}${advice}`,
    retryable,
    status: failure.response ? failure.status : null,
    retryAfterMs: limitMs ?? readRetryAfter(failure),
    said,
    cause,
  });
}

interface FailureKind {
  code: string;
  retryable: boolean;
  advice: string;
}

function classify({ status, response }: RequestFailure): FailureKind {
  const kind = (code: string, retryable: boolean, advice: string): FailureKind => ({ code, retryable, advice });
  if (!response || status >= 500 || status === 408)
    return kind("github-unavailable", true, "GitHub cannot be reached at the moment: try again later.");
  if (status === 404 || status === 410)
    return kind("github-not-found", false, "Check that it is still there and that access to it was given.");
  if (status === 401 || status === 403 || status === 451)
    return kind(
      "github-forbidden",
      false,
      "Check the permissions of the app's installation, or those of the workflow.",
    );
  // 409 is also what a repository answers while GitHub still works on it.
  if (status === 409) return kind("github-conflict", true, "Something else changed at the same time: try again.");
  if (status === 422) return kind("github-conflict", false, "Check the rules of the repository.");
  return kind("github-unexpected", false, `The status was ${status}. Try again later.`);
}

function rateLimited(waitMs: number): FailureKind {
  const minutes = Math.ceil(waitMs / 60_000);
  return {
    code: "github-rate-limited",
    retryable: true,
    advice: `GitHub's limit on requests is reached: try again in ${minutes === 1 ? "a minute" : `${minutes} minutes`}.`,
  };
}

/** Milliseconds until the next request may come; null where this is no rate limit. */
function readLimit(failure: RequestFailure, said: string): number | null {
  const { status, response } = failure;
  if (status !== 403 && status !== 429) return null;
  const retryAfterMs = readRetryAfter(failure);
  if (retryAfterMs !== null) return retryAfterMs;
  if (String(response?.headers["x-ratelimit-remaining"]) === "0") {
    const resetAt = Number(response?.headers["x-ratelimit-reset"]) * 1000;
    return Number.isFinite(resetAt) ? Math.max(1000, resetAt - Date.now()) : secondaryWaitMs;
  }
  return status === 429 || /secondary rate limit|abuse detection/i.test(said) ? secondaryWaitMs : null;
}

function readRetryAfter({ response }: RequestFailure): number | null {
  const seconds = Number(response?.headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : null;
}

function readWords({ response }: RequestFailure): string {
  const { message, errors } = FailureBody.catch({ message: "", errors: [] }).parse(response?.data);
  const words = [message, ...errors].filter(Boolean).join("; ");
  return words
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, mostSaid);
}
