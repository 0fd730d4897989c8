import { setTimeout as sleep } from "node:timers/promises";
import { throwIfCancelled } from "../../errors.ts";
import { describeModalError, outage } from "./describe-modal-error.ts";

export interface CallModalOptions {
  /** For the error: `the start of a sandbox`. */
  what: string;
  deadlineMs: number;
  signal?: AbortSignal | undefined;
}

/** Waits for an answer no longer than it may; throws SandboxError for whatever the SDK throws, or CancelledError. */
export async function callModal<Result>(
  { what, deadlineMs, signal }: CallModalOptions,
  action: () => Promise<Result>,
): Promise<Result> {
  throwIfCancelled(signal);
  const ended = new AbortController();
  const watch = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  const tooLate = sleep(deadlineMs, undefined, { signal: watch }).then(
    () => {
      throw outage(`${what} did not answer within ${Math.round(deadlineMs / 1000)} s`);
    },
    () => {
      throwIfCancelled(signal);
      return new Promise<never>(() => undefined);
    },
  );
  const answered = action().catch((error: unknown) => {
    throw describeModalError(error, what);
  });
  try {
    return await Promise.race([answered, tooLate]);
  } finally {
    ended.abort();
  }
}
