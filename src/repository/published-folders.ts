import { z } from "zod";
import { parseBoundedJson } from "../bounded-json.ts";

const Published = z.object({ distiller: z.object({ coreFunctions: z.array(z.unknown()) }) });
const mostFolders = 100;

/**
 * Folders, each with a slash at its end, that CodeDistiller itself put into the repository. Taken for the repository's own
 * they would be the first to be copied, and each example would be made from the one before.
 */
export async function findPublishedFolders(
  paths: readonly string[],
  read: (path: string) => Promise<string | null>,
): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths.filter((each) => each.endsWith("/metadata.json")).slice(0, mostFolders)) {
    const text = await read(path);
    if (text !== null && Published.safeParse(parseBoundedJson(text)?.value).success)
      found.push(path.slice(0, -"metadata.json".length));
  }
  return found;
}
