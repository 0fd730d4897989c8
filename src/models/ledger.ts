import { BudgetError, ConfigError } from "../errors.ts";
import type { NewCall, RecordedCall } from "./recorded-call.ts";
import type { SpendingRow } from "./spending.ts";

/** What a run has spent on models, and whether it may spend more. */
export interface Ledger {
  /**
   * Sets aside what a call could cost, so that calls at one time cannot cross the limit together. Throws BudgetError
   * where that is more than is left, ConfigError where a billed call's price is not known.
   */
  reserve(call: PlannedCall): Reservation;
  spending(): Spending;
}

interface PlannedCall {
  stage: string;
  model: string;
  billed: boolean;
  /** US dollars; null where the price is not known. */
  worstCaseUsd: number | null;
}

/** Money set aside; disposing gives back what was not spent. */
interface Reservation extends Disposable {
  /** Enters what the call came to, instead of what was set aside. */
  settle(call: NewCall): void;
}

export interface Spending {
  totalUsd: number;
  /** By stage, then model. */
  rows: SpendingRow[];
}

export interface LedgerOptions {
  maxCostUsd: number;
  /** The journal's: what was spent before a run was resumed. */
  calls: readonly RecordedCall[];
  onSpent?: ((totalUsd: number) => void) | undefined;
}

/** Below a millionth of a cent sums of floating point numbers differ from themselves. */
const tolerance = 1e-8;

export function createLedger({ maxCostUsd, calls, onSpent }: LedgerOptions): Ledger {
  const rows = new Map<string, SpendingRow>();
  let spent = 0;
  let reserved = 0;
  const enter = (call: NewCall): void => {
    const key = JSON.stringify([call.stage, call.model]);
    rows.set(key, addCall(rows.get(key) ?? emptyRow(call), call));
    spent += call.costUsd ?? 0;
  };
  for (const call of calls) enter(call);
  return {
    reserve(call) {
      const amount = worstCaseOf(call);
      if (amount > 0 && spent + reserved + amount > maxCostUsd + tolerance)
        throw describeOverrun(call, { spent, reserved, amount, maxCostUsd });
      reserved += amount;
      let open = true;
      const release = (): void => {
        if (open) reserved -= amount;
        open = false;
      };
      return {
        settle(settled) {
          release();
          enter(settled);
          onSpent?.(spent);
        },
        [Symbol.dispose]: release,
      };
    },
    spending: () => ({ totalUsd: spent, rows: [...rows.values()].sort(byStageAndModel) }),
  };
}

function worstCaseOf({ model, billed, worstCaseUsd }: PlannedCall): number {
  if (!billed) return 0;
  if (worstCaseUsd !== null) return worstCaseUsd;
  throw new ConfigError({
    code: "price-unknown",
    userMessage:
      `The price of ${model} is not known: give it in the configuration as prices (US dollars per million tokens), ` +
      `for example "prices": {${JSON.stringify(model)}: {"input": 1, "output": 5}}.`,
  });
}

function describeOverrun(
  { stage, model }: PlannedCall,
  { spent, reserved, amount, maxCostUsd }: Record<"spent" | "reserved" | "amount" | "maxCostUsd", number>,
): BudgetError {
  const others = reserved > tolerance ? ` and ${dollars(reserved)} are set aside for calls that still run` : "";
  return new BudgetError({
    code: "budget",
    userMessage:
      `${dollars(spent)} of ${dollars(maxCostUsd)} were spent${others}; the next call (${stage}, ${model}) could cost ` +
      `${dollars(amount)}. Continue with --resume <run folder> --max-cost <more>.`,
  });
}

function dollars(amount: number): string {
  return `$${amount.toFixed(amount >= 1 || amount === 0 ? 2 : 4)}`;
}

function emptyRow({ stage, model }: NewCall): SpendingRow {
  const tokens = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
  return { stage, model, calls: 0, failedCalls: 0, ...tokens, costUsd: 0 };
}

function addCall(row: SpendingRow, { answer, usage, costUsd }: NewCall): SpendingRow {
  return {
    ...row,
    calls: row.calls + 1,
    failedCalls: row.failedCalls + (answer ? 0 : 1),
    inputTokens: row.inputTokens + (usage?.inputTokens ?? 0),
    cacheReadTokens: row.cacheReadTokens + (usage?.cacheReadTokens ?? 0),
    cacheWriteTokens: row.cacheWriteTokens + (usage?.cacheWriteTokens ?? 0),
    outputTokens: row.outputTokens + (usage?.outputTokens ?? 0),
    costUsd: row.costUsd === null || costUsd === null ? null : row.costUsd + costUsd,
  };
}

function byStageAndModel(a: SpendingRow, b: SpendingRow): number {
  return a.stage.localeCompare(b.stage) || a.model.localeCompare(b.model);
}
