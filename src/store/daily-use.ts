import { z } from "zod";
import type { Sql } from "./database.ts";
import type { RunRecord } from "./run-record.ts";

const CountRow = z.tuple([z.object({ count: z.coerce.number() })]);
const addUse = `INSERT INTO codedistiller.daily_use AS known (account, repository_id, day, runs, usd)`;
const toKnown = `ON CONFLICT (account, repository_id, day)
  DO UPDATE SET runs = known.runs + excluded.runs, usd = known.usd + excluded.usd`;

/** Whose budget a run counts towards: an account that installs the app again has another installation. */
export function accountOf({ target }: Pick<RunRecord, "target">): string {
  return target.owner.toLowerCase();
}

export async function countNewRun(sql: Sql, run: RunRecord): Promise<void> {
  const day = run.createdAt.slice(0, 10);
  await sql.query(`${addUse} VALUES ($1, $2, $3, 1, 0) ${toKnown}`, [accountOf(run), run.target.id, day]);
}

/** How many runs an account has asked for on a day (YYYY-MM-DD). */
export async function countRunsOf(sql: Sql, account: string, day: string): Promise<number> {
  const { rows } = await sql.query(
    "SELECT coalesce(sum(runs), 0) AS count FROM codedistiller.daily_use WHERE account = $1 AND day = $2",
    [account, day],
  );
  return CountRow.parse(rows)[0].count;
}

/** Counts what a run cost, once it has ended. */
export async function countCost(sql: Sql, before: RunRecord, after: RunRecord): Promise<void> {
  const costOf = (run: RunRecord): number => (run.status === "finished" ? run.costUsd : 0);
  const usd = costOf(after) - costOf(before);
  if (usd === 0) return;
  const day = (after.finishedAt ?? new Date().toISOString()).slice(0, 10);
  await sql.query(`${addUse} VALUES ($1, $2, $3, 0, $4) ${toKnown}`, [accountOf(after), after.target.id, day, usd]);
}

/** The same for those that an installation leaves unfinished. */
export async function countUnfinished(sql: Sql, installationId: number): Promise<void> {
  await sql.query(
    `${addUse}
     SELECT lower(record->'target'->>'owner'), repository_id, $2, 0, sum(cost_usd) FROM codedistiller.runs
     WHERE installation_id = $1 AND status <> 'finished' AND cost_usd > 0 GROUP BY 1, 2 ${toKnown}`,
    [installationId, new Date().toISOString().slice(0, 10)],
  );
}
