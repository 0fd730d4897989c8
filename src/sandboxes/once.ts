import { CancelledError, throwIfCancelled } from "../errors.ts";

/**
 * Does something at its first call and hands the result to all others; what failed is tried again by the next. Each
 * caller's signal ends its own waiting alone; the action is ended when nobody waits for it any more, and the last to go
 * sees it end.
 */
export function once<Result>(
  action: (signal: AbortSignal) => Promise<Result>,
): (signal?: AbortSignal) => Promise<Result> {
  let started: { result: Promise<Result>; abandoned: AbortController; waiting: number } | null = null;

  function start(): NonNullable<typeof started> {
    const abandoned = new AbortController();
    const result = action(abandoned.signal);
    const mine = { result, abandoned, waiting: 0 };
    result.then(
      () => {
        mine.waiting = Number.POSITIVE_INFINITY;
      },
      () => {
        if (started === mine) started = null;
      },
    );
    return mine;
  }

  return async (signal) => {
    throwIfCancelled(signal);
    started ??= start();
    const mine = started;
    mine.waiting += 1;
    try {
      return await untilCancelled(mine.result, signal);
    } finally {
      mine.waiting -= 1;
      if (mine.waiting === 0) {
        if (started === mine) started = null;
        mine.abandoned.abort(new CancelledError("nobody waits for it"));
        await mine.result.catch(() => undefined);
      }
    }
  };
}

async function untilCancelled<Result>(result: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return result;
  const finished = new AbortController();
  const cancelled = new Promise<never>((_, reject) => {
    const give = () => reject(new CancelledError(signal.reason));
    signal.addEventListener("abort", give, { once: true, signal: finished.signal });
  });
  try {
    return await Promise.race([result, cancelled]);
  } finally {
    finished.abort();
  }
}
