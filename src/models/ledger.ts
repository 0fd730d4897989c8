import { BudgetError, CancelledError, ConfigError, throwIfCancelled } from "../errors.ts";
import type { NewCall, RecordedCall } from "./recorded-call.ts";
import type { SpendingRow } from "./spending.ts";

/** What a run has spent on models, and whether it may spend more. */
export interface Ledger {
  /**
   * Sets aside what a call could cost, so that calls at one time cannot cross the limit together. Waits, the first come
   * first, where it fits only once calls that run have come to less than they could. Throws BudgetError where it is more
   * than is left, ConfigError where a billed call's price is not known, CancelledError on abort.
   */
  reserve(call: PlannedCall): Promise<Reservation>;
  spending(): Spending;
}

interface PlannedCall {
  stage: string;
  model: string;
  billed: boolean;
  /** US dollars; null where the price is not known. */
  worstCaseUsd: number | null;
  signal?: AbortSignal | undefined;
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
  const purse: Purse = { maxCostUsd, spent: 0, reserved: 0, waiting: new Set() };
  const enter = (call: NewCall): void => {
    const key = JSON.stringify([call.stage, call.model]);
    rows.set(key, addCall(rows.get(key) ?? emptyRow(call), call));
    purse.spent += call.costUsd ?? 0;
  };
  for (const call of calls) enter(call);
  return {
    async reserve(call) {
      const amount = worstCaseOf(call);
      await waitForMoney(purse, call, amount);
      let open = true;
      const release = (): void => {
        if (open) purse.reserved -= amount;
        open = false;
      };
      return {
        settle(settled) {
          release();
          enter(settled);
          letNextIn(purse);
          onSpent?.(purse.spent);
        },
        [Symbol.dispose]() {
          release();
          letNextIn(purse);
        },
      };
    },
    spending: () => ({ totalUsd: purse.spent, rows: [...rows.values()].sort(byStageAndModel) }),
  };
}

/** What to throw before a billed model is asked whose price no list has. */
export function priceUnknown(model: string): ConfigError {
  return new ConfigError({
    code: "price-unknown",
    userMessage:
      `The price of ${model} is not known: give it in the configuration as prices (US dollars per million tokens), ` +
      `for example "prices": {${JSON.stringify(model)}: {"input": 1, "output": 5}}.`,
  });
}

/** US dollars. */
interface Purse {
  maxCostUsd: number;
  spent: number;
  /** Set aside for calls that run. */
  reserved: number;
  /** In the order in which they came; what waits holds nothing. */
  waiting: Set<Waiter>;
}

interface Waiter {
  call: PlannedCall;
  amount: number;
  letIn: () => void;
  refuse: (error: Error) => void;
}

/** Returns when the amount is set aside. */
function waitForMoney(purse: Purse, call: PlannedCall, amount: number): Promise<void> {
  const { signal } = call;
  return new Promise((resolve, reject) => {
    throwIfCancelled(signal);
    if (amount === 0) return resolve();
    if (crossesLimit(purse, amount)) throw describeOverrun(call, amount, purse);
    const leave = (): void => {
      purse.waiting.delete(waiter);
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      waiter.refuse(new CancelledError(signal?.reason));
      letNextIn(purse);
    };
    const waiter: Waiter = {
      call,
      amount,
      letIn() {
        leave();
        purse.reserved += amount;
        resolve();
      },
      refuse(error) {
        leave();
        reject(error);
      },
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    purse.waiting.add(waiter);
    letNextIn(purse);
  });
}

/** Whoever is first waits only for calls that run: without any, what does not fit crosses the limit by itself. */
function letNextIn(purse: Purse): void {
  for (const waiter of purse.waiting) {
    const { call, amount } = waiter;
    if (crossesLimit(purse, amount)) waiter.refuse(describeOverrun(call, amount, purse));
    else if (crossesLimit(purse, purse.reserved + amount)) return;
    else waiter.letIn();
  }
}

function crossesLimit({ spent, maxCostUsd }: Purse, amount: number): boolean {
  return spent + amount > maxCostUsd + tolerance;
}

function worstCaseOf({ model, billed, worstCaseUsd }: PlannedCall): number {
  if (!billed) return 0;
  if (worstCaseUsd !== null) return worstCaseUsd;
  throw priceUnknown(model);
}

function describeOverrun({ stage, model }: PlannedCall, amount: number, { spent, maxCostUsd }: Purse): BudgetError {
  return new BudgetError({
    code: "budget",
    userMessage:
      `${dollars(spent)} of ${dollars(maxCostUsd)} were spent; the next call (${stage}, ${model}) could cost ` +
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
