import { z } from "zod";
import { AuthorReason } from "../authors/author.ts";
import { CoreFunction } from "../repository/core-functions.ts";

/** One step of the verdict: passed, not passed, or not made (with why). */
export const Check = z.object({
  result: z.enum(["passed", "failed", "not-made"]),
  /** One sentence of evidence. */
  evidence: z.string(),
});
export type Check = z.infer<typeof Check>;

const ValueDifference = z.object({ key: z.string(), first: z.string(), second: z.string() });

export const Reproduction = z.object({
  check: Check,
  comparedValues: z.number().int(),
  differences: z.array(ValueDifference),
  /** Times and the like, which no second run repeats. */
  ignored: z.array(z.string()),
  seconds: z.number(),
});
export type Reproduction = z.infer<typeof Reproduction>;

export const CoreCoverage = z.object({
  called: z.array(CoreFunction.extend({ count: z.number() })),
  notCalled: z.array(CoreFunction),
});
export type CoreCoverage = z.infer<typeof CoreCoverage>;

/** Why a run ended as it did, beside an author's own reasons. Stable; `docs/outcomes.md` says what each means. */
export const ReasonCode = z.enum([
  "verified",
  ...AuthorReason.options,
  "not-grounded",
  "not-reproduced",
  "objected",
  "budget",
  "iterations-used-up",
  "sandbox-unavailable",
  "repository-unavailable",
  "internal-error",
  "cancelled",
]);

export const Outcome = z.object({
  outcome: z.enum(["verified", "partial", "failed", "skipped", "cancelled"]),
  reasonCode: ReasonCode,
  explanation: z.string(),
});
export type Outcome = z.infer<typeof Outcome>;

/** Evidence for and against; an opinion can take `verified` away, never give it. */
export const Verdict = z.object({
  executed: Check,
  grounded: Check,
  reproduced: Check,
  reviewed: Check,
  coverage: CoreCoverage,
});
export type Verdict = z.infer<typeof Verdict>;
