import { closeSync, fchownSync, writeFileSync } from "node:fs";
import { chown, type FileHandle, lchown, mkdir, open, realpath, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SandboxError } from "../../errors.ts";
import { checkAbsolute, refusePath } from "../command.ts";
import type { GetFolderOptions, GotFolder } from "../sandbox.ts";
import { childOf, isErrno, openBeneath, partsOf, statBeneath } from "./beneath.ts";
import { copyFiles, openNew } from "./copy-files.ts";
import { isWithin, locate, type Mount, type SandboxPlace } from "./place.ts";

/** Copies a host folder to where the sandbox can write. */
export async function copyIn(place: SandboxPlace, from: string, to: string): Promise<void> {
  await using source = await openSource(from);
  await using target = await openWritable(place, to);
  await copyFiles(source, target, { owner: place.owner });
}

/**
 * Shows a host folder read-only: itself where the account of the sandbox may read it, else a copy. A clone made
 * below `mkdtemp` is such a folder that only we can enter.
 */
export async function showFolder(
  place: SandboxPlace,
  { from, to, mountable }: { from: string; to: string; mountable: boolean },
): Promise<void> {
  const inside = checkAbsolute(to);
  if (!["/work/", "/tmp/", "/opt/"].some((folder) => inside.startsWith(folder))) throw refusePath(to);
  const readable = place.owner === null || ((await stat(from)).mode & 0o005) === 0o005;
  let host = await realpath(from);
  if (!mountable || !readable) {
    host = join(place.folder, "mounts", String(place.mounts.length));
    await mkdir(host, { recursive: true });
    if (place.owner !== null) await chown(host, place.owner.uid, place.owner.gid);
    await using source = await openSource(from);
    await using target = await open(host);
    await copyFiles(source, target, { owner: place.owner });
  }
  addMount(place, { host, inside });
}

export async function writeFiles(
  place: SandboxPlace,
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  const parts = Object.keys(files).map(partsOf);
  if (parts.some((names) => names.length === 0)) throw refusePath(folder);
  await using top = await openWritable(place, folder);
  for (const [path, content] of Object.entries(files)) {
    const names = partsOf(path);
    const name = names.pop() ?? "";
    await using parent = await openBeneath(`/proc/self/fd/${top.fd}/.`, names.join("/"), {
      create: true,
      owner: place.owner,
    });
    const file = openNew(childOf(parent, name), 0o644);
    try {
      writeFileSync(file, content);
      if (place.owner !== null) fchownSync(file, place.owner.uid, place.owner.gid);
    } finally {
      closeSync(file);
    }
  }
}

/** Copies out what a program left. A folder that is not there has no files; one that is a link is named in `left`. */
export async function copyOut(place: SandboxPlace, options: GetFolderOptions): Promise<GotFolder> {
  const found = locate(place, checkAbsolute(options.from));
  if (found === null) throw refusePath(options.from);
  await mkdir(options.to, { recursive: true });
  await using target = await open(options.to);
  let source: FileHandle;
  try {
    source = await openBeneath(found.root, found.relative);
  } catch (error) {
    const cause = error instanceof SandboxError ? error.cause : error;
    if (isErrno(cause, "ENOENT")) return { files: [], left: [] };
    const reason = isErrno(cause, "ELOOP", "ENOTDIR") ? "not-a-regular-file" : "unreadable";
    return { files: [], left: [{ path: ".", bytes: 0, reason }] };
  }
  try {
    return await copyFiles(source, target, { limits: options, exclude: options.exclude ?? [] });
  } finally {
    await source.close();
  }
}

export function addMount(place: SandboxPlace, mount: Mount): void {
  place.mounts = [...place.mounts.filter(({ inside }) => inside !== mount.inside), mount];
}

/**
 * Makes the folder or file below /work or /tmp that a mount will cover. Left to bubblewrap, which is root before
 * it is not, this would follow links that an earlier program planted.
 */
export async function prepareMountPoint(place: SandboxPlace, { host, inside }: Mount): Promise<void> {
  const home = [
    { top: "/work", folder: place.workFolder },
    { top: "/tmp", folder: place.temporaryFolder },
  ].find(({ top }) => isWithin(inside, top));
  if (home === undefined) return;
  const relative = inside.slice(home.top.length + 1);
  const above = dirname(relative) === "." ? "" : dirname(relative);
  await using parent = await openBeneath(home.folder, above, { create: true, owner: place.owner });
  const isFolder = (await stat(host)).isDirectory();
  const there = await statBeneath(parent, basename(relative));
  if (there === null) {
    const path = childOf(parent, basename(relative));
    if (isFolder) await mkdir(path, { mode: 0o755 });
    else await writeFile(path, "", { flag: "wx" });
    if (place.owner !== null) await lchown(path, place.owner.uid, place.owner.gid);
  } else if (isFolder ? !there.isDirectory() : !there.isFile()) {
    throw refusePath(inside);
  }
}

async function openWritable(place: SandboxPlace, path: string): Promise<FileHandle> {
  const found = locate(place, checkAbsolute(path));
  if (found === null || !found.writable) throw refusePath(path);
  return openBeneath(found.root, found.relative, { create: true, owner: place.owner });
}

async function openSource(folder: string): Promise<FileHandle> {
  try {
    return await open(await realpath(folder));
  } catch (error) {
    const userMessage = `The folder ${JSON.stringify(folder)} cannot be copied into a sandbox.`;
    throw new SandboxError({ code: "sandbox-source-unreadable", userMessage, cause: error });
  }
}
