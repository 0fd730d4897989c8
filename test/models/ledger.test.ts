import { describe, expect, it } from "vitest";
import { BudgetError, CancelledError, ConfigError } from "../../src/errors.ts";
import { createLedger, type Ledger } from "../../src/models/ledger.ts";
import type { NewCall, RecordedCall } from "../../src/models/recorded-call.ts";

const call = (given: Partial<NewCall> = {}): RecordedCall => ({
  version: 1,
  at: "2026-01-01T00:00:00Z",
  key: "k",
  stage: "draft",
  model: "m",
  prompt: [],
  answer: { text: "t", stop: { unified: "end", raw: "end" } },
  usage: { inputTokens: 100, cacheReadTokens: 40, cacheWriteTokens: 10, outputTokens: 5 },
  costUsd: 0.25,
  ...given,
});
const planned = { stage: "draft", model: "m", billed: true, worstCaseUsd: 0.5 };

function thrownBy(run: () => Promise<unknown>): Promise<unknown> {
  return run().then(
    () => null,
    (error: unknown) => error,
  );
}

/** Whether a promise has been settled once everything that can go on has gone on. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}

describe("createLedger", () => {
  it("begins with what the journal says was spent, failures too", () => {
    const calls = [
      call(),
      call({ answer: null, costUsd: 0.125 }),
      call({ stage: "classify", model: "n" }),
      call({ stage: "classify", usage: null, costUsd: null }),
    ];
    const { totalUsd, rows } = createLedger({ maxCostUsd: 5, calls }).spending();
    expect(totalUsd).toBe(0.625);
    expect(rows.map(({ stage, model, costUsd }) => [stage, model, costUsd])).toEqual([
      ["classify", "m", null],
      ["classify", "n", 0.25],
      ["draft", "m", 0.375],
    ]);
    expect(rows[2]).toEqual({
      stage: "draft",
      model: "m",
      calls: 2,
      failedCalls: 1,
      inputTokens: 200,
      cacheReadTokens: 80,
      cacheWriteTokens: 20,
      outputTokens: 10,
      costUsd: 0.375,
    });
  });

  it("refuses a call that could cross the limit, and says how to go on", async () => {
    const ledger = createLedger({ maxCostUsd: 0.7, calls: [call()] });
    const error = await thrownBy(() => ledger.reserve(planned));
    expect(error).toBeInstanceOf(BudgetError);
    expect(error).toMatchObject({
      code: "budget",
      retryable: false,
      userMessage:
        "$0.2500 of $0.7000 were spent; the next call (draft, m) could cost $0.5000. " +
        "Continue with --resume <run folder> --max-cost <more>.",
    });
    await ledger.reserve({ ...planned, worstCaseUsd: 0.45 });
  });

  it("lets a call wait that fits only where those that run stay below what they could cost", async () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    const first = await ledger.reserve(planned);
    const second = await ledger.reserve(planned);
    const third = ledger.reserve({ ...planned, worstCaseUsd: 0.8 });
    const fourth = ledger.reserve({ ...planned, worstCaseUsd: 0.1 });
    first.settle(call({ costUsd: 0.1 }));
    first[Symbol.dispose]();
    expect([await isSettled(third), await isSettled(fourth)]).toEqual([false, false]);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    using _ = await third;
    await fourth;
  });

  it("refuses a call that waited in vain, and lets the next one in", async () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    const first = await ledger.reserve(planned);
    const large = thrownBy(() => ledger.reserve({ ...planned, worstCaseUsd: 0.9 }));
    const small = ledger.reserve({ ...planned, worstCaseUsd: 0.6 });
    first.settle(call({ costUsd: 0.4 }));
    expect(await large).toMatchObject({ code: "budget", userMessage: expect.stringContaining("$0.4000 of $1.00") });
    await small;
  });

  it("lets no call wait that is cancelled, nor those behind it", async () => {
    const controller = new AbortController();
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    await ledger.reserve(planned);
    const large = thrownBy(() => ledger.reserve({ ...planned, worstCaseUsd: 0.9, signal: controller.signal }));
    const small = ledger.reserve(planned);
    expect(await isSettled(small)).toBe(false);
    controller.abort();
    expect(await large).toBeInstanceOf(CancelledError);
    await small;
  });

  it("keeps calls at one time from crossing the limit together", async () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    let running = 0;
    let most = 0;
    const spend = async (amount: number): Promise<void> => {
      using reservation = await ledger.reserve({ ...planned, worstCaseUsd: amount });
      running += amount;
      most = Math.max(most, ledger.spending().totalUsd + running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= amount;
      reservation.settle(call({ costUsd: amount }));
    };
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => thrownBy(() => spend(0.1))));
    expect(ledger.spending().totalUsd).toBeCloseTo(1, 9);
    expect(most).toBeLessThanOrEqual(1 + 1e-8);
    expect(outcomes.filter((error) => error instanceof BudgetError)).toHaveLength(10);
  });

  it("does not make a billed call whose price is not known", async () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    const error = await thrownBy(() => ledger.reserve({ ...planned, worstCaseUsd: null }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      code: "price-unknown",
      userMessage: expect.stringMatching(/^The price of m is not known: give it in the configuration as prices/),
    });
  });

  it("refuses nothing that costs nothing", async () => {
    const ledger: Ledger = createLedger({ maxCostUsd: 0, calls: [] });
    (await ledger.reserve({ ...planned, billed: false, worstCaseUsd: null })).settle(call({ costUsd: 0 }));
    await ledger.reserve({ ...planned, worstCaseUsd: 0 });
    expect(ledger.spending()).toMatchObject({ totalUsd: 0, rows: [{ calls: 1, costUsd: 0 }] });
  });

  it("tells what is spent as it is spent", async () => {
    const told: number[] = [];
    const ledger = createLedger({ maxCostUsd: 5, calls: [call()], onSpent: (total) => told.push(total) });
    (await ledger.reserve(planned)).settle(call());
    (await ledger.reserve(planned)).settle(call({ answer: null }));
    expect(told).toEqual([0.5, 0.75]);
  });
});
