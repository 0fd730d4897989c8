import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedDatabase } from "../../src/store/embedded-database.ts";
import type { NewRun } from "../../src/store/run-record.ts";
import type { Bounds } from "../../src/store/store.ts";
import type { DatabasePlace } from "./open-database.ts";
import { startPostgres } from "./postgres.ts";

export interface Databases extends AsyncDisposable {
  kinds: Array<DatabasePlace["kind"]>;
  /** A place for a database of its own, which nobody has opened yet. */
  createPlace(kind: DatabasePlace["kind"]): Promise<DatabasePlace>;
}

/** Both kinds of database; the embedded one alone where there is no PostgreSQL. */
export async function startDatabases(): Promise<Databases> {
  const folder = await mkdtemp(join(tmpdir(), "codedistiller-databases-"));
  const postgres = await startPostgres();
  let template: Promise<string> | null = null;
  return {
    kinds: postgres ? ["embedded", "postgres"] : ["embedded"],
    async createPlace(kind) {
      if (kind === "embedded") {
        template ??= createTemplate(folder);
        const copy = await mkdtemp(join(folder, "app-"));
        await cp(await template, copy, { recursive: true });
        return { kind, folder: copy };
      }
      if (!postgres) throw new Error("There is no PostgreSQL.");
      return { kind, url: await postgres.createDatabase() };
    },
    async [Symbol.asyncDispose]() {
      await postgres?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Seconds go into the first start of an embedded database; a copy of one that was started has them behind it. */
async function createTemplate(folder: string): Promise<string> {
  const template = join(folder, "template");
  const database = await openEmbeddedDatabase({ folder: template });
  await database[Symbol.asyncDispose]();
  return template;
}

/** Bounds that neither money nor the day's runs cross. */
export function boundsOf(slots: number, waiting: number): Bounds {
  return { slots, waiting, dayRuns: 10_000, repositoryDayUsd: 10_000, installationMonthUsd: 10_000 };
}

let requests = 0;

/** A request as `/distill` makes it, each from another comment. */
export function newRun(change: Partial<NewRun> & { repositoryId?: number } = {}): NewRun {
  const { repositoryId = 1, ...rest } = change;
  requests += 1;
  return {
    triggerKey: `delivery-${requests}-${Math.random()}`,
    installationId: 7,
    target: {
      id: repositoryId,
      owner: rest.installationId === undefined ? "octo" : `octo-${rest.installationId}`,
      name: `repository-${repositoryId}`,
      isPrivate: false,
    },
    source: null,
    slug: `repository-${repositoryId}`,
    trigger: "command",
    settings: {},
    dryRun: false,
    requestedBy: "octocat",
    issue: { number: 3, commentId: 4 },
    parent: null,
    feedback: null,
    comment: null,
    maxCostUsd: 5,
    ...rest,
  };
}
