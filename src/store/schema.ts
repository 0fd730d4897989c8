import { z } from "zod";
import { ConfigError } from "../errors.ts";
import type { Database, Sql } from "./database.ts";

/** Any number will do, as long as every version of the app takes the same. */
const migrationLock = 7_270_151_905;

/**
 * What was done to the database, in order, by statement. One that was released is never changed: a later one is added.
 * The columns beside `record` are taken from it by the database itself, so that they cannot differ.
 */
const migrations: ReadonlyArray<readonly string[]> = [
  [
    `CREATE TABLE codedistiller.runs (
      id text PRIMARY KEY,
      position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
      record jsonb NOT NULL,
      trigger_key text NOT NULL GENERATED ALWAYS AS (record->>'triggerKey') STORED,
      installation_id bigint NOT NULL GENERATED ALWAYS AS ((record->>'installationId')::bigint) STORED,
      repository_id bigint NOT NULL GENERATED ALWAYS AS ((record->'target'->>'id')::bigint) STORED,
      slug text NOT NULL GENERATED ALWAYS AS (record->>'slug') STORED,
      issue_number bigint GENERATED ALWAYS AS ((record->'issue'->>'number')::bigint) STORED,
      pull_number bigint GENERATED ALWAYS AS ((record->'pullRequest'->>'number')::bigint) STORED,
      status text NOT NULL GENERATED ALWAYS AS (record->>'status') STORED,
      outcome text GENERATED ALWAYS AS (record->'ending'->>'outcome') STORED,
      slot integer NOT NULL GENERATED ALWAYS AS ((record->>'slot')::integer) STORED,
      cost_usd double precision NOT NULL GENERATED ALWAYS AS ((record->>'costUsd')::double precision) STORED,
      max_cost_usd double precision NOT NULL GENERATED ALWAYS AS ((record->>'maxCostUsd')::double precision) STORED,
      finished_at text COLLATE "C" GENERATED ALWAYS AS (record->>'finishedAt') STORED
    )`,
    "CREATE UNIQUE INDEX runs_trigger_key ON codedistiller.runs (trigger_key)",
    "CREATE INDEX runs_position ON codedistiller.runs (position)",
    "CREATE INDEX runs_repository ON codedistiller.runs (repository_id, position)",
    "CREATE INDEX runs_installation ON codedistiller.runs (installation_id, position)",
    "CREATE INDEX runs_live ON codedistiller.runs (installation_id, slot) WHERE status <> 'finished'",
    "CREATE INDEX runs_spent ON codedistiller.runs (installation_id, finished_at) WHERE status = 'finished'",
    "CREATE INDEX runs_finished ON codedistiller.runs (finished_at) WHERE status = 'finished'",
    `CREATE TABLE codedistiller.run_log (
      run_id text NOT NULL REFERENCES codedistiller.runs (id) ON DELETE CASCADE,
      position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
      at text NOT NULL,
      text text NOT NULL,
      PRIMARY KEY (run_id, position)
    )`,
    `CREATE TABLE codedistiller.run_files (
      run_id text NOT NULL REFERENCES codedistiller.runs (id) ON DELETE CASCADE,
      path text NOT NULL,
      content bytea NOT NULL,
      executable boolean NOT NULL,
      sha256 text NOT NULL,
      size bigint NOT NULL,
      modified_ms bigint NOT NULL,
      PRIMARY KEY (run_id, path)
    )`,
    // Most of what is kept is figures and archives, which do not compress.
    "ALTER TABLE codedistiller.run_files ALTER COLUMN content SET STORAGE EXTERNAL",
    `CREATE TABLE codedistiller.installations (
      id bigint PRIMARY KEY,
      account text NOT NULL,
      suspended boolean NOT NULL
    )`,
    `CREATE TABLE codedistiller.cancellations (
      run_id text PRIMARY KEY REFERENCES codedistiller.runs (id) ON DELETE CASCADE
    )`,
  ],
  [
    // What an account used, which counts also where its runs are forgotten. Days are UTC's.
    `CREATE TABLE codedistiller.daily_use (
      account text NOT NULL,
      repository_id bigint NOT NULL,
      day text COLLATE "C" NOT NULL,
      runs integer NOT NULL DEFAULT 0,
      usd double precision NOT NULL DEFAULT 0,
      PRIMARY KEY (account, repository_id, day)
    )`,
    "CREATE INDEX daily_use_repository ON codedistiller.daily_use (repository_id, day)",
    `INSERT INTO codedistiller.daily_use (account, repository_id, day, usd)
     SELECT lower(record->'target'->>'owner'), repository_id, left(finished_at, 10), sum(cost_usd)
     FROM codedistiller.runs WHERE status = 'finished' AND finished_at IS NOT NULL GROUP BY 1, 2, 3`,
    "DROP INDEX codedistiller.runs_spent",
    // Which state of a run's files a machine's folder goes on from.
    "ALTER TABLE codedistiller.runs ADD COLUMN kept_state text",
  ],
];

/** Brings the database to this version, once, however many processes start together. Throws ConfigError where it is newer. */
export async function migrate(database: Pick<Database, "transaction">): Promise<void> {
  await database.transaction(async (sql) => {
    await sql.query("SELECT pg_advisory_xact_lock($1::bigint)", [migrationLock]);
    await sql.query("CREATE SCHEMA IF NOT EXISTS codedistiller");
    await sql.query("CREATE TABLE IF NOT EXISTS codedistiller.schema_version (version integer PRIMARY KEY)");
    const version = await readVersion(sql);
    if (version > migrations.length) {
      throw new ConfigError({
        code: "database-newer",
        userMessage: `The database was written by a newer CodeDistiller (its schema is ${version}, this version knows ${migrations.length}). Update CodeDistiller, or set DATABASE_URL to another database.`,
      });
    }
    for (const [index, statements] of migrations.entries()) {
      if (index < version) continue;
      for (const statement of statements) await sql.query(statement);
      await sql.query("INSERT INTO codedistiller.schema_version (version) VALUES ($1)", [index + 1]);
    }
  });
}

async function readVersion(sql: Sql): Promise<number> {
  const { rows } = await sql.query("SELECT coalesce(max(version), 0) AS version FROM codedistiller.schema_version");
  return z.tuple([z.object({ version: z.coerce.number() })]).parse(rows)[0].version;
}
