import { setTimeout as sleep } from "node:timers/promises";
import { SandboxError, throwIfCancelled } from "../errors.ts";

/** Pauses before each further try, in milliseconds: a service that is down for a moment is worth waiting for. */
const pausesMs = [2_000, 15_000];

/**
 * Does something in sandboxes again where the sandboxes failed. What the example did is never the reason, so it counts
 * for nothing; after the last try the error is the run's, which can be gone on with.
 */
export async function retrySandbox<Result>(
  action: () => Promise<Result>,
  { note, signal }: { note: (text: string) => void; signal: AbortSignal | undefined },
): Promise<Result> {
  for (const pauseMs of pausesMs) {
    try {
      return await action();
    } catch (error) {
      // A full disk is not emptier in a moment.
      if (!(error instanceof SandboxError) || !error.retryable || error.code === "disk-full") throw error;
      note(`${error.userMessage} Trying again in ${pauseMs / 1000} s.`);
      await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => undefined);
      throwIfCancelled(signal);
    }
  }
  return action();
}
