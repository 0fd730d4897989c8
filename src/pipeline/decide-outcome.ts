import { type GivingUp, objects } from "../authors/author.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import type { Iteration } from "./run-state.ts";

/** Above 0 where the first attempt is the better one: the best is published, not the last. */
export function compareAttempts(a: Iteration, b: Iteration): number {
  const ranks = [rankAttempt(a), rankAttempt(b)] as const;
  const differing = ranks[0].findIndex((value, place) => value !== ranks[1][place]);
  return differing < 0 ? 0 : (ranks[0][differing] ?? 0) - (ranks[1][differing] ?? 0);
}

/** What counts for an attempt, the most important first. */
function rankAttempt({ draft, execution, verdict, reproduction, review }: Iteration): number[] {
  return [
    Number(verdict?.executed.result === "passed"),
    Number(verdict?.grounded.result === "passed"),
    Number(reproduction?.check.result !== "failed"),
    Number(!(review?.kind === "judged" && objects(review.judgement))),
    Number(!draft.preliminary),
    verdict?.coverage.called.length ?? -1,
    Number(execution?.program !== null),
  ];
}

/** The word that a run ends with. Nothing but the checks makes `verified`; what falls short says why. */
export function decideOutcome(
  verdict: Verdict | null,
  someRan: boolean,
  gaveUp: (Pick<Outcome, "reasonCode" | "explanation"> & Pick<GivingUp, "outcome">) | null,
  needsKeyOrGpu: string | null,
): Outcome {
  if (gaveUp?.reasonCode === "budget")
    return { outcome: "failed", reasonCode: "budget", explanation: gaveUp.explanation };
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
    if (verdict.reviewed.result === "failed") return falls("objected", verdict.reviewed.evidence);
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
