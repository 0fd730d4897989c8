import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createQueue } from "../../src/jobs/queue.ts";
import { openEmbeddedDatabase } from "../../src/store/embedded-database.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const caches = join(root, "node_modules/.cache");

/** Seconds go into the first start of an embedded database: a data folder begins as a copy of one that was started. */
export async function copyEmbeddedTemplate(folder: string): Promise<void> {
  const template = await findTemplate();
  mkdirSync(folder, { recursive: true });
  cpSync(template, folder, { recursive: true });
}

async function findTemplate(): Promise<string> {
  const template = join(caches, `codedistiller-database-${hashOfMakers()}`);
  if (existsSync(template)) return template;
  mkdirSync(caches, { recursive: true });
  const made = mkdtempSync(join(caches, "making-"));
  {
    await using database = await openEmbeddedDatabase({ folder: made });
    await using _queue = await createQueue({ database });
  }
  try {
    renameSync(made, template);
  } catch {
    // Another worker was quicker.
    rmSync(made, { recursive: true, force: true });
  }
  return template;
}

/** Everything that decides what a new database looks like. */
function hashOfMakers(): string {
  const hash = createHash("sha256");
  const packages = ["pg-boss", "@electric-sql/pglite"].map((name) => `node_modules/${name}/package.json`);
  for (const path of ["src/store/schema.ts", "src/jobs/start-boss.ts", ...packages])
    hash.update(readFileSync(join(root, path)));
  return hash.digest("hex").slice(0, 16);
}
