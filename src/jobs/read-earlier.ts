import type { RunRecord } from "../store/run-record.ts";
import type { AppContext } from "./app-context.ts";
import type { ExampleFile } from "./read-example.ts";

/** What the open pull request of the example is known by. */
export interface Earlier {
  /** The run that was there last, or this one where an earlier turn of it was. */
  known: RunRecord | null;
  /** The same, where it is not this one. */
  other: RunRecord | null;
  /** What a maintainer said of the very program that is brought now. */
  review: RunRecord["maintainerReview"];
}

export async function readEarlier(
  run: RunRecord,
  { files, commit }: { files: readonly ExampleFile[]; commit: string | null },
  { store }: AppContext,
): Promise<Earlier> {
  const runs = await store.runs.find({ repositoryId: run.target.id, slug: run.slug });
  const known = runs.find(({ pullRequest }) => pullRequest?.state === "open") ?? null;
  const reviewed = runs.find(
    ({ pullRequest, maintainerReview }) => maintainerReview && pullRequest?.number === known?.pullRequest?.number,
  );
  const before = reviewed && (await store.files.read(reviewed.id, `example/${mainFile}`));
  const now = files.find(({ path }) => path === mainFile)?.content.toString();
  // Its first lines name the commit.
  const other = reviewed?.ending?.commit;
  const isSameProgram = before?.toString() === (commit && other ? now?.replaceAll(commit, other) : now);
  return {
    known,
    other: known?.id === run.id ? null : known,
    review: isSameProgram ? (reviewed?.maintainerReview ?? null) : null,
  };
}

const mainFile = "main.py";
