import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, opendir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseBoundedJson } from "../bounded-json.ts";
import { environmentFolder, sourceFolder } from "../example/example.ts";
import { type Evidence, ObserverRecord } from "../example/execution.ts";

const maxRecordBytes = 20_000_000;
const maxRecords = 500;

/** What is kept of each; who has as many may not have seen all. */
export const evidenceBounds = { functions: 2000, modules: 1000 } as const;

export interface ReadEvidenceOptions {
  /** Host folder with the observer's records, one file a process. */
  folder: string;
  /** The example's folder as programs saw it. */
  exampleFolder: string;
  /** Host folder of the repository's files that the program was given. */
  repositoryFolder: string;
  /** Top-level modules of the repository. */
  modules: readonly string[];
}

/**
 * Joins the observer's records and keeps as evidence only what ran from the repository: a source file whose bytes are those
 * of the file at the same place in the repository (in `source/`, or installed from it), or a compiled module of the
 * repository in the environment. Anything else under the repository's names is an impostor.
 */
export async function readEvidence({
  folder,
  exampleFolder,
  repositoryFolder,
  modules,
}: ReadEvidenceOptions): Promise<Evidence> {
  const records = await readRecords(folder);
  const evidence: Evidence = {
    processes: records.length,
    python: records[0]?.python ?? null,
    functions: [],
    impostors: [],
    modules: [],
    swallowed: [],
    errors: [],
  };
  const origin = createOriginFinder({ exampleFolder, repositoryFolder });
  const functions = new Map<string, Evidence["functions"][number]>();
  const seenModules = new Set<string>();
  for (const record of records) {
    for (const called of record.functions) {
      const path = await origin(called.file, called.sha256, called.compiled);
      if (path === null) {
        addImpostor(evidence, called.module, called.file);
        continue;
      }
      const key = `${path}:${called.qualname}:${called.module}`;
      const known = functions.get(key);
      if (known) known.count += called.count;
      else if (functions.size < evidenceBounds.functions) functions.set(key, { ...called, path });
    }
    for (const module of record.modules) {
      if (seenModules.has(module.name) || evidence.modules.length >= evidenceBounds.modules) continue;
      seenModules.add(module.name);
      evidence.modules.push(module);
      const own = modules.includes(module.name.split(".")[0] ?? "");
      if (own && module.file && !isExpectedPlace(module.file, exampleFolder))
        addImpostor(evidence, module.name, module.file);
    }
    const swallowed = record.handledExceptions.filter(
      ({ reraises, file }) =>
        !reraises && file.startsWith(`${exampleFolder}/`) && !file.endsWith("/example_recording.py"),
    );
    evidence.swallowed.push(...swallowed.slice(0, 100 - evidence.swallowed.length));
    evidence.errors.push(...record.errors.slice(0, 20 - evidence.errors.length));
  }
  evidence.functions = [...functions.values()].sort((a, b) => b.count - a.count || (a.path < b.path ? -1 : 1));
  return evidence;
}

async function readRecords(folder: string): Promise<ObserverRecord[]> {
  const records: ObserverRecord[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (!entry.isFile() || !entry.name.endsWith(".json") || records.length >= maxRecords) continue;
      const path = join(folder, entry.name);
      if ((await lstat(path)).size > maxRecordBytes) continue;
      const parsed = ObserverRecord.safeParse(parseBoundedJson(await readFile(path, "utf8"))?.value);
      if (parsed.success) records.push(parsed.data);
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  return records.sort((a, b) => a.pid - b.pid);
}

function addImpostor(evidence: Evidence, module: string, file: string): void {
  if (evidence.impostors.length < 50 && !evidence.impostors.some((known) => known.file === file))
    evidence.impostors.push({ module, file });
}

/** Where the repository's modules may come from: its folder, or what was installed into the environment. */
function isExpectedPlace(file: string, exampleFolder: string): boolean {
  return (
    file.startsWith(`${exampleFolder}/${sourceFolder}/`) || file.startsWith(`${exampleFolder}/${environmentFolder}/`)
  );
}

/** Tells which file of the repository a loaded file is; null for none. */
function createOriginFinder({
  exampleFolder,
  repositoryFolder,
}: Pick<ReadEvidenceOptions, "exampleFolder" | "repositoryFolder">): (
  file: string,
  sha256: string | null,
  compiled: boolean,
) => Promise<string | null> {
  const hashes = new Map<string, string | null>();
  const hashOf = async (path: string): Promise<string | null> => {
    const known = hashes.get(path);
    if (known !== undefined) return known;
    const hash = await hashFile(join(repositoryFolder, path));
    hashes.set(path, hash);
    return hash;
  };
  return async (file, sha256, compiled) => {
    if (!isExpectedPlace(file, exampleFolder) || file.includes("/../")) return null;
    const installed = /\/site-packages\/(.+)$/.exec(file)?.[1];
    if (compiled) return installed ?? file.slice(exampleFolder.length + sourceFolder.length + 2);
    if (sha256 === null) return null;
    if (installed === undefined) {
      const path = file.slice(exampleFolder.length + sourceFolder.length + 2);
      return (await hashOf(path)) === sha256 ? path : null;
    }
    for (const prefix of ["", "src/", "lib/", "python/"])
      if ((await hashOf(prefix + installed)) === sha256) return prefix + installed;
    return null;
  };
}

async function hashFile(path: string): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
    return hash.digest("hex");
  } catch {
    return null;
  }
}
