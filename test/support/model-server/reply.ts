import type { ErrorName, RetryAfter } from "./provider-errors.ts";

/** What a script answers; a bare string is text. A forced tool takes text as its raw input, which need not be JSON. */
export type Reply = string | ((Said | Failure) & Delivery);

/** An answer. More than the request's token limit is cut there, as a provider does. */
export type Said =
  | { text: string /** Characters after which the token limit is said to have cut it. */; truncateAt?: number }
  | { value: unknown }
  /** The model declines and says why. */
  | { refusal: string }
  /** A content filter stops the answer after this much. */
  | { filtered: string }
  /** Repeated until the client goes away; without a stream the answer never comes. */
  | { endless: string };

type Failure =
  | { error: ErrorName; retryAfter?: RetryAfter }
  | { html: string /** 200 by default: a proxy's page. */; status?: number }
  /** The connection ends before a response begins. */
  | { hangUp: true };

/** How the answer travels. Characters count the answer's text, or the JSON body of a response without stream. */
export interface Delivery {
  /** Milliseconds before the response's headers. */
  delayMs?: number;
  /** Milliseconds between the headers and the first event. */
  slowFirstByteMs?: number;
  /** Characters of a delta; 200 by default. */
  pieceLength?: number;
  /** Milliseconds after each delta. */
  pieceDelayMs?: number;
  /** Tokens of hidden thinking, billed as output; they count towards the token limit. */
  reasoningTokens?: number;
  /** Characters after which the socket is destroyed. */
  cutAfter?: number;
  /** Characters after which nothing comes any more, while the connection stays open. */
  stallAfter?: number;
  /** Characters after which an error event says that the provider is overloaded; without a stream, its status does. */
  errorAfter?: number;
  /** Characters after which `response.failed` comes; elsewhere the same as `errorAfter`. */
  failAfter?: number;
  /** Characters after which an event, or the body, is no valid JSON; then the response ends. */
  malformedAfter?: number;
}

export interface Interruption {
  kind: "cut" | "stall" | "error" | "failed" | "malformed";
  after: number;
}

export function interruptionOf(delivery: Delivery): Interruption | null {
  const { cutAfter, stallAfter, errorAfter, failAfter, malformedAfter } = delivery;
  if (cutAfter !== undefined) return { kind: "cut", after: cutAfter };
  if (stallAfter !== undefined) return { kind: "stall", after: stallAfter };
  if (errorAfter !== undefined) return { kind: "error", after: errorAfter };
  if (failAfter !== undefined) return { kind: "failed", after: failAfter };
  if (malformedAfter !== undefined) return { kind: "malformed", after: malformedAfter };
  return null;
}
