import type { ConstructorOptions } from "pg-boss";

/** A connection, or a transaction on one. Placeholders are `$1`, `$2`. */
export interface Sql {
  query(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[] }>;
}

/** Where the app's rows and its queue are: PostgreSQL within this process, or a server that many processes share. */
export interface Database extends Sql, AsyncDisposable {
  readonly kind: "embedded" | "postgres";
  /**
   * Commits what `work` did, or nothing of it where it throws. Embedded there is one connection: inside, ask `sql` only,
   * never the database itself, which would wait for the transaction to end.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** What pg-boss is constructed with to keep its jobs in the same database. */
  bossOptions(): ConstructorOptions;
}
