import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lchown, lstat, mkdir, open } from "node:fs/promises";
import { SandboxError } from "../../errors.ts";

/** The account that files made for a sandbox are given to; null where that is our own. */
export type Owner = { uid: number; gid: number } | null;

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Opens a folder beneath `root` one component at a time and follows no link, whatever a program left there.
 * Node has no openat(2); `/proc/self/fd/<n>/<name>` is the same thing on Linux.
 */
export async function openBeneath(
  root: string,
  relative: string,
  { create = false, owner = null }: { create?: boolean; owner?: Owner } = {},
): Promise<FileHandle> {
  let folder = await open(root, folderFlags);
  try {
    for (const name of partsOf(relative)) {
      const path = childOf(folder, name);
      if (create && (await makeFolder(path)) && owner !== null) await lchown(path, owner.uid, owner.gid);
      const next = await open(path, folderFlags);
      await folder.close();
      folder = next;
    }
    return folder;
  } catch (error) {
    await folder.close();
    throw refusal(relative, error);
  }
}

/** A path that names an entry of an opened folder, safe to hand to calls that do not follow a last link. */
export function childOf(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

/** Splits a path relative to a folder and refuses one that could leave it. */
export function partsOf(relative: string): string[] {
  const parts = relative.split("/").filter((part) => part !== "" && part !== ".");
  if (relative.startsWith("/") || relative.includes("\0") || parts.includes("..")) {
    throw refusal(relative, undefined);
  }
  return parts;
}

export async function statBeneath(folder: FileHandle, name: string): Promise<BigIntStats | null> {
  try {
    return await lstat(childOf(folder, name), { bigint: true });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o755 });
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

function refusal(relative: string, cause: unknown): SandboxError {
  if (cause instanceof SandboxError) return cause;
  return new SandboxError({
    code: "sandbox-path-refused",
    userMessage: `The path ${JSON.stringify(relative)} is missing, leaves its folder, or passes through a link.`,
    cause,
  });
}
