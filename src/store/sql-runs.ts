import { z } from "zod";
import { createRun } from "./create-run.ts";
import { countCost } from "./daily-use.ts";
import type { Database } from "./database.ts";
import { RunRecord, RunStatus } from "./run-record.ts";
import { makeStorableText, toStorableJson } from "./storable.ts";
import type { RunFiles, RunFilter, RunStore } from "./store.ts";

const logLines = 500;

const RecordRows = z.array(z.object({ record: RunRecord }));
const CountRow = z.tuple([z.object({ count: z.coerce.number() })]);
const IdRows = z.array(z.object({ id: z.string() }));
const LogRows = z.array(z.object({ at: z.string(), text: z.string() }));
const StatusRows = z.array(
  z.object({ status: RunStatus, outcome: z.string().nullable(), runs: z.coerce.number().int() }),
);

export function createRunStore(database: Database, files: Pick<RunFiles, "remove">): RunStore {
  return {
    create: (run, bounds, enqueue) => createRun({ database, run, bounds, enqueue }),
    async get(id) {
      if (!RunRecord.shape.id.safeParse(id).success) return null;
      const { rows } = await database.query("SELECT record FROM codedistiller.runs WHERE id = $1", [id]);
      return RecordRows.parse(rows)[0]?.record ?? null;
    },
    async find(filter) {
      const { where, values } = describeFilter(filter);
      const { rows } = await database.query(
        `SELECT record FROM codedistiller.runs ${where} ORDER BY position DESC LIMIT $${values.length + 1}`,
        [...values, filter.limit ?? 50],
      );
      return RecordRows.parse(rows).map(({ record }) => record);
    },
    update: (id, change) => updateRun(database, id, change),
    place: (run) => findPlace(database, run),
    async log(id, text) {
      // A run that was forgotten meanwhile has no log.
      await database.query(
        `WITH older AS (
           DELETE FROM codedistiller.run_log WHERE run_id = $1 AND position <= (
             SELECT position FROM codedistiller.run_log WHERE run_id = $1
             ORDER BY position DESC OFFSET ${logLines - 1} LIMIT 1))
         INSERT INTO codedistiller.run_log (run_id, at, text)
         SELECT id, $2, $3 FROM codedistiller.runs WHERE id = $1`,
        [id, new Date().toISOString(), makeStorableText(text)],
      );
    },
    async readLog(id, last) {
      const { rows } = await database.query(
        "SELECT at, text FROM codedistiller.run_log WHERE run_id = $1 ORDER BY position DESC LIMIT $2",
        [id, last],
      );
      return LogRows.parse(rows).reverse();
    },
    async removeEndedBefore(time) {
      const { rows } = await database.query(
        "SELECT id FROM codedistiller.runs WHERE status = 'finished' AND finished_at < $1 LIMIT 1000",
        [new Date(time).toISOString()],
      );
      const ids = IdRows.parse(rows).map(({ id }) => id);
      // The folders first: after a crash in between, their runs are still there to find them by.
      for (const id of ids) await files.remove(id);
      await database.query("DELETE FROM codedistiller.runs WHERE id = ANY($1::text[])", [ids]);
      return ids.length;
    },
    async count() {
      const { rows } = await database.query(
        "SELECT status, outcome, count(*) AS runs FROM codedistiller.runs GROUP BY status, outcome ORDER BY status, outcome",
      );
      return StatusRows.parse(rows);
    },
  };
}

function describeFilter(filter: RunFilter): { where: string; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const add = (condition: string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition.replace("?", `$${values.length}`));
  };
  add("installation_id = ?", filter.installationId);
  add("repository_id = ?", filter.repositoryId);
  add("status = ANY(?::text[])", filter.statuses && [...filter.statuses]);
  add("pull_number = ?", filter.pullNumber);
  add("issue_number = ?", filter.issueNumber);
  add("slug = ?", filter.slug);
  add("trigger_key = ?", filter.triggerKey);
  return { where: conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`, values };
}

function updateRun(
  database: Database,
  id: string,
  change: (run: RunRecord) => RunRecord | null,
): Promise<RunRecord | null> {
  return database.transaction(async (sql) => {
    const { rows } = await sql.query("SELECT record FROM codedistiller.runs WHERE id = $1 FOR UPDATE", [id]);
    const found = RecordRows.parse(rows)[0]?.record;
    if (!found) return null;
    const changed = change(found);
    if (!changed) return found;
    const json = toStorableJson(RunRecord.parse({ ...changed, id }));
    await sql.query("UPDATE codedistiller.runs SET record = $2::jsonb WHERE id = $1", [id, json]);
    const written = RunRecord.parse(JSON.parse(json));
    await countCost(sql, found, written);
    return written;
  });
}

/** One that runs is before all that wait, also where it was asked for later: it began while the other could not. */
async function findPlace(database: Database, run: RunRecord): Promise<number> {
  const { rows } = await database.query(
    `SELECT count(*) AS count FROM codedistiller.runs other, codedistiller.runs this
     WHERE this.id = $1 AND this.status = 'queued' AND other.id <> this.id
       AND other.installation_id = this.installation_id AND other.slot = this.slot
       AND (other.status = 'running' OR (other.status = 'queued' AND other.position < this.position))`,
    [run.id],
  );
  return CountRow.parse(rows)[0].count;
}
