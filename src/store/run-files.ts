import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Logger } from "../log.ts";
import type { Database, Sql } from "./database.ts";
import {
  type FolderFile,
  isSafePath,
  listFolder,
  markerFile,
  mostFileBytes,
  readFolderFile,
  removeOthers,
  writeFolderFile,
} from "./run-folder.ts";
import { RunRecord } from "./run-record.ts";
import type { RunFiles } from "./store.ts";

/** What is kept of one run at most: bytes, and files. */
const mostRunBytes = 256 * 2 ** 20;
const mostRunFiles = 5000;
/** A file that changed so shortly ago may change again within the same millisecond. */
const settledAfterMs = 2000;

/** Folders below `root`, of one machine alone. */
export function createFolderFiles({ root }: { root: string }): RunFiles {
  const folderOf = (id: string): string => join(root, RunRecord.shape.id.parse(id));
  return {
    folderOf,
    restore: async () => {},
    keep: async () => {},
    read: async (id, path) => (await readFolderFile(folderOf(id), path))?.content ?? null,
    async list(id) {
      const files = await listFolder(folderOf(id));
      return files
        .filter(({ size }) => size <= mostFileBytes)
        .map(({ path, size, executable }) => ({ path, bytes: size, executable }));
    },
    async copy(from, to) {
      const files = await listFolder(folderOf(from));
      for (const { path } of files) {
        const file = await readFolderFile(folderOf(from), path);
        if (file) await writeFolderFile(folderOf(to), file);
      }
      await removeOthers(folderOf(to), new Set(files.map(({ path }) => path)));
    },
    remove: (id) => rm(folderOf(id), { recursive: true, force: true }),
    removeCopies: async () => 0,
  };
}

export interface DatabaseFilesOptions {
  root: string;
  database: Database;
  log?: Pick<Logger, "warn">;
}

/** Folders below `root` whose files are rows as well, so that any machine can go on with a run, and any can show it. */
export function createDatabaseFiles({ root, database, log }: DatabaseFilesOptions): RunFiles {
  const folderOf = (id: string): string => join(root, RunRecord.shape.id.parse(id));
  return {
    folderOf,
    restore: (id) => restoreFolder(database, id, folderOf(id)),
    keep: (id) => keepFolder({ database, log, id, folder: folderOf(id) }),
    async read(id, path) {
      if (!isSafePath(path)) return null;
      return (await readContent(database, id, path))?.content ?? null;
    },
    async list(id) {
      const kept = await listKept(database, id);
      return kept.map(({ path, size, executable }) => ({ path, bytes: size, executable }));
    },
    async copy(from, to) {
      await copyRows(database, from, to);
      await restoreFolder(database, to, folderOf(to));
    },
    async remove(id) {
      await rm(folderOf(id), { recursive: true, force: true });
      await database.query("DELETE FROM codedistiller.run_files WHERE run_id = $1", [id]);
    },
    async removeCopies(endedBefore) {
      const names = await readdir(root).catch(() => []);
      const here = names.filter((name) => RunRecord.shape.id.safeParse(name).success);
      const { rows } = await database.query(
        `SELECT id FROM codedistiller.runs WHERE id = ANY($1::text[]) AND (status <> 'finished' OR finished_at >= $2)`,
        [here, endedBefore],
      );
      const wanted = new Set(IdRows.parse(rows).map(({ id }) => id));
      const copies = here.filter((id) => !wanted.has(id));
      for (const id of copies) await rm(folderOf(id), { recursive: true, force: true });
      return copies.length;
    },
  };
}

const IdRows = z.array(z.object({ id: z.string() }));
const StateRows = z.array(z.object({ kept_state: z.string().nullable() }));

const KeptRow = z
  .object({
    path: z.string(),
    size: z.coerce.number(),
    modified_ms: z.coerce.number(),
    executable: z.boolean(),
    sha256: z.string(),
  })
  .transform(({ modified_ms, ...row }) => ({ ...row, modifiedMs: modified_ms }));
type KeptFile = z.infer<typeof KeptRow>;
const ContentRow = z.object({ content: z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes)) });

async function listKept(sql: Sql, id: string): Promise<KeptFile[]> {
  const { rows } = await sql.query(
    `SELECT path, size, modified_ms, executable, sha256 FROM codedistiller.run_files
     WHERE run_id = $1 ORDER BY path COLLATE "C"`,
    [id],
  );
  return z.array(KeptRow).parse(rows);
}

async function readContent(sql: Sql, id: string, path: string): Promise<{ content: Buffer } | null> {
  const { rows } = await sql.query("SELECT content FROM codedistiller.run_files WHERE run_id = $1 AND path = $2", [
    id,
    path,
  ]);
  return rows.length === 0 ? null : ContentRow.parse(rows[0]);
}

/** One file at a time, so that it takes no more memory than the largest. */
async function restoreFolder(database: Database, id: string, folder: string): Promise<void> {
  const { rows } = await database.query("SELECT kept_state FROM codedistiller.runs WHERE id = $1", [id]);
  const state = StateRows.parse(rows)[0]?.kept_state ?? null;
  const marker = join(folder, markerFile);
  if (state !== null && (await readFile(marker, "utf8").catch(() => null)) === state) return;
  await rm(marker, { force: true });
  const kept = await listKept(database, id);
  for (const file of kept) {
    const here = await readFolderFile(folder, file.path);
    if (here?.sha256 === file.sha256 && here.executable === file.executable) continue;
    const found = await readContent(database, id, file.path);
    if (found) await writeFolderFile(folder, { ...file, ...found });
  }
  await removeOthers(folder, new Set(kept.map(({ path }) => path)));
  if (state !== null) await mark(folder, state);
}

async function mark(folder: string, state: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, markerFile), state);
}

interface KeepOptions {
  database: Database;
  log: Pick<Logger, "warn"> | undefined;
  id: string;
  folder: string;
}

/** All or nothing, so that nobody goes on from a state whose files are missing. */
async function keepFolder({ database, log, id, folder }: KeepOptions): Promise<void> {
  const { chosen, left } = choose(await listFolder(folder));
  if (left.length > 0) {
    log?.warn({ run: id, files: left.slice(0, 20), more: Math.max(0, left.length - 20) }, "files too large to be kept");
  }
  const state = await database.transaction(async (sql) => {
    // A run that was forgotten meanwhile keeps nothing; and of two processes that think it theirs, one waits.
    const { rows } = await sql.query("SELECT 1 FROM codedistiller.runs WHERE id = $1 FOR UPDATE", [id]);
    if (rows.length === 0) return null;
    const kept = new Map((await listKept(sql, id)).map((file) => [file.path, file]));
    for (const file of chosen) await keepFile({ sql, id, folder, file, kept: kept.get(file.path) });
    await sql.query("DELETE FROM codedistiller.run_files WHERE run_id = $1 AND NOT path = ANY($2::text[])", [
      id,
      chosen.map(({ path }) => path),
    ]);
    return markRows(sql, id);
  });
  if (state !== null) await mark(folder, state);
}

/** What is kept is another state from now on, which this returns. */
async function markRows(sql: Sql, id: string): Promise<string> {
  const state = randomUUID();
  await sql.query("UPDATE codedistiller.runs SET kept_state = $2 WHERE id = $1", [id, state]);
  return state;
}

function choose(files: readonly FolderFile[]): { chosen: FolderFile[]; left: string[] } {
  const chosen: FolderFile[] = [];
  const left: string[] = [];
  let bytes = 0;
  // The small ones first: state and reports are among them.
  for (const file of [...files].sort((a, b) => a.size - b.size)) {
    bytes += file.size;
    const fits = file.size <= mostFileBytes && bytes <= mostRunBytes && chosen.length < mostRunFiles;
    if (fits) chosen.push(file);
    else left.push(file.path);
  }
  return { chosen, left };
}

interface KeepFileOptions {
  sql: Sql;
  id: string;
  folder: string;
  file: FolderFile;
  kept: KeptFile | undefined;
}

async function keepFile({ sql, id, folder, file, kept }: KeepFileOptions): Promise<void> {
  const looksKept =
    kept?.size === file.size && kept.modifiedMs === file.modifiedMs && kept.executable === file.executable;
  if (looksKept && Date.now() - file.modifiedMs > settledAfterMs) return;
  const now = await readFolderFile(folder, file.path);
  if (!now) return;
  if (kept?.sha256 === now.sha256) {
    if (kept.modifiedMs === now.modifiedMs && kept.executable === now.executable) return;
    await sql.query(
      "UPDATE codedistiller.run_files SET executable = $3, modified_ms = $4 WHERE run_id = $1 AND path = $2",
      [id, now.path, now.executable, now.modifiedMs],
    );
    return;
  }
  await sql.query(
    `INSERT INTO codedistiller.run_files (run_id, path, content, executable, sha256, size, modified_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (run_id, path) DO UPDATE SET content = excluded.content, executable = excluded.executable,
       sha256 = excluded.sha256, size = excluded.size, modified_ms = excluded.modified_ms`,
    [id, now.path, now.content, now.executable, now.sha256, now.size, now.modifiedMs],
  );
}

async function copyRows(database: Database, from: string, to: string): Promise<void> {
  await database.transaction(async (sql) => {
    await sql.query("DELETE FROM codedistiller.run_files WHERE run_id = $1", [to]);
    await sql.query(
      `INSERT INTO codedistiller.run_files (run_id, path, content, executable, sha256, size, modified_ms)
       SELECT $2, path, content, executable, sha256, size, modified_ms FROM codedistiller.run_files WHERE run_id = $1`,
      [from, to],
    );
    await markRows(sql, to);
  });
}
