import { Stage } from "../pipeline/events.ts";

/** The stages of a run as people read them, in their usual order. */
const stageNames: Readonly<Record<Stage, string>> = {
  clone: "Clone the repository",
  survey: "Survey its files",
  summarize: "Summarize it",
  classify: "Classify its files",
  draft: "Draft an example",
  execute: "Run it in a sandbox",
  revise: "Revise it",
  verify: "Run it again in a clean room",
  judge: "Judge it",
  report: "Write the report",
};

/** Not every run comes to these: they are shown once it came. */
const perhaps: ReadonlySet<string> = new Set<Stage>(["revise", "judge"]);

export const stageOrder: readonly string[] = Stage.options;
/** Those that every run comes to. */
export const certainStages: readonly string[] = Stage.options.filter((stage) => !perhaps.has(stage));

/** Null for a stage that this version does not know. */
export function nameOfStage(stage: string): string | null {
  const known = Stage.safeParse(stage);
  return known.success ? stageNames[known.data] : null;
}
