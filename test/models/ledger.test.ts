import { describe, expect, it } from "vitest";
import { BudgetError, ConfigError } from "../../src/errors.ts";
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

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
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

  it("refuses a call that could cross the limit, and says how to go on", () => {
    const ledger = createLedger({ maxCostUsd: 0.7, calls: [call()] });
    const error = thrownBy(() => ledger.reserve(planned));
    expect(error).toBeInstanceOf(BudgetError);
    expect(error).toMatchObject({
      code: "budget",
      retryable: false,
      userMessage:
        "$0.2500 of $0.7000 were spent; the next call (draft, m) could cost $0.5000. " +
        "Continue with --resume <run folder> --max-cost <more>.",
    });
    ledger.reserve({ ...planned, worstCaseUsd: 0.45 });
  });

  it("keeps calls at one time from crossing the limit together", () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    const first = ledger.reserve(planned);
    const second = ledger.reserve(planned);
    expect(thrownBy(() => ledger.reserve(planned))).toMatchObject({
      userMessage: expect.stringContaining("$1.00 are set aside for calls that still run"),
    });
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    second.settle(call({ costUsd: 0.1 }));
    second[Symbol.dispose]();
    ledger.reserve({ ...planned, worstCaseUsd: 0.9 });
    expect(thrownBy(() => ledger.reserve({ ...planned, worstCaseUsd: 0.01 }))).toBeInstanceOf(BudgetError);
  });

  it("never spends more than the limit where calls cost no more than they could", () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    const spend = (amount: number): void => {
      using reservation = ledger.reserve({ ...planned, worstCaseUsd: amount });
      reservation.settle(call({ costUsd: amount }));
    };
    const refusals = Array.from({ length: 20 }, () => thrownBy(() => spend(0.1))).filter((error) => error !== null);
    expect(ledger.spending().totalUsd).toBeCloseTo(1, 9);
    expect(refusals).toHaveLength(10);
  });

  it("does not make a billed call whose price is not known", () => {
    const ledger = createLedger({ maxCostUsd: 1, calls: [] });
    const error = thrownBy(() => ledger.reserve({ ...planned, worstCaseUsd: null }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      code: "price-unknown",
      userMessage: expect.stringMatching(/^The price of m is not known: give it in the configuration as prices/),
    });
  });

  it("refuses nothing that costs nothing", () => {
    const ledger: Ledger = createLedger({ maxCostUsd: 0, calls: [] });
    ledger.reserve({ ...planned, billed: false, worstCaseUsd: null }).settle(call({ costUsd: 0 }));
    ledger.reserve({ ...planned, worstCaseUsd: 0 });
    expect(ledger.spending()).toMatchObject({ totalUsd: 0, rows: [{ calls: 1, costUsd: 0 }] });
  });

  it("tells what is spent as it is spent", () => {
    const told: number[] = [];
    const ledger = createLedger({ maxCostUsd: 5, calls: [call()], onSpent: (total) => told.push(total) });
    ledger.reserve(planned).settle(call());
    ledger.reserve(planned).settle(call({ answer: null }));
    expect(told).toEqual([0.5, 0.75]);
  });
});
