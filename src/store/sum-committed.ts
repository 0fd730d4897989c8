import { z } from "zod";
import type { Sql } from "./database.ts";

const SumRow = z.tuple([z.object({ sum: z.coerce.number() })]);

/**
 * What models cost since a time (ISO 8601), with what runs that wait or run may still spend, in US dollars: a run counts
 * where it ended; one that has not ended, with all that it may spend.
 */
export async function sumCommitted(
  sql: Sql,
  { installationId, repositoryId }: { installationId?: number; repositoryId?: number },
  since: string,
): Promise<number> {
  const { rows } = await sql.query(
    `SELECT coalesce(sum(CASE WHEN status = 'finished' THEN cost_usd ELSE greatest(cost_usd, max_cost_usd) END), 0) AS sum
     FROM codedistiller.runs
     WHERE ($1::bigint IS NULL OR installation_id = $1::bigint) AND ($2::bigint IS NULL OR repository_id = $2::bigint)
       AND (status <> 'finished' OR finished_at >= $3)`,
    [installationId ?? null, repositoryId ?? null, since],
  );
  return SumRow.parse(rows)[0].sum;
}
