import { z } from "zod";
import type { Sql } from "./database.ts";

const SumRow = z.tuple([z.object({ sum: z.coerce.number() })]);

/**
 * What models cost an account or a repository since a day (YYYY-MM-DD), with what runs that wait or run may still spend,
 * in US dollars: a run counts where it ended; one that has not ended, with all that it may spend.
 */
export async function sumCommitted(
  sql: Sql,
  { account, repositoryId }: { account?: string; repositoryId?: number },
  since: string,
): Promise<number> {
  const { rows } = await sql.query(
    `SELECT (
       SELECT coalesce(sum(usd), 0) FROM codedistiller.daily_use
       WHERE ($1::text IS NULL OR account = $1::text) AND ($2::bigint IS NULL OR repository_id = $2::bigint) AND day >= $3
     ) + (
       SELECT coalesce(sum(greatest(cost_usd, max_cost_usd)), 0) FROM codedistiller.runs
       WHERE status <> 'finished' AND ($1::text IS NULL OR lower(record->'target'->>'owner') = $1::text)
         AND ($2::bigint IS NULL OR repository_id = $2::bigint)
     ) AS sum`,
    [account ?? null, repositoryId ?? null, since],
  );
  return SumRow.parse(rows)[0].sum;
}
