import { setTimeout as delay } from "node:timers/promises";
import { CancelledError, ModelError, throwIfCancelled } from "../errors.ts";

export interface RetryOptions {
  /** How often at most, the first time included. */
  attempts?: number;
  /** The first wait is random below this, each further one below twice as much, up to `maxMs`. */
  baseMs?: number;
  maxMs?: number;
  /** No further attempt begins so long after the first one began, however long attempts and waits took. */
  maxTotalMs?: number;
  /** In [0, 1). */
  random?: () => number;
  /** Throws CancelledError on abort. */
  sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Milliseconds since any fixed time. */
  now?: () => number;
  signal?: AbortSignal | undefined;
  /** Told before each wait. */
  onRetry?: (retry: { error: ModelError; waitMs: number; attempt: number; attempts: number }) => void;
}

/** A provider that asks for more is not waited for. Milliseconds. */
export const longestWaitMs = 120_000;
/** Added at random to what a provider asks for, so that the jobs it has told the same do not come back together. */
const spreadMs = 1000;
/** A time-out has cost minutes, and perhaps a prompt. */
const mostTimeouts = 2;

/**
 * Tries again where a ModelError says that it may help: as long after as the provider asks and a little more, else after
 * a random time that grows (full jitter). A call that times out is tried twice. Throws the last error.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = 6, baseMs = 1000, maxMs = 30_000, maxTotalMs = 300_000 } = options;
  const { random = Math.random, sleep = sleepUntil, now = () => performance.now(), signal, onRetry } = options;
  const startedAt = now();
  let timeouts = 0;
  for (let number = 1; ; number++) {
    throwIfCancelled(signal);
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ModelError) || !error.retryable) throw error;
      throwIfCancelled(signal);
      const askedMs = error.retryAfterMs ?? 0;
      if (askedMs > longestWaitMs) throw describeLongWait(error, askedMs);
      const isTimeout = error.code === "model-timed-out";
      const most = isTimeout ? Math.min(attempts, number + mostTimeouts - ++timeouts) : attempts;
      const grownMs = Math.min(maxMs, baseMs * 2 ** (number - 1));
      const waitMs = askedMs > 0 ? askedMs + random() * spreadMs : random() * grownMs;
      if (number >= most || now() - startedAt + waitMs > maxTotalMs) throw error;
      onRetry?.({ error, waitMs, attempt: number + 1, attempts: most });
      await sleep(waitMs, signal);
    }
  }
}

function describeLongWait(error: ModelError, waitMs: number): ModelError {
  const seconds = Math.ceil(waitMs / 1000);
  const asked = seconds > 180 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
  return new ModelError({
    code: error.code,
    userMessage: `${error.userMessage} The provider asks to wait ${asked}: continue then with --resume <run folder>.`,
    retryable: error.retryable,
    retryAfterMs: error.retryAfterMs,
    usage: error.usage,
    cause: error,
  });
}

async function sleepUntil(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    throw new CancelledError(error);
  }
}
