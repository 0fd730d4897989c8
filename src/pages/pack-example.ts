import type { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import type { RunRecord } from "../store/run-record.ts";
import type { RunFiles } from "../store/store.ts";

export type RunFile = Awaited<ReturnType<RunFiles["list"]>>[number];

/** Where a run's folder has what is published. */
const publishedFolder = "example/";

/** The files of the published folder by their paths in it. */
export function pickExampleFiles(all: readonly RunFile[]): RunFile[] {
  return all
    .filter(({ path }) => path.startsWith(publishedFolder))
    .map((file) => ({ ...file, path: file.path.slice(publishedFolder.length) }))
    .filter(({ path }) => isPlainPath(path))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * The published folder as a compressed archive in one folder named after the run's slug: plain files, executable or not,
 * nobody's, with one time, so that the same run gives the same archive. One file is in memory at a time.
 */
export function packExample(store: Pick<RunFiles, "read">, run: RunRecord, files: readonly RunFile[]): Readable {
  const folder = /^[\w-][\w.-]{0,99}$/.test(run.slug) ? run.slug : "example";
  const mtime = new Date(run.finishedAt ?? run.createdAt);
  const archive = pack();
  const fill = async (): Promise<void> => {
    for (const { path, executable } of files) {
      const bytes = await store.read(run.id, publishedFolder + path);
      if (!bytes) continue;
      const header = { name: `${folder}/${path}`, mode: executable ? 0o755 : 0o644, mtime, type: "file" as const };
      await new Promise<void>((resolve, reject) => {
        archive.entry(header, bytes, (error) => (error ? reject(error) : resolve()));
      });
    }
    archive.finalize();
  };
  fill().catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
  return compress(archive);
}

/** A reader who goes away ends the packing as well. */
function compress(archive: ReturnType<typeof pack>): Readable {
  const gzip = createGzip();
  archive.on("error", (error) => gzip.destroy(error));
  gzip.on("close", () => archive.destroy());
  archive.pipe(gzip);
  return gzip;
}

function isPlainPath(path: string): boolean {
  return path !== "" && !path.includes("\0") && !path.split("/").some((part) => ["", ".", ".."].includes(part));
}
