import { afterAll, expect, it } from "vitest";
import { AppSettings } from "../../src/app-settings.ts";
import type { AppContext } from "../../src/jobs/app-context.ts";
import { createQueue } from "../../src/jobs/queue.ts";
import { sweepRuns } from "../../src/jobs/sweep-runs.ts";
import { createLogger } from "../../src/log.ts";
import { createFolderFiles } from "../../src/store/run-files.ts";
import type { RunRecord } from "../../src/store/run-record.ts";
import { createStore } from "../../src/store/sql-store.ts";
import { boundsOf, newRun, startDatabases } from "../support/databases.ts";
import { openDatabase } from "../support/open-database.ts";

const databases = await startDatabases();
afterAll(() => databases[Symbol.asyncDispose]());

it("has runs begin again whose job is gone, and ends those that were cancelled", async () => {
  await using database = await openDatabase(await databases.createPlace("embedded"));
  await using queue = await createQueue({ database });
  const store = createStore({ database, files: createFolderFiles({ root: "/nowhere" }) });
  const create = async (): Promise<RunRecord> => {
    const creation = await store.runs.create(newRun(), boundsOf(9, 9), (sql, run) => queue.enqueueRun(sql, run));
    if (creation.kind !== "created") throw new Error(creation.kind);
    return creation.run;
  };
  const [waiting, running, cancelled, untouched] = [await create(), await create(), await create(), await create()];
  await store.runs.update(running.id, (run) => ({ ...run, status: "running" }));
  await store.runs.update(cancelled.id, (run) => ({ ...run, cancelled: { by: "octocat", reason: "Not wanted." } }));
  await database.query("DELETE FROM pgboss.job WHERE name = 'runs' AND id <> $1::uuid", [untouched.id]);
  const ended: string[] = [];
  const context = {
    store,
    queue,
    config: { settings: AppSettings.parse({}), publicUrl: null },
    log: createLogger(() => undefined),
    github: { client: () => Promise.reject(new Error("nobody answers")) },
    runEnded: ({ id }: RunRecord) => void ended.push(id),
  } as unknown as AppContext;
  await sweepRuns(context);
  const { rows } = await database.query(
    "SELECT id::text AS id FROM pgboss.job WHERE name = 'runs' AND state = 'created'",
  );
  const ids = (rows as Array<{ id: string }>).map(({ id }) => id.replaceAll("-", ""));
  expect(ids.sort()).toEqual([waiting.id, running.id, untouched.id].sort());
  expect(ended).toEqual([cancelled.id]);
  expect((await store.runs.get(cancelled.id))?.ending).toMatchObject({
    outcome: "cancelled",
    explanation: "Not wanted.",
  });
});
