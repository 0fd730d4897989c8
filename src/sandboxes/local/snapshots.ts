import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, realpath, rename, rm, statfs, symlink, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { SandboxError } from "../../errors.ts";
import type { Leftover, ReapOptions } from "../sandbox.ts";
import { checkSnapshotKey, missingSnapshot } from "../snapshots.ts";
import { childOf, isErrno, openBeneath, statBeneath } from "./beneath.ts";
import { locate, type Mount, type SandboxPlace } from "./place.ts";

export interface SnapshotStore {
  has(key: string): Promise<boolean>;
  /** What a sandbox made from the snapshot has to mount; throws SandboxError if there is none. */
  mountsOf(key: string): Promise<Mount[]>;
  /** Moves paths below /work into the snapshot and returns what to mount in their place. */
  save(key: string, place: SandboxPlace, paths: readonly string[]): Promise<Mount[]>;
  remove(key: string): Promise<void>;
  /** Removes what crashes left, snapshots that nobody has used for long, and more of them where the disk is short. */
  sweep(bounds: ReapOptions): Promise<Leftover[]>;
}

export interface SnapshotStoreOptions {
  folder: string;
  ownedByRoot: boolean;
  /** With less disk free, the snapshots unused longest go; an environment with a deep-learning framework takes 5 GB. */
  wantedFreeBytes?: number;
}

const unfinishedForMs = 24 * 3600_000;
/** One used this recently may be in use, and stays even where the disk is short. */
const inUseForMs = 6 * 3600_000;
const unfinishedPrefix = ".unfinished-";
const manifestName = "snapshot.json";

/**
 * Snapshots are folders `<key>/` holding the kept paths as `0`, `1`, ... and a manifest. One is assembled under
 * another name and appears by a single rename, so whatever stands under a key is whole.
 */
export function createSnapshotStore({
  folder,
  ownedByRoot,
  wantedFreeBytes = 10e9,
}: SnapshotStoreOptions): SnapshotStore {
  function folderOf(key: string): string {
    checkSnapshotKey(key);
    return join(folder, key);
  }

  async function mountsOf(key: string): Promise<Mount[]> {
    const snapshot = folderOf(key);
    let kept: string[];
    try {
      kept = JSON.parse(await readFile(join(snapshot, manifestName), "utf8")) as string[];
    } catch (error) {
      throw missingSnapshot(key, error);
    }
    const now = new Date();
    await utimes(snapshot, now, now);
    return kept.map((inside, index) => ({ inside, host: join(snapshot, String(index)) }));
  }

  return {
    mountsOf,
    async has(key) {
      return existsSync(join(folderOf(key), manifestName));
    },
    async save(key, place, paths) {
      const snapshot = folderOf(key);
      const unfinished = join(folder, `${unfinishedPrefix}${randomUUID()}`);
      await mkdir(unfinished, { recursive: true, mode: 0o755 });
      try {
        for (const [index, path] of paths.entries()) await keep(place, path, join(unfinished, String(index)));
        if (ownedByRoot) await giveToRoot(unfinished);
        await writeManifest(join(unfinished, manifestName), paths);
        await rename(unfinished, snapshot).catch((error: unknown) => {
          // Another process kept the same thing first.
          if (!isErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
        });
      } catch (error) {
        throw error instanceof SandboxError ? error : failed(String(error), error);
      } finally {
        await rm(unfinished, { recursive: true, force: true });
      }
      return mountsOf(key);
    },
    async remove(key) {
      await rm(folderOf(key), { recursive: true, force: true });
    },
    async sweep({ snapshotsUnusedMs, dryRun }) {
      const kept: Leftover[] = [];
      const removed: Leftover[] = [];
      async function drop(snapshot: Leftover): Promise<void> {
        if (!dryRun) await rm(join(folder, snapshot.name), { recursive: true, force: true });
        removed.push(snapshot);
      }
      for (const name of await readdir(folder)) {
        const snapshot: Leftover = {
          kind: "snapshot",
          name,
          ageMs: Date.now() - (await lstat(join(folder, name))).mtimeMs,
        };
        const isOld = snapshot.ageMs > (name.startsWith(unfinishedPrefix) ? unfinishedForMs : snapshotsUnusedMs);
        if (isOld) await drop(snapshot);
        else if (snapshot.ageMs > inUseForMs) kept.push(snapshot);
      }
      // How much room the next one would make is not known before.
      if (dryRun) return removed;
      for (const snapshot of kept.sort((a, b) => b.ageMs - a.ageMs)) {
        const { bavail, bsize } = await statfs(folder);
        if (bavail * bsize > wantedFreeBytes) break;
        await drop(snapshot);
      }
      return removed;
    },
  };
}

/** Puts copies of a snapshot that programs may change in a new sandbox, where no program has run yet. */
export async function copySnapshot(place: SandboxPlace, mounts: readonly Mount[]): Promise<void> {
  const run = promisify(execFile);
  const options = { env: { PATH: "/usr/bin:/bin" }, maxBuffer: 1 << 26 };
  for (const { host, inside } of mounts) {
    const found = locate(place, inside);
    if (found === null) continue;
    const above = dirname(found.relative);
    await using parent = await openBeneath(found.root, above === "." ? "" : above, {
      create: true,
      owner: place.owner,
    });
    const path = join(await realpath(`/proc/self/fd/${parent.fd}`), basename(found.relative));
    await run("cp", ["-a", "--reflink=auto", "--", host, path], options);
    if (place.owner !== null) await run("chown", ["-hR", `${place.owner.uid}:${place.owner.gid}`, "--", path], options);
  }
}

/** Puts links to a snapshot where nothing can be mounted. */
export async function linkSnapshot(place: SandboxPlace, mounts: readonly Mount[]): Promise<void> {
  for (const { host, inside } of mounts) {
    const found = locate(place, inside);
    if (found === null) continue;
    const path = join(found.root, found.relative);
    await mkdir(dirname(path), { recursive: true });
    await symlink(host, path);
  }
}

async function keep(place: SandboxPlace, path: string, to: string): Promise<void> {
  const found = locate(place, path);
  if (found === null || !path.startsWith("/work/") || !found.writable) throw failed(`${path} cannot be kept`);
  const above = dirname(found.relative) === "." ? "" : dirname(found.relative);
  await using parent = await openBeneath(found.root, above);
  const there = await statBeneath(parent, basename(found.relative));
  if (!there?.isDirectory() && !there?.isFile()) throw failed(`${path} is neither a folder nor a file`);
  await rename(childOf(parent, basename(found.relative)), to);
}

/** The next sandbox runs as another account: everything becomes readable for it, and writable for none. */
async function giveToRoot(folder: string): Promise<void> {
  const run = promisify(execFile);
  const options = { env: { PATH: "/usr/bin:/bin" }, maxBuffer: 1 << 26 };
  await run("chown", ["-hR", "0:0", "--", folder], options);
  await run("chmod", ["-R", "a+rX,go-w,u-s,g-s", "--", folder], options);
}

async function writeManifest(path: string, paths: readonly string[]): Promise<void> {
  await using file = await open(path, "wx", 0o644);
  await file.writeFile(JSON.stringify(paths));
  await file.sync();
}

function failed(detail: string, cause?: unknown): SandboxError {
  return new SandboxError({
    code: "snapshot-failed",
    userMessage: `The environment could not be kept: ${detail}.`,
    cause,
  });
}
