import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DistillerError } from "../errors.ts";
import { readRepositoryText } from "../repository/read-text.ts";
import { type PublishedExample, readPublishedExample } from "./verify-example.ts";

export interface PublishedExamples {
  /** Sorted by slug. */
  examples: { slug: string; example: PublishedExample }[];
  /** Of ours, and cannot be run: what is wrong, in a sentence. */
  problems: { slug: string; problem: string }[];
}

/** Folders of `examples/` that are looked at. */
const mostFolders = 500;

/** Our examples in a repository: the folders of `examples/` with our metadata. Links are not followed. */
export async function listPublished(folder: string): Promise<PublishedExamples> {
  const parent = join(folder, "examples");
  const published: PublishedExamples = { examples: [], problems: [] };
  if (!(await isFolder(parent))) return published;
  const entries = await readdir(parent, { withFileTypes: true });
  const slugs = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  for (const slug of slugs.slice(0, mostFolders)) {
    const own = join(parent, slug);
    if (!(await isOurs(own))) continue;
    try {
      published.examples.push({ slug, example: await readPublishedExample(own) });
    } catch (error) {
      if (!(error instanceof DistillerError)) throw error;
      published.problems.push({ slug, problem: error.userMessage.replaceAll(`${folder}/`, "") });
    }
  }
  const [next] = slugs.slice(mostFolders);
  if (next)
    published.problems.push({
      slug: next,
      problem: `Only the first ${mostFolders} folders of examples/ are looked at: this one and what follows it are not.`,
    });
  return published;
}

/** By the key that only we write, so that metadata which was damaged since is still known for ours. */
async function isOurs(folder: string): Promise<boolean> {
  const text = await readRepositoryText(folder, "metadata.json");
  return text !== null && /"distiller"\s*:\s*\{/.test(text);
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
