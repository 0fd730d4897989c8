import type * as anthropic from "@anthropic-ai/sdk";
import type * as openai from "openai";
import { z } from "zod";

export type ApiError = InstanceType<typeof anthropic.APIError> | InstanceType<typeof openai.APIError>;

export type FailureKind =
  | "keyRefused"
  | "forbidden"
  | "noCredit"
  | "notFound"
  | "tooLong"
  | "refused"
  | "rateLimited"
  | "unavailable";

export interface Failure {
  status: number | null;
  /** The API's own words for it: a type, a code. */
  words: string[];
  message: string;
}

const FailureBody = z.object({
  details: z.object({ error_code: z.string() }).nullish().catch(null),
  type: z.string().nullish().catch(null),
  code: z.union([z.string(), z.number()]).nullish().catch(null),
  message: z.string().nullish().catch(null),
});

export function readFailure(error: ApiError): Failure {
  // Anthropic's SDK hands over the whole body, OpenAI's what stands under `error`; some servers send a bare string.
  const body = z.object({ error: z.unknown() }).safeParse(error.error).data?.error ?? error.error;
  const { type, code, message, details } = FailureBody.safeParse(body).data ?? {};
  return {
    status: error.status ?? (typeof code === "number" ? code : null),
    words: [type, code, details?.error_code].filter((word) => typeof word === "string"),
    message: message ?? (typeof body === "string" ? body : withoutPage(error.message)),
  };
}

/** A proxy's page tells a person nothing. */
function withoutPage(text: string): string {
  return /<(html|!doctype)/i.test(text) ? "with a web page" : text;
}

const kindsByWord: ReadonlyMap<string, FailureKind> = new Map<string, FailureKind>([
  // OpenAI
  ["insufficient_quota", "noCredit"],
  ["context_length_exceeded", "tooLong"],
  ["model_not_found", "notFound"],
  ["rate_limit_exceeded", "rateLimited"],
  ["server_error", "unavailable"],
  ["invalid_prompt", "refused"],
  ["bio_policy", "refused"],
  ["misalignment_policy_violation", "refused"],
  // Anthropic; within a stream there is no status beside them.
  ["billing_error", "noCredit"],
  ["enforced_spend_limit_reached", "noCredit"],
  ["contract_spend_limit_reached", "noCredit"],
  ["linked_organization_spend_limit_reached", "noCredit"],
  ["request_too_large", "tooLong"],
  ["authentication_error", "keyRefused"],
  ["permission_error", "forbidden"],
  ["not_found_error", "notFound"],
  ["rate_limit_error", "rateLimited"],
  ["overloaded_error", "unavailable"],
  ["timeout_error", "unavailable"],
  ["api_error", "unavailable"],
]);

const kindsByStatus: Record<number, FailureKind> = {
  401: "keyRefused",
  402: "noCredit",
  403: "forbidden",
  404: "notFound",
  408: "unavailable",
  409: "unavailable",
  413: "tooLong",
  429: "rateLimited",
};

/** Kinds that hide behind a status which mostly means another. */
const decisive: ReadonlySet<FailureKind> = new Set(["noCredit", "tooLong", "notFound"]);

/** Where providers have no code for it: Anthropic's prompts and balance, the local servers' prompts. */
const tooLongWords = /prompt is too long|maximum context length|exceeds? (the )?(available |model's )?context/i;
const noCreditWords = /credit balance is too low/i;

/** What is wrong, by the API's own words before the status: a status has several reasons. */
export function classifyFailure({ status, words, message }: Failure): FailureKind {
  const named = words.map((word) => kindsByWord.get(word)).filter((kind) => kind !== undefined);
  const specific = named.find((kind) => decisive.has(kind));
  if (specific !== undefined) return specific;
  if (status === null || status === 400 || status === 422) {
    if (noCreditWords.test(message)) return "noCredit";
    if (tooLongWords.test(message)) return "tooLong";
  }
  if (status === null) return named[0] ?? (words.includes("invalid_request_error") ? "refused" : "unavailable");
  return kindsByStatus[status] ?? (status >= 500 ? "unavailable" : "refused");
}
