import { redactSecrets } from "../log.ts";
import type { ActionResult, ExampleResult } from "./action-result.ts";

/** What `action.yml` promises. */
export const outputNames = [
  "verdict",
  "reason-code",
  "pull-request-url",
  "pull-request-number",
  "example-path",
  "report-path",
  "cost-usd",
  "iterations",
  "result",
] as const;

/** Each as text; of several examples the first that has one. */
export function composeOutputs(result: ActionResult): Record<(typeof outputNames)[number], string> {
  const first = <T>(of: (example: ExampleResult) => T | null): T | null =>
    result.examples.map(of).find((each) => each !== null) ?? null;
  const pull = first(({ pullRequest }) => pullRequest);
  return {
    verdict: result.verdict,
    "reason-code": result.reasonCode,
    "pull-request-url": pull?.url ?? "",
    "pull-request-number": pull ? String(pull.number) : "",
    "example-path": first(({ examplePath }) => examplePath) ?? "",
    "report-path": first(({ reportPath }) => reportPath) ?? "",
    "cost-usd": result.costUsd.toFixed(4),
    iterations: String(result.iterations),
    result: JSON.stringify(result, (_, value) => (typeof value === "string" ? redactSecrets(value) : value)),
  };
}
