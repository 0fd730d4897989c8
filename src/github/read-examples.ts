import { z } from "zod";
import { parseBoundedJson } from "../bounded-json.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readText, readTree, type TreeEntry } from "./read-tree.ts";
import { readGitHub } from "./wrap-github-error.ts";

const Commit = z.object({ tree: z.object({ sha: z.string() }) });

/** What a commit holds where an example goes. */
export type Examples =
  /** Something else than a folder stands where `examples/` goes. */
  | { kind: "blocked"; path: string }
  /** The example's own folder is there and is not ours. */
  | { kind: "taken"; path: string }
  | {
      kind: "free";
      /** The example's files: path within its folder -> mode and Git's number of the content. Empty where there is no folder. */
      files: ReadonlyMap<string, { mode: string; sha: string }>;
      /** What they were made from, as they say; null where they name none. */
      commit: string | null;
      /** The folders in `examples/`. */
      slugs: ReadonlySet<string>;
      index: IndexFile;
    };

/** `examples/README.md`. `unusable`: there is something that cannot be changed as text. */
type IndexFile = { kind: "none" } | { kind: "text"; mode: "100644" | "100755"; text: string } | { kind: "unusable" };

interface ReadExamplesOptions {
  github: GitHubClient;
  repository: RepositoryName;
  commitSha: string;
  /** `examples/<slug>` */
  folder: string;
}

const maxTextBytes = 1_000_000;

export async function readExamples({ commitSha, folder, ...at }: ReadExamplesOptions): Promise<Examples> {
  const [parent = "", slug = ""] = folder.split("/");
  const commit = await readGitHub("Reading the latest commit", Commit, () =>
    at.github.rest.git.getCommit({ ...at.repository, commit_sha: commitSha }),
  );
  const examples = (await readTree(at, commit.tree.sha)).find(({ path }) => path === parent);
  if (!examples) return { kind: "free", files: new Map(), commit: null, slugs: new Set(), index: { kind: "none" } };
  if (examples.type !== "tree") return { kind: "blocked", path: parent };
  const entries = await readTree(at, examples.sha);
  const own = entries.find(({ path }) => path === slug);
  if (own && own.type !== "tree") return { kind: "taken", path: folder };
  const files = own ? (await readTree(at, own.sha, true)).filter(({ type }) => type !== "tree") : [];
  const ours = await readOurs(at, files);
  if (files.length > 0 && !ours) return { kind: "taken", path: folder };
  return {
    kind: "free",
    files: new Map(files.map(({ path, mode, sha }) => [path, { mode, sha }])),
    commit: ours?.commit ?? null,
    slugs: new Set(entries.filter(({ type }) => type === "tree").map(({ path }) => path)),
    index: await readIndex(
      at,
      entries.find(({ path }) => path === "README.md"),
    ),
  };
}

type Place = Pick<ReadExamplesOptions, "github" | "repository">;

const Ours = z
  .object({ distiller: z.looseObject({ commit: z.string().nullish().catch(null) }) })
  .transform(({ distiller }) => ({ commit: distiller.commit ?? null }));

/** Whatever has our metadata was put there by us, or was made from what we put there; null for anything else. */
async function readOurs(at: Place, files: readonly TreeEntry[]): Promise<z.infer<typeof Ours> | null> {
  const metadata = files.find(({ path }) => path === "metadata.json");
  const read = metadata && (await readText(at, metadata, maxTextBytes));
  const parsed = read && "text" in read ? parseBoundedJson(read.text) : null;
  return Ours.safeParse(parsed?.value).data ?? null;
}

async function readIndex(at: Place, entry: TreeEntry | undefined): Promise<IndexFile> {
  if (!entry) return { kind: "none" };
  const read = await readText(at, entry, maxTextBytes);
  if ("problem" in read) return { kind: "unusable" };
  return { kind: "text", mode: entry.mode === "100755" ? "100755" : "100644", text: read.text };
}
