import { z } from "zod";

/** What a run tells while it goes on; roots show it, tests read it. */
export const Stage = z.enum([
  "clone",
  "survey",
  "summarize",
  "classify",
  "draft",
  "execute",
  "revise",
  "verify",
  "judge",
  "report",
]);
export type Stage = z.infer<typeof Stage>;

export type RunEvent =
  | { kind: "stage-started"; stage: Stage; iteration: number | null }
  | { kind: "stage-finished"; stage: Stage; seconds: number }
  /** A line worth showing: what was found, chosen, changed. */
  | { kind: "note"; stage: Stage; text: string }
  /** What models have cost the run so far, US dollars. */
  | { kind: "spent"; totalUsd: number }
  /** A sandbox is not there yet: an image is fetched or built, which may take minutes. */
  | { kind: "preparing"; text: string }
  /** The last line a program printed; shown live, never kept. */
  | { kind: "output"; stage: Stage; text: string };

export type Emit = (event: RunEvent) => void;
