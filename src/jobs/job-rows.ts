import type { Db, PgBoss } from "pg-boss";
import { z } from "zod";
import type { Database, Sql } from "../store/database.ts";
import type { DeadLetter } from "./queue.ts";
import { type QueueName, queueNames } from "./start-boss.ts";

/** What pg-boss is given to do its part within a transaction of ours. */
export function toBossDatabase(sql: Sql): Db {
  return { executeSql: (text, values) => sql.query(text, values) };
}

const StateRows = z.array(z.object({ state: z.string() }));

/** The state of a run's job, which stays so until the transaction ends; null where it has none. */
export async function lockRunJob(sql: Sql, id: string): Promise<string | null> {
  const { rows } = await sql.query(
    "SELECT state::text AS state FROM pgboss.job WHERE name = 'runs' AND id = $1::uuid FOR UPDATE",
    [id],
  );
  return StateRows.parse(rows)[0]?.state ?? null;
}

const PriorityRows = z.tuple([z.object({ priority: z.coerce.number().int() })]);

/**
 * The more of its installation are before a run, the later it begins, so that one installation does not hold all workers;
 * never before one of its own that was asked for earlier.
 */
export async function choosePriority(sql: Sql, runId: string): Promise<number> {
  const { rows } = await sql.query(
    `SELECT least(-count(*), min(job.priority)) AS priority
     FROM codedistiller.runs this JOIN codedistiller.runs earlier ON earlier.installation_id = this.installation_id
       AND earlier.position < this.position AND earlier.status <> 'finished'
     LEFT JOIN pgboss.job job ON job.name = 'runs' AND job.id = earlier.id::uuid AND job.state < 'completed'
     WHERE this.id = $1`,
    [runId],
  );
  return PriorityRows.parse(rows)[0].priority;
}

const RunRows = z.array(z.object({ id: z.string() }));

/** Runs that have not ended and have no job that would go on with them; 100 at most. */
export async function findLostRuns(database: Database): Promise<string[]> {
  const { rows } = await database.query(
    `SELECT run.id FROM codedistiller.runs run WHERE run.status <> 'finished' AND NOT EXISTS (
       SELECT 1 FROM pgboss.job job WHERE job.name = 'runs' AND job.id = run.id::uuid AND job.state < 'completed')
     ORDER BY run.position LIMIT 100`,
  );
  return RunRows.parse(rows).map(({ id }) => id);
}

const AttemptRows = z.array(z.object({ attempts: z.coerce.number().int() }));

/**
 * How often a delivery was tried that failed for good or was buried; its dead letters and its job are removed, so that it
 * can be put again. 0 where it is at work, waits, or was handled: then nothing is removed.
 */
export async function takeFailedDelivery(sql: Sql, deliveryId: string, jobId: string): Promise<number> {
  const { rows } = await sql.query(
    `SELECT retry_count + 1 AS attempts FROM pgboss.job WHERE name = 'deliveries' AND id = $1::uuid AND (
       state = 'failed' OR state = 'completed' AND EXISTS (${deadLettersOf("$2")})) FOR UPDATE`,
    [jobId, deliveryId],
  );
  const attempts = AttemptRows.parse(rows)[0]?.attempts ?? 0;
  if (attempts === 0) return 0;
  await sql.query(`DELETE FROM pgboss.job WHERE name = 'dead-letters' AND id IN (${deadLettersOf("$1")})`, [
    deliveryId,
  ]);
  await sql.query("DELETE FROM pgboss.job WHERE name = 'deliveries' AND id = $1::uuid", [jobId]);
  return attempts;
}

/** Those that pg-boss made of a job, and those that were buried by hand. */
function deadLettersOf(deliveryId: string): string {
  return `SELECT letter.id FROM pgboss.job letter WHERE letter.name = 'dead-letters'
    AND (letter.data->>'id' = ${deliveryId} OR letter.data->'data'->>'id' = ${deliveryId})`;
}

const ActiveRows = z.array(z.object({ name: z.enum(["deliveries", "runs"]), ids: z.array(z.string()) }));

/** Every job at work begins again at once; it counts as an attempt, so that one that ends the process does not do so for ever. */
export async function recoverOrphans(boss: PgBoss, database: Database): Promise<number> {
  const { rows } = await database.query(
    `SELECT name, array_agg(id::text) AS ids FROM pgboss.job
     WHERE name IN ('deliveries', 'runs') AND state = 'active' GROUP BY name`,
  );
  const queues = ActiveRows.parse(rows);
  for (const { name, ids } of queues) {
    await database.transaction(async (sql) => {
      const db = toBossDatabase(sql);
      await boss.fail(name, ids, { message: "The process ended." }, { db });
      for (const id of ids) await boss.update(name, undefined, { id, startAfter: 0, db });
    });
  }
  return queues.reduce((sum, { ids }) => sum + ids.length, 0);
}

const CountRows = z.array(z.object({ name: z.enum(queueNames), jobs: z.coerce.number() }));

export async function countJobs(database: Database): Promise<Record<QueueName, number>> {
  const { rows } = await database.query(
    `SELECT name, count(*) AS jobs FROM pgboss.job
     WHERE name = ANY($1::text[]) AND state < 'completed' GROUP BY name`,
    [[...queueNames]],
  );
  const counted = CountRows.parse(rows).map(({ name, jobs }) => [name, jobs]);
  return { deliveries: 0, runs: 0, "dead-letters": 0, ...Object.fromEntries(counted) };
}

const DeadRow = z.object({
  id: z.string(),
  at: z.coerce.date(),
  data: z.unknown(),
  source_name: z.string().nullable(),
  source_output: z.unknown(),
});
const BuriedData = z.object({ what: z.string(), error: z.string(), data: z.unknown() });
const DeliveryData = z.object({ id: z.string(), event: z.string() });
const Failure = z.union([
  z.object({ message: z.string() }),
  z.object({ value: z.object({ message: z.string() }) }).transform(({ value }) => value),
]);

export async function readDeadLetters(database: Database, limit: number): Promise<DeadLetter[]> {
  const { rows } = await database.query(
    `SELECT id::text AS id, created_on AS at, data, source_name, source_output FROM pgboss.job
     WHERE name = 'dead-letters' AND state < 'completed' ORDER BY created_on DESC LIMIT $1`,
    [limit],
  );
  return z.array(DeadRow).parse(rows).map(describeDead);
}

function describeDead({ id, at, data, source_name, source_output }: z.infer<typeof DeadRow>): DeadLetter {
  const buried = source_name === null ? BuriedData.safeParse(data).data : undefined;
  if (buried) return { id, at: at.toISOString(), ...buried };
  const delivery = DeliveryData.safeParse(data).data;
  return {
    id,
    at: at.toISOString(),
    what: delivery ? `delivery ${delivery.id} (${delivery.event})` : `job of ${source_name ?? "an unknown queue"}`,
    error: Failure.safeParse(source_output).data?.message ?? "It failed, and nothing is known of why.",
    data,
  };
}
