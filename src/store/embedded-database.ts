import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PGlite } from "@electric-sql/pglite";
import { fromPglite } from "pg-boss";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Database } from "./database.ts";
import { migrate } from "./schema.ts";

export interface EmbeddedDatabaseOptions {
  /** The app's data; the database lies in `database/` below it. */
  folder: string;
  log?: Pick<Logger, "warn">;
  /** Time between two clean-ups, in milliseconds. */
  tidyEveryMs?: number;
}

/** Statements after which the database is cleaned up without waiting for the timer: about a thousand jobs. */
const statementsBeforeTidying = 10_000;
const leastTidyingGapMs = 60_000;

/**
 * PostgreSQL within this process, on a folder. It has one connection and no autovacuum: dead rows are removed by a timer.
 * Survives the end of the process at any point; it never waits for the disk, so a power failure can lose the last moments.
 */
export async function openEmbeddedDatabase({
  folder,
  log,
  tidyEveryMs = 600_000,
}: EmbeddedDatabaseOptions): Promise<Database> {
  await makeFolder(folder);
  await using stack = new AsyncDisposableStack();
  stack.use(lockFolder(folder));
  const pglite = stack.adopt(await openFolder(join(folder, "database")), (each) => each.close());
  const tidier = stack.use(createTidier({ pglite, log, everyMs: tidyEveryMs }));
  const database = connect(pglite, tidier);
  await migrate(database);
  const owned = stack.move();
  return { ...database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function connect(pglite: PGlite, tidier: Tidier): Omit<Database, typeof Symbol.asyncDispose> {
  const boss = fromPglite(pglite);
  return {
    kind: "embedded",
    query: (text, values = []) => {
      tidier.countStatement();
      return pglite.query(text, [...values]);
    },
    transaction: (work) =>
      pglite.transaction((transaction) =>
        work({
          query: (text, values = []) => {
            tidier.countStatement();
            return transaction.query(text, [...values]);
          },
        }),
      ),
    bossOptions: () => ({
      backend: "pglite",
      // It would warn that nothing removes dead rows; the timer does.
      monitorVacuum: false,
      db: {
        ...boss,
        executeSql: (text, values) => {
          tidier.countStatement();
          return boss.executeSql(text, values);
        },
      },
    }),
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new ConfigError({
      code: "data-not-writable",
      userMessage: `${path} cannot be written. Choose another folder for the app's data.`,
      cause: error,
    });
  }
}

async function openFolder(path: string): Promise<PGlite> {
  try {
    return await PGlite.create(path);
  } catch (error) {
    throw new ConfigError({
      code: "database-unreadable",
      userMessage: `The database in ${path} cannot be opened. Restore it from a backup, or move the folder away to begin with an empty one.`,
      cause: error,
    });
  }
}

/**
 * Two processes on one folder would lose data without a word. SQLite holds the lock, since it knows how to on every
 * system and the system gives it back when the process is gone, however it went.
 */
function lockFolder(folder: string): Disposable {
  const lock = new DatabaseSync(join(folder, "database.lock"));
  try {
    lock.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    throw new ConfigError({
      code: "database-in-use",
      userMessage: `${folder} is in use by another process; set DATABASE_URL to run several.`,
      cause: error,
    });
  }
  return { [Symbol.dispose]: () => lock.close() };
}

interface Tidier extends AsyncDisposable {
  countStatement(): void;
}

function createTidier({
  pglite,
  log,
  everyMs,
}: {
  pglite: PGlite;
  log: Pick<Logger, "warn"> | undefined;
  everyMs: number;
}): Tidier {
  let statements = 0;
  let tidiedAt = Date.now();
  let tidying: Promise<void> | null = null;
  const tidy = (): void => {
    if (tidying) return;
    statements = 0;
    tidiedAt = Date.now();
    tidying = vacuum(pglite)
      .catch((error: unknown) => log?.warn({ error: String(error) }, "the database could not be cleaned up"))
      .finally(() => {
        tidying = null;
      });
  };
  const timer = setInterval(tidy, everyMs);
  timer.unref();
  return {
    countStatement: () => {
      statements += 1;
      if (statements >= statementsBeforeTidying && Date.now() - tidiedAt >= leastTidyingGapMs) tidy();
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await tidying;
    },
  };
}

async function vacuum(pglite: PGlite): Promise<void> {
  await pglite.exec("VACUUM (ANALYZE)");
  await pglite.exec("CHECKPOINT");
}
