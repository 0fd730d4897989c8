import { setTimeout as sleep } from "node:timers/promises";
import { SandboxError, throwIfCancelled } from "../errors.ts";

/** Pauses before each further try, in milliseconds: a service that is down for a moment is worth waiting for. */
const usualPausesMs = [2_000, 15_000];

export interface RetrySandboxOptions {
  /** Told why something is done again. */
  note: (text: string) => void;
  signal: AbortSignal | undefined;
  pausesMs?: readonly number[];
}

/**
 * Does something in sandboxes again where the sandboxes failed. What the example did is never the reason, so it counts
 * for nothing; after the last try the error is the run's, which can be gone on with.
 */
export async function retrySandbox<Result>(
  action: () => Promise<Result>,
  { note, signal, pausesMs = usualPausesMs }: RetrySandboxOptions,
): Promise<Result> {
  for (const longestMs of pausesMs) {
    try {
      return await action();
    } catch (error) {
      throwIfCancelled(signal);
      // A full disk is not emptier in a moment.
      if (!(error instanceof SandboxError) || !error.retryable || error.code === "disk-full") throw error;
      // What is not there now is not there later either: it is built again.
      const pauseMs = error.code === "snapshot-missing" ? 0 : longestMs;
      note(`${error.userMessage} Trying again${pauseMs > 0 ? ` in ${pauseMs / 1000} s` : ""}.`);
      await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => undefined);
      throwIfCancelled(signal);
    }
  }
  return action();
}
