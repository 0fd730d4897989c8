import { describe, expect, it } from "vitest";
import { BudgetError, CancelledError, ModelError } from "../../src/errors.ts";
import { type RetryOptions, retry } from "../../src/models/retry.ts";
import { unavailable } from "./scripted-client.ts";

/** Runs attempts that throw what is given, in turn, then answer; sleeps without waiting; an attempt takes `attemptMs` of its clock. */
async function run(
  errors: readonly Error[],
  { attemptMs = 0, ...options }: RetryOptions & { attemptMs?: number } = {},
): Promise<{ result: unknown; waits: number[]; attempts: number }> {
  const waits: number[] = [];
  let time = 0;
  let attempts = 0;
  const result = await retry(
    async () => {
      const error = errors[attempts++];
      time += attemptMs;
      if (error) throw error;
      return "answer";
    },
    {
      random: () => 0.5,
      now: () => time,
      async sleep(milliseconds) {
        waits.push(milliseconds);
        time += milliseconds;
      },
      ...options,
    },
  ).catch((error: unknown) => error);
  return { result, waits, attempts };
}

const times = (count: number, error: Error): Error[] => Array.from({ length: count }, () => error);

describe("retry", () => {
  it("waits a random part of a time that doubles up to a bound", async () => {
    expect(await run(times(5, unavailable()))).toEqual({
      result: "answer",
      waits: [500, 1000, 2000, 4000, 8000],
      attempts: 6,
    });
    const { waits } = await run(times(9, unavailable()), { attempts: 10, random: () => 0.999 });
    expect(Math.max(...waits)).toBeCloseTo(29_970, 6);
  });

  it("waits as long as the provider asks, and up to a second more", async () => {
    const { waits } = await run([unavailable({ retryAfterMs: 7000 }), unavailable({ retryAfterMs: 120_000 })]);
    expect(waits).toEqual([7500, 120_500]);
  });

  it("waits by itself where the provider asks for no time at all", async () => {
    const { waits } = await run(times(3, unavailable({ retryAfterMs: 0 })));
    expect(waits).toEqual([500, 1000, 2000]);
  });

  it("throws the last error when the attempts are used up", async () => {
    const last = unavailable({ userMessage: "The last." });
    const { result, attempts } = await run([...times(5, unavailable()), last]);
    expect([result, attempts]).toEqual([last, 6]);
  });

  it("stops when attempts and waits together take too long", async () => {
    const { waits } = await run(times(9, unavailable({ retryAfterMs: 99_500 })), { attempts: 10 });
    expect(waits).toEqual([100_000, 100_000, 100_000]);
    const slow = await run(times(9, unavailable({ retryAfterMs: 9500 })), { attemptMs: 145_000 });
    expect(slow.attempts).toBe(2);
  });

  it("tries twice what times out, whatever else fails", async () => {
    const timedOut = unavailable({ code: "model-timed-out" });
    const told: unknown[] = [];
    const twice = await run(times(6, timedOut), { onRetry: ({ attempt, attempts }) => told.push([attempt, attempts]) });
    expect(twice).toMatchObject({ result: timedOut, attempts: 2 });
    expect(told).toEqual([[2, 2]]);
    const mixed = [unavailable(), unavailable(), timedOut, unavailable(), timedOut, unavailable()];
    expect(await run(mixed)).toMatchObject({ result: timedOut, attempts: 5 });
  });

  it("ends at once, with what was asked for, where the provider wants a long rest", async () => {
    const { result, waits } = await run([unavailable({ code: "model-rate-limited", retryAfterMs: 3_600_000 })]);
    expect(waits).toEqual([]);
    expect(result).toMatchObject({
      code: "model-rate-limited",
      retryable: true,
      userMessage:
        "The provider is overloaded. The provider asks to wait 60 minutes: continue then with --resume <run folder>.",
    });
  });

  it("does not try again what cannot succeed", async () => {
    const final = new ModelError({ code: "model-key-refused", userMessage: "No." });
    const errors = [
      final,
      new BudgetError({ code: "budget", userMessage: "No.", retryable: true }),
      new Error("a fault"),
      new CancelledError(),
    ];
    for (const error of errors) expect(await run([error])).toEqual({ result: error, waits: [], attempts: 1 });
  });

  it("tells what it does before each wait", async () => {
    const told: unknown[] = [];
    const error = unavailable();
    await run([error], { onRetry: (each) => told.push(each) });
    expect(told).toEqual([{ error, waitMs: 500, attempt: 2, attempts: 6 }]);
  });

  it("is cancelled in the middle of a wait", async () => {
    const controller = new AbortController();
    const started = performance.now();
    const cancelled = retry(() => Promise.reject(unavailable({ retryAfterMs: 60_000 })), {
      signal: controller.signal,
      onRetry: () => setImmediate(() => controller.abort()),
    });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("is not begun when it is cancelled already", async () => {
    expect(await run([], { signal: AbortSignal.abort() })).toMatchObject({
      result: expect.any(CancelledError),
      attempts: 0,
    });
  });
});
