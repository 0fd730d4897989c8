import { randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CreateSandboxOptions, Sandbox } from "../sandbox.ts";

const maxCacheBytes = 5 * 2 ** 30;
const maxRequirements = 200;
const downloadMs = 10 * 60_000;
const limits = { memoryMb: 2048, processes: 128, diskMb: 8192 };
const unfinishedPrefix = ".unfinished-";

export interface WarmDownloadCacheOptions {
  folder: string;
  create: (options: CreateSandboxOptions) => Promise<Sandbox>;
  requirements: readonly string[];
  python: string;
  signal: AbortSignal | undefined;
}

/**
 * Fetches wheels for plain requirements in a sandbox that holds nothing else. Only wheels: they are unpacked, not
 * run, so nothing foreign ever executes where the shared folder is filled. Returns whether a wheel was added.
 */
export async function warmDownloadCache(options: WarmDownloadCacheOptions): Promise<boolean> {
  const { folder, create, python, signal } = options;
  const requirements = options.requirements.filter(isPlainRequirement).slice(0, maxRequirements);
  if (requirements.length === 0) return false;
  await using sandbox = await create({ network: "full", limits, ...(signal === undefined ? {} : { signal }) });
  const until = performance.now() + downloadMs;
  const download = async (wanted: readonly string[]): Promise<boolean> => {
    const { status } = await sandbox.run({
      argv: [python, "-m", "pip", "download", ...downloadFlags, ...wanted],
      cwd: "/work",
      timeoutMs: Math.max(1_000, until - performance.now()),
      ...(signal === undefined ? {} : { signal }),
    });
    return status.kind === "exited" && status.code === 0;
  };
  // Together they resolve to what an installation takes; one that has no wheel must not cost the others theirs.
  if (!(await download(requirements)) && requirements.length > 1) {
    for (const requirement of requirements) if (performance.now() < until) await download([requirement]);
  }
  const added = await addWheels(sandbox, folder);
  await evictOldest(folder);
  return added > 0;
}

const downloadFlags = [
  "--only-binary",
  ":all:",
  "--no-input",
  "--quiet",
  "--progress-bar",
  "off",
  "-d",
  "/work/wheels",
];

/** `name[extras] version specifiers ; markers` of PEP 508, and nothing that names a URL, a path or an option. */
export function isPlainRequirement(text: string): boolean {
  const name = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
  const extras = `(?:\\[ *${name}(?: *, *${name})* *\\])?`;
  const version = "(?:===|==|!=|~=|<=|>=|<|>) *[A-Za-z0-9.*+!_-]+";
  const versions = `(?:${version}(?: *, *${version})*)?`;
  const marker = "(?: *; *[A-Za-z0-9_.'\"<>=!~() ,*+-]+)?";
  return (
    text.length <= 500 &&
    new RegExp(`^ *${name} *${extras} *(?:${versions}|\\( *${versions} *\\)) *${marker} *$`).test(text)
  );
}

/** Each wheel appears by a rename, whole, and never replaces one that others may be reading. */
async function addWheels(sandbox: Sandbox, folder: string): Promise<number> {
  const unfinished = join(folder, `${unfinishedPrefix}${randomUUID()}`);
  let added = 0;
  try {
    await mkdir(unfinished, { mode: 0o700 });
    const got = await sandbox.getFolder({
      from: "/work/wheels",
      to: unfinished,
      maxFileBytes: maxCacheBytes / 2,
      maxTotalBytes: maxCacheBytes,
      maxFiles: 2_000,
    });
    const known = new Set(await readdir(folder));
    for (const { path } of got.files) {
      const name = preferredName(path);
      if (name === null || known.has(name)) continue;
      await rename(join(unfinished, path), join(folder, name));
      added += 1;
    }
    return added;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/**
 * Of two wheels of one version pip takes the index's, unless the other has the higher build tag; one without a tag
 * gets the lowest there is. Hashes are of the content and stay true.
 * https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention
 */
export function preferredName(wheel: string): string | null {
  if (!/^[A-Za-z0-9_.+!-]+\.whl$/.test(wheel)) return null;
  const parts = wheel.split("-");
  if (parts.length === 6) return wheel;
  return parts.length === 5 ? parts.toSpliced(2, 0, "0cache").join("-") : null;
}

async function evictOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".whl"));
  const wheels = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await lstat(join(folder, name));
      return { name, size, mtimeMs };
    }),
  );
  wheels.sort((a, b) => b.mtimeMs - a.mtimeMs);
  let bytes = 0;
  for (const { name, size } of wheels) {
    bytes += size;
    if (bytes > maxCacheBytes) await rm(join(folder, name), { force: true });
  }
}
