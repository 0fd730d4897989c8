import { isUtf8 } from "node:buffer";
import { type CommitFile, hashBlob } from "./commit-files.ts";
import { type IndexEntry, updateIndex } from "./index-file.ts";
import type { Examples } from "./read-examples.ts";

export interface Changes {
  files: CommitFile[];
  deletions: string[];
  /** How many of them are another example: what only tells of another run of the same one does not count. */
  own: number;
  /** The same without files that differ in nothing but the commit that they name. */
  ownBesideCommit: number;
}

export interface WantedExample {
  /** `examples/<slug>` */
  folder: string;
  /** The whole folder; paths are within it. What an earlier version left there beside them is deleted. */
  files: readonly CommitFile[];
  /** Whether a file says how the run went, such as its times: no two runs leave the same. */
  tellsOfRun: (path: string) => boolean;
  /** What the example was made from; its files name it. */
  sourceCommit: string | null;
  indexEntry: IndexEntry;
}

/** What is not there yet as it shall be: only that is sent. The paths of `files` are within the folder, those of the result are not. */
export function findChanges(
  { files: there, slugs, index, commit }: Extract<Examples, { kind: "free" }>,
  { folder, files, tellsOfRun, sourceCommit, indexEntry }: WantedExample,
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
  const another = changed.filter(({ path }) => !(there.has(path) && tellsOfRun(path)));
  const isAtOtherCommit = ({ path, mode, content }: CommitFile): boolean => {
    const old = there.get(path);
    if (old?.mode !== mode || !sourceCommit || !commit) return false;
    return isUtf8(content) && old.sha === hashBlob(Buffer.from(`${content}`.replaceAll(sourceCommit, commit)));
  };
  const own = another.length + deletions.length;
  const ownBesideCommit = another.filter((file) => !isAtOtherCommit(file)).length + deletions.length;
  if (index.kind !== "unusable") {
    const old = index.kind === "text" ? index.text : null;
    const text = updateIndex({ text: old, entry: indexEntry, slugs });
    const mode = index.kind === "text" ? index.mode : "100644";
    if (text !== old) all.push({ path: indexPath(folder), mode, content: Buffer.from(text) });
  }
  return { files: all, deletions: deletions.map((path) => `${folder}/${path}`), own, ownBesideCommit };
}

export function indexPath(folder: string): string {
  return `${folder.slice(0, folder.indexOf("/"))}/README.md`;
}
