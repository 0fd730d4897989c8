import { CancelledError, DistillerError } from "../errors.ts";
import { endWithError } from "../jobs/end-run.ts";
import type { ActionResult } from "./action-result.ts";
import { endInterrupted } from "./compose-result.ts";

/** What kept the action from doing anything at all, in words for a person. */
export function describeFailure(error: unknown, signal: AbortSignal, say: (text: string) => void): ActionResult {
  const isCancelled = error instanceof CancelledError || signal.aborted;
  const { code, userMessage } = explainError(error, say);
  const { outcome, reasonCode, explanation } = isCancelled
    ? endInterrupted("workflow")
    : endWithError(code, userMessage, "workflow");
  return { command: null, verdict: outcome, reasonCode, explanation, costUsd: 0, iterations: 0, examples: [] };
}

/** What a person is told of an error. Of an unexpected one whoever reports it needs all there is, in the log. */
export function explainError(error: unknown, say: (text: string) => void): { code: string; userMessage: string } {
  if (error instanceof DistillerError) return error;
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return { code: "internal-error", userMessage: "An unexpected fault of CodeDistiller. Please report it." };
}
