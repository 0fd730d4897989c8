import type { RunEvent } from "../pipeline/events.ts";
import type { RunProgress } from "../store/run-record.ts";

/** The progress after an event; the same object where nothing changed that people see. */
export function advanceProgress(progress: RunProgress, event: RunEvent, spentBeforeUsd = 0): RunProgress {
  switch (event.kind) {
    case "stage-started":
      return { ...progress, stage: event.stage, iteration: event.iteration ?? progress.iteration };
    case "stage-finished": {
      const { stage, seconds } = event;
      const known = progress.done.some((each) => each.stage === stage);
      const added = progress.done.map((each) =>
        each.stage === stage ? { stage, seconds: each.seconds + seconds } : each,
      );
      return { ...progress, done: known ? added : [...progress.done, { stage, seconds }] };
    }
    case "note":
      return { ...progress, note: event.text.slice(0, 500) };
    case "preparing":
      return { ...progress, note: event.text.slice(0, 500) };
    case "spent":
      return { ...progress, costUsd: Math.max(0, event.totalUsd - spentBeforeUsd) };
    case "output":
      return progress;
  }
}
