import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseBoundedJson } from "../../bounded-json.ts";

/** Stands beside the files of a snapshot, and says where in it they are. */
const SnapshotManifest = z.object({
  /** Folder that holds the kept paths as `0`, `1`, ...; another one each time that the snapshot is replaced. */
  content: z.string().regex(/^[\w-]+$/),
  /** Absolute paths inside. */
  paths: z.array(z.string()),
});
export type SnapshotManifest = z.infer<typeof SnapshotManifest>;

export const manifestName = "snapshot.json";

/** Null where there is no snapshot, or one that cannot be read. */
export async function readManifest(snapshot: string): Promise<SnapshotManifest | null> {
  const text = await readFile(join(snapshot, manifestName), "utf8").catch(() => "");
  return SnapshotManifest.safeParse(parseBoundedJson(text)?.value).data ?? null;
}

export async function writeManifest(path: string, manifest: SnapshotManifest): Promise<void> {
  await using file = await open(path, "wx", 0o644);
  await file.writeFile(JSON.stringify(manifest));
  await file.sync();
}
