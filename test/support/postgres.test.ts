import { existsSync, readdirSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "./postgres.ts";

let postgres: PostgresServer | null;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
});

describe("PostgreSQL for tests", () => {
  it("gives databases that know nothing of each other", async (context) => {
    if (!postgres) return context.skip();
    const [one, other] = [await postgres.createDatabase(), await postgres.createDatabase()];
    expect(one).not.toBe(other);
    await ask(one, "CREATE TABLE runs (id text)");
    expect(await ask(one, "SELECT to_regclass('runs')::text AS found")).toEqual([{ found: "runs" }]);
    expect(await ask(other, "SELECT to_regclass('runs')::text AS found")).toEqual([{ found: null }]);
  });

  it("leaves nothing behind", async (context) => {
    const before = folders();
    const second = await startPostgres();
    if (!second) return context.skip();
    expect(folders()).toHaveLength(before.length + 1);
    await second[Symbol.asyncDispose]();
    await expect(ask(second.url, "SELECT 1")).rejects.toThrow();
    expect(folders()).toEqual(before);
  });
});

function folders(): string[] {
  return existsSync("/tmp") ? readdirSync("/tmp").filter((name) => name.startsWith("codedistiller-postgres-")) : [];
}

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
