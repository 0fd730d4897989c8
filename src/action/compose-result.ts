import type { AdviceDoor } from "../jobs/advise.ts";
import { endCancelled } from "../jobs/end-run.ts";
import type { RunEnding } from "../store/run-record.ts";
import type { ExampleResult } from "./action-result.ts";

/** What became of an example, with nothing yet of where it can be seen. */
export function composeResult(
  { outcome: verdict, ...told }: RunEnding,
  of: Pick<ExampleResult, "repository" | "slug" | "action">,
): ExampleResult {
  return {
    ...told,
    ...of,
    verdict,
    pullRequest: null,
    issue: null,
    examplePath: null,
    reportPath: null,
    figures: [],
    badgeUrl: null,
    costUsd: 0,
  };
}

/** How everything ends that the runner interrupts. */
export function endInterrupted(door: AdviceDoor): RunEnding {
  const reason = "The workflow run was cancelled, or ran out of time.";
  return endCancelled({ cancelled: { by: "", reason } }, door);
}
