import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { oneLine, repositoryError } from "./clone-errors.ts";
import { nearestNames } from "./nearest-names.ts";

/** Checks that the part to distil is a folder of the repository; returns it without `./` and outer slashes, null for all. */
export async function checkSubdirectory(root: string, subdirectory: string | null): Promise<string | null> {
  if (subdirectory === null) return null;
  const components = subdirectory.split("/").filter((name) => name !== "" && name !== ".");
  if (subdirectory.startsWith("/") || components.includes("..") || subdirectory.includes("\0")) {
    throw repositoryError({
      code: "subdirectory-outside",
      userMessage: `"${oneLine(subdirectory)}" does not lie in the repository: give --subdirectory relative to its root.`,
    });
  }
  if (components.length === 0) return null;
  let folder = root;
  for (const name of components) {
    const path = join(folder, name);
    const isFolder = await lstat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (!isFolder) throw await notFound(subdirectory, name, folder);
    folder = path;
  }
  return components.join("/");
}

async function notFound(subdirectory: string, name: string, folder: string) {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const near = nearestNames(name, folders);
  const offered = (near.length > 0 ? near : folders.sort().slice(0, 4)).map((known) => oneLine(known, 60)).join(", ");
  return repositoryError({
    code: "subdirectory-not-found",
    userMessage: `The repository has no folder "${oneLine(subdirectory)}": check --subdirectory.${offered === "" ? "" : ` There are, for example: ${offered}.`}`,
  });
}
