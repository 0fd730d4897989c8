import { describe, expect, it } from "vitest";
import type { GivingUp } from "../../src/authors/author.ts";
import { compareAttempts, decideOutcome } from "../../src/pipeline/decide-outcome.ts";
import type { Check, Verdict } from "../../src/pipeline/outcome.ts";
import { coverage, iteration } from "../templates/sample/sample-iteration.ts";

const check = (result: Check["result"]): Check => ({ result, evidence: `it ${result}` });

function verdictOf(
  executed: Check["result"],
  grounded: Check["result"],
  reproduced: Check["result"],
  reviewed: Check["result"] = "not-made",
): Verdict {
  return {
    executed: check(executed),
    grounded: check(grounded),
    reproduced: check(reproduced),
    reviewed: check(reviewed),
    coverage: { called: [], notCalled: [] },
  };
}

const gaveUp: GivingUp = { kind: "gave-up", outcome: "skipped", reasonCode: "needs-gpu", explanation: "a GPU" };

describe("decideOutcome", () => {
  it.each([
    [verdictOf("passed", "passed", "passed"), "verified", "verified"],
    [verdictOf("passed", "passed", "passed", "passed"), "verified", "verified"],
    [verdictOf("passed", "passed", "failed"), "partial", "not-reproduced"],
    [verdictOf("passed", "passed", "not-made"), "partial", "not-reproduced"],
    [verdictOf("passed", "failed", "passed"), "partial", "not-grounded"],
    [verdictOf("passed", "not-made", "passed", "passed"), "partial", "not-grounded"],
    [verdictOf("failed", "not-made", "not-made"), "failed", "iterations-used-up"],
    [verdictOf("failed", "passed", "passed", "passed"), "failed", "iterations-used-up"],
  ] as const)("%#: only all checks together make it verified", (verdict, outcome, reasonCode) => {
    expect(decideOutcome(verdict, true, null, null)).toMatchObject({ outcome, reasonCode });
  });

  it("lets a judge veto, never overrule", () => {
    expect(decideOutcome(verdictOf("passed", "passed", "passed", "failed"), true, null, null).outcome).toBe("partial");
    expect(decideOutcome(verdictOf("passed", "failed", "passed", "passed"), true, null, null).outcome).toBe("partial");
  });

  it("fails for money wherever the money ended, and says so", () => {
    const budget = { outcome: "failed", reasonCode: "budget", explanation: "$5 are spent" } as const;
    expect(decideOutcome(verdictOf("passed", "passed", "passed"), true, budget, null)).toEqual(budget);
  });

  it("fails where no function of the repository ran at all", () => {
    const verdict = verdictOf("passed", "failed", "not-made");
    expect(decideOutcome(verdict, false, null, null)).toMatchObject({ outcome: "failed", reasonCode: "not-grounded" });
    const gaveUp = { kind: "gave-up", outcome: "failed", reasonCode: "missing-module", explanation: "why" } as const;
    expect(decideOutcome(verdict, false, gaveUp, null)).toMatchObject({
      outcome: "failed",
      reasonCode: "missing-module",
    });
  });

  it("says that the core was not reached where part of it was, and why", () => {
    const verdict = { ...verdictOf("passed", "failed", "passed"), coverage };
    expect(decideOutcome(verdict, true, null, "needs a GPU")).toMatchObject({
      outcome: "partial",
      reasonCode: "core-not-reached",
      explanation: expect.stringContaining("needs a GPU"),
    });
  });

  it("ends with the author's reason where nothing ran", () => {
    expect(decideOutcome(null, false, gaveUp, null)).toEqual({
      outcome: "skipped",
      reasonCode: "needs-gpu",
      explanation: "a GPU",
    });
  });
});

describe("compareAttempts", () => {
  it("puts grounded above executed above failed above not run, whatever the order they came in", () => {
    const good = iteration(0, {});
    const verdict = good.verdict ?? { executed: check("failed"), grounded: check("failed"), coverage };
    const attempts = [
      good,
      iteration(1, { verdict: { ...verdict, grounded: check("failed") } }),
      iteration(2, { verdict: { ...verdict, executed: check("failed"), grounded: check("not-made") } }),
      iteration(3, { execution: null, verdict: null }),
    ];
    expect([...attempts].reverse().sort((a, b) => compareAttempts(b, a))).toEqual(attempts);
  });

  it("puts what was sent back below any other that is grounded, and a preliminary run below what was written", () => {
    const written = iteration(0, {});
    const preliminary = iteration(1, { draft: { ...written.draft, preliminary: true } });
    const objected = iteration(2, { review: { kind: "judged", judgement: { ...judgement, correct_behavior: false } } });
    const irreproducible = iteration(3, {
      reproduction: { check: check("failed"), comparedValues: 3, differences: [], ignored: [], seconds: 1 },
    });
    const attempts = [irreproducible, objected, preliminary, written];
    expect(attempts.sort((a, b) => compareAttempts(b, a))).toEqual([written, preliminary, objected, irreproducible]);
  });
});

const judgement = {
  correct_behavior: true,
  critical_issues: [],
  issues: [],
  is_faithful: true,
  is_accurate: true,
  is_complete: true,
  faithfulness_accurate_completeness_statement: "It is what the README shows.",
  is_finished: true,
};
