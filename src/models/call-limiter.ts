import { CancelledError, throwIfCancelled } from "../errors.ts";

/**
 * Lets calls of one provider in, over all jobs of a process: so many at one time, so many tokens a minute. Jobs that
 * wait take turns, so one that asks for much does not hold up the others; within a job the first comes first.
 */
export interface CallLimiter {
  /** Waits for its turn; disposing the slot lets the next in. Throws CancelledError on abort. */
  enter(call: WaitingCall): Promise<Disposable>;
  /** Lets nobody in for so long: the provider has asked for a rest. */
  pause(milliseconds: number): void;
}

interface WaitingCall {
  job: string;
  tokens: number;
  signal?: AbortSignal | undefined;
}

export interface CallLimiterOptions {
  concurrency?: number;
  /** Null for no limit. A call of more tokens than a minute has goes when a whole minute's are there. */
  tokensPerMinute?: number | null;
  clock?: Clock;
}

export interface Clock {
  /** Milliseconds since any fixed time. */
  now(): number;
  /** Runs something later; returns what calls it off. */
  after(milliseconds: number, run: () => void): () => void;
}

interface Waiter {
  tokens: number;
  letIn: () => void;
}

export function createCallLimiter({
  concurrency = 16,
  tokensPerMinute = null,
  clock = systemClock,
}: CallLimiterOptions): CallLimiter {
  const queue = createFairQueue<Waiter>();
  const bucket = createTokenBucket(tokensPerMinute, clock);
  let running = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let callOff: () => void = () => undefined;

  const letNextIn = (): void => {
    callOff();
    for (let next = queue.peek(); next && running < concurrency; next = queue.peek()) {
      const wait = Math.max(pausedUntil - clock.now(), bucket.waitFor(next.tokens));
      if (wait > 0) {
        callOff = clock.after(Math.ceil(wait), letNextIn);
        return;
      }
      queue.shift();
      bucket.take(next.tokens);
      running++;
      next.letIn();
    }
  };
  const leave = (): void => {
    running--;
    letNextIn();
  };

  return {
    async enter(call) {
      await waitForTurn(queue, call, letNextIn);
      return createSlot(leave);
    },
    pause(milliseconds) {
      pausedUntil = Math.max(pausedUntil, clock.now() + milliseconds);
    },
  };
}

/** Returns when it is let in; whoever gives up makes room at the head of the queue. */
function waitForTurn(
  queue: FairQueue<Waiter>,
  { job, tokens, signal }: WaitingCall,
  letNextIn: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    throwIfCancelled(signal);
    const onAbort = (): void => {
      queue.remove(job, waiter);
      reject(new CancelledError(signal?.reason));
      letNextIn();
    };
    const letIn = (): void => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const waiter: Waiter = { tokens, letIn };
    signal?.addEventListener("abort", onAbort, { once: true });
    queue.push(job, waiter);
    letNextIn();
  });
}

function createSlot(leave: () => void): Disposable {
  let left = false;
  return {
    [Symbol.dispose]() {
      if (left) return;
      left = true;
      leave();
    },
  };
}

interface FairQueue<T> {
  push(job: string, value: T): void;
  peek(): T | undefined;
  /** Takes out what `peek` shows; its job goes behind the others. */
  shift(): void;
  remove(job: string, value: T): void;
}

/** Maps and sets keep the order of insertion and remove in constant time. */
function createFairQueue<T>(): FairQueue<T> {
  const jobs = new Map<string, Set<T>>();
  const remove = (job: string, value: T): void => {
    const values = jobs.get(job);
    values?.delete(value);
    if (values?.size === 0) jobs.delete(job);
  };
  return {
    push(job, value) {
      const values = jobs.get(job);
      if (values) values.add(value);
      else jobs.set(job, new Set([value]));
    },
    peek: () => firstOf(firstOf(jobs)?.[1] ?? []),
    shift() {
      const [job, values] = firstOf(jobs) ?? [];
      if (job === undefined || values === undefined) return;
      jobs.delete(job);
      const value = firstOf(values);
      if (value !== undefined) values.delete(value);
      if (values.size > 0) jobs.set(job, values);
    },
    remove,
  };
}

function firstOf<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

interface TokenBucket {
  /** Milliseconds until a call of so many tokens may go. */
  waitFor(tokens: number): number;
  take(tokens: number): void;
}

/** Holds one minute's tokens and begins full; a call of more leaves a debt that the next ones wait for. */
function createTokenBucket(tokensPerMinute: number | null, clock: Clock): TokenBucket {
  if (tokensPerMinute === null) return { waitFor: () => 0, take: () => undefined };
  const perMillisecond = tokensPerMinute / 60_000;
  let level = tokensPerMinute;
  let filledAt = clock.now();
  const fill = (): void => {
    const now = clock.now();
    level = Math.min(tokensPerMinute, level + (now - filledAt) * perMillisecond);
    filledAt = now;
  };
  return {
    waitFor(tokens) {
      fill();
      return (Math.min(tokens, tokensPerMinute) - level) / perMillisecond;
    },
    take(tokens) {
      fill();
      level -= tokens;
    },
  };
}

const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
