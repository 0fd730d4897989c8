import { setTimeout } from "node:timers/promises";
import { Pool, type PoolClient } from "pg";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Database, Sql } from "./database.ts";
import { migrate } from "./schema.ts";

export interface PostgresDatabaseOptions {
  url: string;
  log?: Pick<Logger, "warn">;
  /** Connections of this process, in all. */
  connections?: number;
  /** How long a server that is just starting is waited for, in milliseconds. */
  waitMs?: number;
}

/** A PostgreSQL server, from version 13 on, which any number of processes share. */
export async function openPostgresDatabase({
  url,
  log,
  connections = 20,
  waitMs = 30_000,
}: PostgresDatabaseOptions): Promise<Database> {
  // The queue has connections of its own, since one of them is kept for listening.
  const half = Math.max(2, Math.floor(connections / 2));
  const pool = createPool(url, half);
  // A connection that breaks while nobody uses it is replaced; without a listener it would end the process.
  pool.on("error", (error) => log?.warn({ error: error.message }, "a database connection broke"));
  const database: Database = {
    kind: "postgres",
    query: (text, values = []) => pool.query(text, [...values]),
    transaction: (work) => runTransaction(pool, work),
    bossOptions: () => ({ connectionString: url, max: half, application_name: "codedistiller" }),
    [Symbol.asyncDispose]: () => pool.end(),
  };
  try {
    await waitForServer(pool, waitMs);
    await migrate(database);
    return database;
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function createPool(url: string, max: number): Pool {
  try {
    return new Pool({
      connectionString: url,
      max,
      application_name: "codedistiller",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
  } catch (error) {
    throw describeUnreachable(error);
  }
}

async function runTransaction<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work({ query: (text, values = []) => client.query(text, [...values]) });
    await client.query("COMMIT");
    client.release();
    return result;
  } catch (error) {
    await rollBack(client);
    throw error;
  }
}

/** A connection whose transaction cannot be ended is closed, which ends it. */
async function rollBack(client: PoolClient): Promise<void> {
  try {
    await client.query("ROLLBACK");
    client.release();
  } catch {
    client.release(true);
  }
}

/** 57P03: "the database system is starting up". */
const startingCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "57P03"]);

async function waitForServer(pool: Pool, waitMs: number): Promise<void> {
  const until = Date.now() + waitMs;
  for (;;) {
    try {
      await pool.query("SELECT 1");
      return;
    } catch (error) {
      if (!startingCodes.has(codeOf(error)) || Date.now() >= until) throw describeUnreachable(error);
      await setTimeout(Math.min(1000, waitMs));
    }
  }
}

/** The address itself holds a password and is told to nobody. */
function describeUnreachable(error: unknown): ConfigError {
  return new ConfigError({
    code: "database-unreachable",
    userMessage: `The database of DATABASE_URL cannot be used (${codeOf(error) || "no valid address"}). Check its address, name, user and password.`,
    cause: error,
  });
}

/** System errors of several addresses come as one without a code of its own in some versions of Node. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && !("code" in error)) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
