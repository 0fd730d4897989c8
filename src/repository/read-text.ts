import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

/** Largest file read as text, in bytes. */
const maxTextBytes = 1_000_000;

/**
 * Text of a file below a repository's folder; null where it is larger than the bound, binary or not a regular file.
 * Bytes that are not UTF-8 become U+FFFD; a byte order mark and carriage returns go.
 */
export async function readRepositoryText(
  folder: string,
  path: string,
  maxBytes = maxTextBytes,
): Promise<string | null> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const { size } = await file.stat();
    if (size > maxBytes) return null;
    const bytes = await file.readFile();
    if (bytes.subarray(0, 8000).includes(0)) return null;
    return bytes
      .toString("utf8")
      .replace(/^\uFEFF/, "")
      .replace(/\r\n?/g, "\n");
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
