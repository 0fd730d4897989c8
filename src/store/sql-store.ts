import { z } from "zod";
import { countUnfinished } from "./daily-use.ts";
import type { Database } from "./database.ts";
import { createRunStore } from "./sql-runs.ts";
import { makeStorableText } from "./storable.ts";
import type { InstallationStore, RunFiles, Store } from "./store.ts";

/** Everything that the app keeps, in a database; the folders of runs where `files` has them. */
export function createStore({ database, files }: { database: Database; files: RunFiles }): Store {
  return { runs: createRunStore(database, files), installations: createInstallationStore(database, files), files };
}

const InstallationRow = z.object({ id: z.coerce.number(), account: z.string(), suspended: z.boolean() });
const IdRows = z.array(z.object({ id: z.string() }));

function createInstallationStore(database: Database, files: RunFiles): InstallationStore {
  return {
    async put({ id, account, suspended }) {
      await database.query(
        `INSERT INTO codedistiller.installations (id, account, suspended) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET account = excluded.account, suspended = excluded.suspended`,
        [id, makeStorableText(account), suspended],
      );
    },
    async get(id) {
      const { rows } = await database.query(
        "SELECT id, account, suspended FROM codedistiller.installations WHERE id = $1",
        [id],
      );
      return rows.length === 0 ? null : InstallationRow.parse(rows[0]);
    },
    async forget(id) {
      const { rows } = await database.query("SELECT id FROM codedistiller.runs WHERE installation_id = $1", [id]);
      // The folders first: after a crash in between, their runs are still there to find them by.
      for (const run of IdRows.parse(rows)) await files.remove(run.id);
      await database.transaction(async (sql) => {
        await countUnfinished(sql, id);
        await sql.query("DELETE FROM codedistiller.runs WHERE installation_id = $1", [id]);
        await sql.query("DELETE FROM codedistiller.installations WHERE id = $1", [id]);
      });
    },
  };
}
