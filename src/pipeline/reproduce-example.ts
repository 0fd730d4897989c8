import type { Draft } from "../example/example.ts";
import { describeStep, type Execution, stepSucceeded } from "../example/execution.ts";
import { compareResults } from "./compare-results.ts";
import { type ExecuteExampleOptions, executeExample } from "./execute-example.ts";
import type { Check, Reproduction } from "./outcome.ts";

export interface ReproduceExampleOptions extends Omit<ExecuteExampleOptions, "draft"> {
  /** Exactly the files that are published. */
  files: Readonly<Record<string, string>>;
  draft: Pick<Draft, "python" | "changesSource">;
  /** `results.json` of the first run. */
  expected: unknown;
}

/** The clean room: the published folder alone, in new sandboxes, has to come to the same values. */
export async function reproduceExample({
  files,
  draft,
  expected,
  ...options
}: ReproduceExampleOptions): Promise<{ reproduction: Reproduction; execution: Execution }> {
  const execution = await executeExample({ ...options, draft: { ...draft, files: { ...files } } });
  const seconds = Math.round((execution.environment.seconds + (execution.program?.seconds ?? 0)) * 100) / 100;
  const failed = (evidence: string): Reproduction => ({
    check: { result: "failed", evidence },
    comparedValues: 0,
    differences: [],
    ignored: [],
    seconds,
  });
  if (!stepSucceeded(execution.environment))
    return {
      execution,
      reproduction: failed(`In a new sandbox the environment ended with ${describeStep(execution.environment)}.`),
    };
  if (!execution.program || !stepSucceeded(execution.program)) {
    return {
      execution,
      reproduction: failed(
        `In a new sandbox main.py ended with ${execution.program ? describeStep(execution.program) : "no status"}.`,
      ),
    };
  }
  const { sameKeys, ...comparison } = compareResults(expected, execution.results);
  return {
    execution,
    reproduction: { check: describeComparison({ sameKeys, ...comparison }), ...comparison, seconds },
  };
}

function describeComparison({
  sameKeys,
  comparedValues,
  differences,
  ignored,
}: ReturnType<typeof compareResults>): Check {
  const without = ignored.length > 0 ? ` (${ignored.length} times and the like are not compared)` : "";
  if (differences.length === 0)
    return {
      result: "passed",
      evidence: `A new sandbox, given only the published folder, came to the same ${comparedValues} values${without}.`,
    };
  const keys = differences
    .slice(0, 5)
    .map(({ key }) => key)
    .join(", ");
  return {
    result: "failed",
    evidence: `A new sandbox came to other ${sameKeys ? "values" : "results"}: ${differences.length} differ, among them ${keys}${without}.`,
  };
}
