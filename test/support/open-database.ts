import type { Database } from "../../src/store/database.ts";
import { openEmbeddedDatabase } from "../../src/store/embedded-database.ts";
import { openPostgresDatabase } from "../../src/store/postgres-database.ts";

/** Where a database is: what another process needs to open the same one. */
export type DatabasePlace = { kind: "embedded"; folder: string } | { kind: "postgres"; url: string };

export function openDatabase(place: DatabasePlace): Promise<Database> {
  return place.kind === "embedded" ? openEmbeddedDatabase(place) : openPostgresDatabase({ ...place, connections: 8 });
}
