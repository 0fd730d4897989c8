import { oneLine, repositoryError } from "./clone-errors.ts";

/**
 * The path of an archive's entry below the folder it is unpacked into; null for an entry that is no file of the
 * project. A name that leads elsewhere condemns the whole archive: no honest tool writes one.
 */
export function archivePathOf(name: string, archive: string): string | null {
  const components = name.split("/");
  if (/^\/|^[A-Za-z]:|[\\\0]/.test(name) || components.includes("..")) {
    throw repositoryError({
      code: "archive-path-traversal",
      userMessage: `${archive} is refused: its entry "${oneLine(name, 100)}" leads out of the archive. Get it from a source you trust.`,
    });
  }
  const kept = components.filter((component) => component !== "" && component !== ".");
  if (kept.length === 0 || kept[0] === "__MACOSX") return null;
  return kept.some((component) => component.toLowerCase() === ".git") ? null : kept.join("/");
}

export function archiveCorrupt(archive: string, cause: unknown) {
  return repositoryError({
    code: "archive-corrupt",
    userMessage: `${archive} is not a readable .zip, .tar.gz or .tar archive: it may be damaged or incomplete. Download it again.`,
    cause,
  });
}

/** Data that unpacks to more than this and has more than the ratio below was made to fill a disk. Bytes. */
const suspectBytes = 64 * 1024 ** 2;
const suspectRatio = 200;

/** Throws `archive-bomb`. */
export function checkRatio(archive: string, { packed, unpacked }: { packed: number; unpacked: number }): void {
  if (unpacked <= suspectBytes || unpacked <= packed * suspectRatio) return;
  throw repositoryError({
    code: "archive-bomb",
    userMessage: `${archive} is refused: it unpacks to more than ${suspectRatio} times its size. Unpack it yourself and give the folder.`,
  });
}
