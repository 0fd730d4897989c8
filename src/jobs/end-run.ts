import type { RunEnding, RunRecord } from "../store/run-record.ts";
import { type AdviceDoor, advise } from "./advise.ts";

const nothingMade = { checks: [], commit: null, seconds: 0, iterations: 0 };

/** How a run ends that somebody cancelled. */
export function endCancelled({ cancelled }: Pick<RunRecord, "cancelled">, door: AdviceDoor = "comment"): RunEnding {
  return {
    ...nothingMade,
    outcome: "cancelled",
    reasonCode: "cancelled",
    explanation: cancelled?.reason ?? "Cancelled.",
    advice: advise({ outcome: "cancelled", reasonCode: "cancelled", door }),
  };
}

/** How a run ends that came to no outcome. */
export function endWithError(reasonCode: string, explanation: string, door: AdviceDoor = "comment"): RunEnding {
  return {
    ...nothingMade,
    outcome: "error",
    reasonCode,
    explanation: withoutOptions(explanation),
    advice: advise({ outcome: "error", reasonCode, door }),
  };
}

/** A message without the sentences that speak of the command line's options, which nobody has here. */
export function withoutOptions(message: string): string {
  const sentences = message.split(/(?<=[.!?])\s+/);
  return sentences.filter((each) => !/(^|\s)--[a-z]/.test(each)).join(" ") || message;
}
