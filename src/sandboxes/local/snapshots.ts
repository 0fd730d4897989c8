import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, realpath, rename, rm, symlink, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { SandboxError } from "../../errors.ts";
import type { Leftover, ReapOptions } from "../sandbox.ts";
import { checkSnapshotKey, missingSnapshot } from "../snapshots.ts";
import { childOf, isErrno, openBeneath, statBeneath } from "./beneath.ts";
import { locate, type Mount, type SandboxPlace } from "./place.ts";
import { manifestName, readManifest, type SnapshotManifest, writeManifest } from "./snapshot-manifest.ts";
import { sweepSnapshots, unfinishedPrefix } from "./sweep-snapshots.ts";

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

/**
 * Snapshots are folders `<key>/` holding a manifest and, in a folder that it names, the kept paths. One is assembled
 * under another name and appears by a single rename, so whatever stands under a key is whole. One that replaces another
 * stands beside it until its manifest takes the place of the other's: who has mounted the old one keeps it.
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

  return {
    async mountsOf(key) {
      const snapshot = folderOf(key);
      const manifest = await readManifest(snapshot);
      if (manifest === null) throw missingSnapshot(key);
      const now = new Date();
      await utimes(snapshot, now, now).catch(() => undefined);
      return listMounts(snapshot, manifest);
    },
    has: async (key) => (await readManifest(folderOf(key))) !== null,
    async save(key, place, paths) {
      const snapshot = folderOf(key);
      const manifest = { content: randomUUID(), paths: [...paths] };
      const unfinished = join(folder, unfinishedPrefix + manifest.content);
      await mkdir(join(unfinished, manifest.content), { recursive: true, mode: 0o755 });
      try {
        for (const [index, path] of paths.entries())
          await keep(place, path, join(unfinished, manifest.content, String(index)));
        if (ownedByRoot) await giveToRoot(unfinished);
        await writeManifest(join(unfinished, manifestName), manifest);
        await putInPlace(unfinished, snapshot, manifest);
      } catch (error) {
        throw error instanceof SandboxError ? error : failed(String(error), error);
      } finally {
        await rm(unfinished, { recursive: true, force: true });
      }
      return listMounts(snapshot, manifest);
    },
    remove: (key) => rm(folderOf(key), { recursive: true, force: true }),
    sweep: (bounds) => sweepSnapshots({ ...bounds, folder, wantedFreeBytes }),
  };
}

function listMounts(snapshot: string, { content, paths }: SnapshotManifest): Mount[] {
  return paths.map((inside, index) => ({ inside, host: join(snapshot, content, String(index)) }));
}

async function putInPlace(unfinished: string, snapshot: string, { content }: SnapshotManifest): Promise<void> {
  try {
    await rename(unfinished, snapshot);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
    await rename(join(unfinished, content), join(snapshot, content));
    await rename(join(unfinished, manifestName), join(snapshot, manifestName));
  }
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

function failed(detail: string, cause?: unknown): SandboxError {
  return new SandboxError({
    code: "snapshot-failed",
    userMessage: `The environment could not be kept: ${detail}.`,
    cause,
  });
}
