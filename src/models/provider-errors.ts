import * as anthropic from "@anthropic-ai/sdk";
import * as openai from "openai";
import { z } from "zod";
import { CancelledError, DistillerError, ModelError } from "../errors.ts";
import { redactSecrets } from "../log.ts";
import type { Usage } from "./model.ts";
import { type ApiError, classifyFailure, type FailureKind, readFailure } from "./provider-failure.ts";

/** Whom a call went to. */
export interface ProviderContact {
  /** For people. */
  title: string;
  model: string;
  baseUrl: string;
  /** Null for providers that take none. */
  keyVariable: string | null;
  /** Taken out of whatever the provider says. */
  key: string | null;
}

/**
 * What to throw for whatever an SDK threw: a ModelError that names the provider and never holds the key, or
 * CancelledError. Other errors of ours pass, with what the call cost; an error of the program comes back as it is.
 */
export function toModelError(error: unknown, provider: ProviderContact, usage: Usage | null = null): unknown {
  if (error instanceof ModelError) return withUsage(error, usage);
  if (error instanceof DistillerError) return error;
  if (isAbort(error)) return new CancelledError();
  if (isConnectionTimeout(error)) return timedOut(error, provider, usage);
  if (isConnectionError(error)) return connectionLost(provider, { usage, cause: error });
  if (isApiError(error)) return fromResponse(error, provider, usage);
  if (error instanceof SyntaxError || error instanceof z.ZodError) return garbled(error, provider, usage);
  // A socket that closes in the middle of an answer throws past the SDKs; all such errors have a code.
  if (systemCode(error) !== null) return connectionLost(provider, { usage, cause: error });
  return error;
}

/** The answer broke off. */
export function connectionLost(
  provider: ProviderContact,
  { usage, cause }: { usage: Usage | null; cause?: unknown },
): ModelError {
  const reason = systemCode(cause);
  return new ModelError({
    code: "model-connection-lost",
    userMessage:
      reason === "ECONNREFUSED" || reason === "ENOTFOUND"
        ? `${provider.title} cannot be reached at ${provider.baseUrl} (${reason}): check that address and the network.`
        : `The connection to ${provider.title} was lost before its answer was complete: try again later.`,
    retryable: true,
    usage,
    cause: safeCause(cause, provider),
  });
}

function withUsage(error: ModelError, usage: Usage | null): ModelError {
  if (error.usage !== null || usage === null) return error;
  const { code, userMessage, retryable, retryAfterMs, cause } = error;
  return new ModelError({ code, userMessage, retryable, retryAfterMs, cause, usage });
}

function timedOut(error: unknown, provider: ProviderContact, usage: Usage | null): ModelError {
  return new ModelError({
    code: "model-timed-out",
    userMessage: `${provider.title} did not answer in time: try again later, or use another --model.`,
    retryable: true,
    usage,
    cause: safeCause(error, provider),
  });
}

function garbled(error: unknown, provider: ProviderContact, usage: Usage | null): ModelError {
  return new ModelError({
    code: "model-answer-garbled",
    userMessage: `${provider.title} answered with something its API does not know: try again later, or check the base URL.`,
    retryable: true,
    usage,
    cause: safeCause(error, provider),
  });
}

function fromResponse(error: ApiError, provider: ProviderContact, usage: Usage | null): ModelError {
  const failure = readFailure(error);
  const { code, retryable, sentence } = kinds[classifyFailure(failure)];
  return new ModelError({
    code,
    userMessage: sentence(provider, whatItSaid(failure.message, provider)),
    retryable,
    retryAfterMs: retryable ? readRetryAfter(error.headers) : null,
    usage,
    cause: safeCause(error, provider),
  });
}

const kinds: Record<
  FailureKind,
  { code: string; retryable: boolean; sentence: (provider: ProviderContact, said: string) => string }
> = {
  keyRefused: {
    code: "model-key-refused",
    retryable: false,
    sentence: ({ title, keyVariable, key }) => {
      if (keyVariable === null) return `${title} wants a key, and none is known for it: use another --model.`;
      return key === null
        ? `${title} wants a key: set ${keyVariable}.`
        : `${title} refuses the key in ${keyVariable}: set one that is valid.`;
    },
  },
  forbidden: {
    code: "model-forbidden",
    retryable: false,
    sentence: ({ title, keyVariable, model }, said) =>
      `${title} does not let ${keyVariable ?? "this machine"} use ${model}${said}: ask for access, or use another --model.`,
  },
  noCredit: {
    code: "model-no-credit",
    retryable: false,
    sentence: ({ title, keyVariable }) =>
      `The ${title} account${keyVariable === null ? "" : ` of ${keyVariable}`} has no credit left: add some, or use another --model.`,
  },
  notFound: {
    code: "model-not-found",
    retryable: false,
    sentence: ({ title, model, baseUrl }, said) =>
      `${title} at ${baseUrl} has no model ${model}${said}: check --model.`,
  },
  tooLong: {
    code: "prompt-too-long",
    retryable: false,
    sentence: ({ title, model }) =>
      `A prompt is too long for ${model} of ${title}: use a --model that takes more, or --subdirectory.`,
  },
  refused: {
    code: "model-request-refused",
    retryable: false,
    sentence: ({ title }, said) => `${title} refuses the request${said}: check --model and its base URL.`,
  },
  rateLimited: {
    code: "model-rate-limited",
    retryable: true,
    sentence: ({ title }) => `${title} limits how often it is asked: try again later.`,
  },
  unavailable: {
    code: "model-unavailable",
    retryable: true,
    sentence: ({ title }, said) => `${title} is overloaded or out of order${said}: try again later.`,
  },
};

/** Longest quotation of a provider, in characters. */
const maxQuoted = 300;

function whatItSaid(message: string, provider: ProviderContact): string {
  const text = cleanText(message, provider).slice(0, maxQuoted);
  return text === "" ? "" : ` (${text})`;
}

function cleanText(text: string, { key }: ProviderContact): string {
  const withoutKey = key === null ? text : text.replaceAll(key, "[redacted]");
  return redactSecrets(withoutKey)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim();
}

/** The SDKs' errors hold what the provider sent, which may repeat the key: only name and message are kept. */
function safeCause(error: unknown, provider: ProviderContact): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = systemCode(error);
  const text = `${error.constructor.name}: ${error.message}${code === null ? "" : ` (${code})`}`;
  return new Error(cleanText(text, provider).slice(0, 1000));
}

/** Milliseconds from `retry-after-ms` or `retry-after`, the latter seconds or a date. */
function readRetryAfter(headers: Headers | undefined): number | null {
  const milliseconds = toNumber(headers?.get("retry-after-ms"));
  if (milliseconds !== null) return milliseconds;
  const text = headers?.get("retry-after");
  const inSeconds = toNumber(text);
  if (inSeconds !== null) return inSeconds * 1000;
  // JavaScript takes almost anything for a date; HTTP's end in GMT.
  const date = text?.endsWith("GMT") ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}

function toNumber(text: string | null | undefined): number | null {
  if (!text) return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/** The code of a system or network error somewhere down the causes. */
function systemCode(error: unknown): string | null {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth += 1) {
    if ("code" in each && typeof each.code === "string") return each.code;
  }
  return null;
}

function isAbort(error: unknown): boolean {
  return (
    error instanceof anthropic.APIUserAbortError ||
    error instanceof openai.APIUserAbortError ||
    (error instanceof Error && error.name === "AbortError")
  );
}

function isConnectionTimeout(error: unknown): boolean {
  return error instanceof anthropic.APIConnectionTimeoutError || error instanceof openai.APIConnectionTimeoutError;
}

function isConnectionError(error: unknown): boolean {
  return error instanceof anthropic.APIConnectionError || error instanceof openai.APIConnectionError;
}

function isApiError(error: unknown): error is ApiError {
  return error instanceof anthropic.APIError || error instanceof openai.APIError;
}
