import type { GivingUp } from "../authors/author.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import type { Iteration } from "./run-state.ts";

/** How good an attempt is: the best one is published, not the last. */
export function rankAttempt({ execution, verdict }: Iteration): number {
  if (!execution || !verdict) return -1;
  const steps = (verdict.executed.result === "passed" ? 4 : 0) + (verdict.grounded.result === "passed" ? 8 : 0);
  return steps + Math.min(verdict.coverage.called.length, 10) / 5 + (execution.program ? 0.5 : 0);
}

/** The word that a run ends with. Nothing but the checks makes `verified`; what falls short says why. */
export function decideOutcome(
  verdict: Verdict | null,
  someRan: boolean,
  gaveUp: GivingUp | null,
  needsKeyOrGpu: string | null,
): Outcome {
  const nothingRan = verdict?.grounded.result !== "passed" && !someRan;
  if (verdict?.executed.result === "passed" && !(nothingRan && gaveUp)) {
    const falls = (reasonCode: Outcome["reasonCode"], explanation: string): Outcome => ({
      outcome: "partial",
      reasonCode,
      explanation,
    });
    if (verdict.grounded.result !== "passed") {
      if (nothingRan) return { outcome: "failed", reasonCode: "not-grounded", explanation: verdict.grounded.evidence };
      const isCore = verdict.coverage.called.length > 0 || gaveUp?.reasonCode === "core-not-reached";
      if (isCore && needsKeyOrGpu)
        return falls("core-not-reached", `${verdict.grounded.evidence} The rest ${needsKeyOrGpu}.`);
      return falls(isCore ? "core-not-reached" : "not-grounded", verdict.grounded.evidence);
    }
    if (verdict.reproduced.result !== "passed") return falls("not-reproduced", verdict.reproduced.evidence);
    if (verdict.reviewed.result === "failed") return falls("not-grounded", verdict.reviewed.evidence);
    return {
      outcome: "verified",
      reasonCode: "verified",
      explanation: "The example ran, called the repository's core functions, and gave the same values in a clean room.",
    };
  }
  if (gaveUp) {
    const { outcome, reasonCode } = gaveUp;
    const place = outcome === "skipped" && needsKeyOrGpu ? `The repository ${needsKeyOrGpu}. ` : "";
    return { outcome, reasonCode, explanation: `${place}${gaveUp.explanation}` };
  }
  return {
    outcome: "failed",
    reasonCode: "iterations-used-up",
    explanation: `No attempt ran to its end within the iterations allowed. ${verdict?.executed.evidence ?? ""}`.trim(),
  };
}
