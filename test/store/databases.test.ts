import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openEmbeddedDatabase } from "../../src/store/embedded-database.ts";
import { openPostgresDatabase } from "../../src/store/postgres-database.ts";
import { startDatabases } from "../support/databases.ts";
import { openDatabase } from "../support/open-database.ts";

const databases = await startDatabases();
afterAll(() => databases[Symbol.asyncDispose]());

describe.each(databases.kinds)("a database, %s", (kind) => {
  it("keeps what was committed, and nothing of a transaction that failed", async () => {
    const place = await databases.createPlace(kind);
    {
      await using database = await openDatabase(place);
      const insert = "INSERT INTO codedistiller.installations (id, account, suspended) VALUES ($1, $2, false)";
      await database.transaction((sql) => sql.query(insert, [1, "kept"]));
      const failing = database.transaction(async (sql) => {
        await sql.query(insert, [2, "lost"]);
        await sql.query("SELECT 1 / 0");
      });
      await expect(failing).rejects.toThrow("division by zero");
      await database.query("SELECT 1");
    }
    await using again = await openDatabase(place);
    const { rows } = await again.query("SELECT account FROM codedistiller.installations");
    expect(rows).toEqual([{ account: "kept" }]);
  });

  it("is refused where a newer version wrote it", async () => {
    const place = await databases.createPlace(kind);
    {
      await using database = await openDatabase(place);
      await database.query("INSERT INTO codedistiller.schema_version (version) VALUES (999)");
    }
    const opening = openDatabase(place);
    await expect(opening).rejects.toBeInstanceOf(ConfigError);
    await expect(opening).rejects.toMatchObject({ code: "database-newer" });
  });
});

describe("the embedded database", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "codedistiller-embedded-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("belongs to one process, and is free again however that one ends", async () => {
    const main = fileURLToPath(new URL("../support/hold-database-main.ts", import.meta.url));
    const holder: ChildProcess = spawn(process.execPath, [main, folder], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      if (!holder.stdout) throw new Error("no output");
      await once(holder.stdout, "data");
      await expect(openEmbeddedDatabase({ folder })).rejects.toMatchObject({
        code: "database-in-use",
        userMessage: `${folder} is in use by another process; set DATABASE_URL to run several.`,
      });
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    await using database = await openEmbeddedDatabase({ folder });
    expect((await database.query("SELECT account FROM codedistiller.installations")).rows).toEqual([
      { account: "held" },
    ]);
  });

  it("is not opened twice within a process either", async () => {
    await using _ = await openEmbeddedDatabase({ folder });
    await expect(openEmbeddedDatabase({ folder })).rejects.toMatchObject({ code: "database-in-use" });
  });

  it("removes dead rows by itself", async () => {
    await using database = await openEmbeddedDatabase({ folder, tidyEveryMs: 200 });
    const bytes = async (): Promise<number> => {
      const { rows } = await database.query("SELECT pg_relation_size('codedistiller.installations') AS bytes");
      return Number((rows as [{ bytes: number }])[0].bytes);
    };
    await database.query(
      "INSERT INTO codedistiller.installations SELECT id, repeat('x', 100), false FROM generate_series(1, 5000) AS id",
    );
    const full = await bytes();
    await database.query("DELETE FROM codedistiller.installations");
    await expect.poll(bytes, { timeout: 10_000 }).toBeLessThan(full / 10);
  });

  it("says what is wrong where its folder cannot be made", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(openEmbeddedDatabase({ folder: join(folder, "file/data") })).rejects.toMatchObject({
      code: "data-not-writable",
    });
  });
});

describe("a server that cannot be had", () => {
  it("is told without its password", async () => {
    const url = "postgres://user:secret-word@127.0.0.1:1/none";
    const failure = await openPostgresDatabase({ url, waitMs: 10 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "database-unreachable" });
    expect((failure as ConfigError).userMessage).toContain("ECONNREFUSED");
    expect((failure as ConfigError).userMessage).not.toContain("secret-word");
  });

  it("is told where the address is none", async () => {
    await expect(openPostgresDatabase({ url: "not an address", waitMs: 10 })).rejects.toMatchObject({
      code: "database-unreachable",
    });
  });
});
