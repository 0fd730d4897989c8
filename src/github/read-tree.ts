import { z } from "zod";
import { GitHubError } from "../errors.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readGitHub } from "./wrap-github-error.ts";

export const TreeEntry = z.object({
  path: z.string(),
  /** Git's own: `100644`, `100755`, `120000` (a link), `040000` (a folder), `160000` (a submodule). */
  mode: z.string(),
  type: z.string(),
  sha: z.string(),
  size: z.number().nullish(),
});
export type TreeEntry = z.infer<typeof TreeEntry>;

const Tree = z.object({ tree: z.array(TreeEntry), truncated: z.boolean() });
const Blob = z.object({ content: z.string(), encoding: z.literal("base64") });

interface Place {
  github: GitHubClient;
  repository: RepositoryName;
}

/** A folder by Git's number for it, or by a branch's name; with all that lies below it where that is asked for. */
export async function readTree({ github, repository }: Place, sha: string, recursive = false): Promise<TreeEntry[]> {
  const { tree, truncated } = await readGitHub("Reading a folder of the repository", Tree, () =>
    github.rest.git.getTree({ ...repository, tree_sha: sha, ...(recursive ? { recursive: "1" } : {}) }),
  );
  if (!truncated) return tree;
  throw new GitHubError({
    code: "github-unexpected",
    userMessage: "Reading a folder of the repository failed: it has more files than GitHub lists. Remove some.",
  });
}

export type TextProblem = "not-a-file" | "too-large" | "not-text";

/** A file as text; links are not followed. */
export async function readText(
  { github, repository }: Place,
  { mode, sha, size }: TreeEntry,
  maxBytes: number,
): Promise<{ text: string } | { problem: TextProblem }> {
  if (!/^100(644|755)$/.test(mode)) return { problem: "not-a-file" };
  if ((size ?? 0) > maxBytes) return { problem: "too-large" };
  const blob = await readGitHub("Reading a file of the repository", Blob, () =>
    github.rest.git.getBlob({ ...repository, file_sha: sha }),
  );
  try {
    const bytes = Buffer.from(blob.content, "base64");
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { problem: "not-text" };
  }
}
