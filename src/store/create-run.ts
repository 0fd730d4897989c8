import { z } from "zod";
import { accountOf, countNewRun, countRunsOf } from "./daily-use.ts";
import type { Database, Sql } from "./database.ts";
import { beginRecord, type NewRun, RunRecord } from "./run-record.ts";
import { toStorableJson } from "./storable.ts";
import type { Bounds, Creation, OverBudget } from "./store.ts";
import { sumCommitted } from "./sum-committed.ts";

export interface CreateRunOptions {
  database: Database;
  run: NewRun;
  bounds: Bounds;
  enqueue: (sql: Sql, run: RunRecord) => Promise<unknown>;
}

const RecordRows = z.array(z.object({ record: RunRecord }));
const LiveRows = z.array(z.object({ slot: z.number().int(), here: z.boolean(), runs: z.coerce.number().int() }));

/** See RunStore.create. The installation is locked until the end, so what was counted is still true when it is written. */
export function createRun({ database, run, bounds, enqueue }: CreateRunOptions): Promise<Creation> {
  return database.transaction(async (sql) => {
    await sql.query("SELECT pg_advisory_xact_lock(hashtextextended('codedistiller installation ' || $1::text, 0))", [
      String(run.installationId),
    ]);
    const known = await findByTrigger(sql, run.triggerKey);
    if (known) return { kind: "known", run: known };
    const { slot, waits, waiting } = await chooseSlot(sql, run, bounds);
    if (waits && waiting >= bounds.waiting) return { kind: "too-many", waiting };
    const today = new Date().toISOString().slice(0, 10);
    if ((await countRunsOf(sql, accountOf(run), today)) >= bounds.dayRuns)
      return { kind: "too-many-today", limit: bounds.dayRuns };
    const overBudget = await findOverBudget(sql, run, bounds, today);
    if (overBudget) return overBudget;
    const created = RunRecord.parse(JSON.parse(toStorableJson(beginRecord(run, slot))));
    await sql.query("INSERT INTO codedistiller.runs (id, record) VALUES ($1, $2::jsonb)", [
      created.id,
      toStorableJson(created),
    ]);
    await countNewRun(sql, created);
    await enqueue(sql, created);
    return { kind: "created", run: created };
  });
}

async function findByTrigger(sql: Sql, triggerKey: string): Promise<RunRecord | null> {
  const { rows } = await sql.query("SELECT record FROM codedistiller.runs WHERE trigger_key = $1", [triggerKey]);
  return RecordRows.parse(rows)[0]?.record ?? null;
}

/** Counted by slots, not by status: one that is about to begin does not wait, although nobody has begun with it. */
async function chooseSlot(
  sql: Sql,
  run: NewRun,
  bounds: Bounds,
): Promise<{ slot: number; waits: boolean; waiting: number }> {
  const { rows } = await sql.query(
    `SELECT slot, bool_or(repository_id = $2) AS here, count(*) AS runs FROM codedistiller.runs
     WHERE installation_id = $1 AND status <> 'finished' GROUP BY slot`,
    [run.installationId, run.target.id],
  );
  const live = LiveRows.parse(rows);
  const waiting = live.reduce((sum, { runs }) => sum + runs - 1, 0);
  const runsOf = (slot: number): number => live.find((each) => each.slot === slot)?.runs ?? 0;
  const here = live.find((each) => each.here);
  const slots = Array.from({ length: Math.max(1, bounds.slots) }, (_, slot) => slot);
  const slot = here?.slot ?? slots.reduce((best, each) => (runsOf(each) < runsOf(best) ? each : best));
  return { slot, waits: runsOf(slot) > 0, waiting };
}

/** Days and months are UTC's. What costs nothing is never refused. */
async function findOverBudget(sql: Sql, run: NewRun, bounds: Bounds, today: string): Promise<OverBudget | null> {
  if (run.maxCostUsd === 0) return null;
  const committed = {
    "repository-day": await sumCommitted(sql, { repositoryId: run.target.id }, today),
    "installation-month": await sumCommitted(sql, { account: accountOf(run) }, `${today.slice(0, 7)}-01`),
  };
  const limits = { "repository-day": bounds.repositoryDayUsd, "installation-month": bounds.installationMonthUsd };
  for (const budget of ["repository-day", "installation-month"] as const) {
    const leftUsd = Math.max(0, limits[budget] - committed[budget]);
    // Sums of cents are not exact; half of one crosses nothing.
    if (run.maxCostUsd > leftUsd + 0.005) return { kind: "over-budget", budget, leftUsd, limitUsd: limits[budget] };
  }
  return null;
}
