import { CancelledError, ModelError } from "../errors.ts";
import type { Usage } from "./model.ts";

/** How far a call came before it broke off. */
export interface CallProgress {
  /** Whether the provider was asked at all. */
  sent: boolean;
  /** Whether an event of its answer came. */
  begun: boolean;
  /** What came of the answer. */
  text: string;
}

/** Tokens of a call at most. */
interface TokenBounds {
  promptTokens: number;
  /** Of what came of the answer. */
  receivedTokens: number;
  maxOutputTokens: number;
}

/**
 * What a call that broke off is taken to have been billed for: the prompt as soon as an answer may have begun, and of
 * the answer what came. Null where nothing had begun: the connection or the request was refused. What a model thought
 * and did not show is not known, unless the provider reports it.
 */
export function usageOfBrokenCall(error: unknown, progress: CallProgress, bounds: TokenBounds): Usage | null {
  const reported = error instanceof ModelError ? error.usage : null;
  if (!reported && !mayHaveBegun(error, progress)) return null;
  // A model that obeys its limit has not said more, whatever the bound of its text is.
  const isEndless = error instanceof ModelError && error.code === "model-answer-endless";
  const most = isEndless ? bounds.receivedTokens : Math.min(bounds.receivedTokens, bounds.maxOutputTokens);
  return {
    inputTokens: reported?.inputTokens ?? bounds.promptTokens,
    cacheReadTokens: reported?.cacheReadTokens ?? 0,
    cacheWriteTokens: reported?.cacheWriteTokens ?? 0,
    // In the middle of an answer Anthropic has reported one token of it.
    outputTokens: Math.max(reported?.outputTokens ?? 0, most),
  };
}

/** Whoever gives up waiting does not know whether the other side had begun. */
function mayHaveBegun(error: unknown, { sent, begun, text }: CallProgress): boolean {
  if (begun || text !== "") return true;
  if (error instanceof CancelledError) return sent;
  return error instanceof ModelError && givenUp.has(error.code);
}

const givenUp: ReadonlySet<string> = new Set(["model-timed-out", "model-answer-endless"]);
