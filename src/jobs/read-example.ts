import type { RunFiles } from "../store/store.ts";

export interface ExampleFile {
  /** Within the example's folder. */
  path: string;
  mode: "100644" | "100755";
  content: Buffer;
}

/** Of one file and of all; more has no place in a pull request. GitHub refuses blobs above 100 MB. */
const mostFileBytes = 10 * 2 ** 20;
const mostBytes = 30 * 2 ** 20;
const folder = "example/";

/** The published folder of a run: what it computes with first, what is too large for a pull request left out. */
export async function readExample(files: Pick<RunFiles, "list" | "read">, id: string): Promise<ExampleFile[]> {
  const listed = (await files.list(id)).filter(({ path }) => path.startsWith(folder));
  const isOutput = (path: string): boolean => path.startsWith(`${folder}outputs/`);
  listed.sort((a, b) => Number(isOutput(a.path)) - Number(isOutput(b.path)) || (a.path < b.path ? -1 : 1));
  const read: ExampleFile[] = [];
  let left = mostBytes;
  for (const { path, bytes, executable } of listed) {
    if (bytes > Math.min(left, mostFileBytes)) continue;
    const content = await files.read(id, path);
    if (!content) continue;
    left -= content.length;
    read.push({ path: path.slice(folder.length), mode: executable ? "100755" : "100644", content });
  }
  return read;
}
