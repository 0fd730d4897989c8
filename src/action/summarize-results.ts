import { ActionResult, type ExampleResult } from "./action-result.ts";

/** From the best to the worst. */
const verdicts = ["verified", "skipped", "partial", "failed", "cancelled", "error"] as const;

/** What the action says of several examples: the worst verdict, the sums of what they took. */
export function summarizeResults(
  command: ActionResult["command"],
  examples: readonly ExampleResult[],
  /** What is said where there is none. */
  none: { reasonCode: string; explanation: string },
): ActionResult {
  const rank = ({ verdict }: ExampleResult): number => verdicts.indexOf(verdict);
  const worst = examples.reduce<ExampleResult | undefined>(
    (before, each) => (before && rank(before) >= rank(each) ? before : each),
    undefined,
  );
  const sum = (of: (example: ExampleResult) => number): number => examples.reduce((total, each) => total + of(each), 0);
  return ActionResult.parse({
    command,
    verdict: worst?.verdict ?? "skipped",
    reasonCode: worst?.reasonCode ?? none.reasonCode,
    explanation: worst?.explanation ?? none.explanation,
    costUsd: sum(({ costUsd }) => costUsd),
    iterations: sum(({ iterations }) => iterations),
    examples,
  });
}

/** Whether the step fails. */
export function failsStep({ verdict, examples }: ActionResult, failOn: "error" | "not-verified" | "never"): boolean {
  if (failOn === "never") return false;
  if (verdict === "error") return true;
  if (failOn === "error") return false;
  return verdict === "cancelled" || examples.some((each) => each.verdict !== "verified");
}
