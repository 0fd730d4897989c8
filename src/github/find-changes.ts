import { type CommitFile, hashBlob } from "./commit-files.ts";
import { type IndexEntry, updateIndex } from "./index-file.ts";
import type { Examples } from "./read-examples.ts";

export interface Changes {
  files: CommitFile[];
  deletions: string[];
  /** How many of them lie in the example's own folder. */
  own: number;
}

/** What is not there yet as it shall be: only that is sent. The paths of `files` are within the folder, those of the result are not. */
export function findChanges(
  { files: there, slugs, index }: Extract<Examples, { kind: "free" }>,
  { folder, files, indexEntry }: { folder: string; files: readonly CommitFile[]; indexEntry: IndexEntry },
): Changes {
  const wanted = new Set(files.map(({ path }) => path));
  const changed = files.filter(({ path, mode, content }) => {
    const old = there.get(path);
    return old?.mode !== mode || old.sha !== hashBlob(content);
  });
  // A file in the place of a folder takes the folder's files with it.
  const isReplaced = (path: string) =>
    path.split("/").some((_, end, parts) => wanted.has(parts.slice(0, end).join("/")));
  const deletions = [...there.keys()].filter((path) => !wanted.has(path) && !isReplaced(path));
  const all = changed.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
  const own = all.length + deletions.length;
  if (index.kind !== "unusable") {
    const old = index.kind === "text" ? index.text : null;
    const text = updateIndex({ text: old, entry: indexEntry, slugs });
    const mode = index.kind === "text" ? index.mode : "100644";
    if (text !== old) all.push({ path: indexPath(folder), mode, content: Buffer.from(text) });
  }
  return { files: all, deletions: deletions.map((path) => `${folder}/${path}`), own };
}

export function indexPath(folder: string): string {
  return `${folder.slice(0, folder.indexOf("/"))}/README.md`;
}
