import { extractiveModel } from "../config.ts";
import type { RunEnding } from "../store/run-record.ts";
import { type AdviceDoor, advise } from "./advise.ts";
import { endWithError } from "./end-run.ts";
import type { JobResult } from "./job.ts";

/** What becomes of a person's words where no model writes. */
const wordsChoose =
  "Without a model nothing can be rewritten: it took the repository's own examples that share most words with what was asked for.";

/** How a job ended, as it is told on GitHub. */
export function describeEnding(
  { state, outcome, error }: JobResult,
  { feedback, door }: { feedback: string | null; door: AdviceDoor },
): RunEnding {
  if (!state || (error && !outcome))
    return endWithError(error?.code ?? "internal-error", error?.message ?? "It ended without an outcome.", door);
  const { verdict, repository, iterations, gaveUp } = state.distiller;
  const facts = {
    commit: repository?.commit ?? null,
    seconds: state.total_runtime_secs,
    iterations: iterations.length,
    checks: verdict
      ? (["executed", "grounded", "reproduced", "reviewed"] as const).map((name) => ({ name, ...verdict[name] }))
      : [],
  };
  if (outcome) {
    const { reasonCode } = outcome;
    const explanation =
      feedback !== null && state.model_str_code === extractiveModel
        ? `${outcome.explanation} ${wordsChoose}`
        : outcome.explanation;
    return { ...facts, outcome: outcome.outcome, reasonCode, explanation, advice: advise({ ...outcome, door }) };
  }
  const planned = iterations[0]?.draft.provenance.map(
    ({ example, title, path, place }) => `${example}: ${title} (${path}, ${place})`,
  );
  return {
    ...facts,
    outcome: "skipped",
    reasonCode: "dry-run",
    explanation: gaveUp?.explanation ?? planned?.join("\n") ?? "",
    advice: null,
  };
}
