import { cpSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CommandLine, fixture } from "./command-line.ts";
import { downloadSourceDistribution } from "./package-index.ts";

/** A whole run of which every answer of a model is kept. */
export interface RecordedRun {
  name: string;
  /** A release on the package index; null for a sample repository of ours. */
  release: string | null;
  /** Minutes of installing: replayed by `npm run test:long`. */
  isLong?: true;
}

export const recordedRuns: readonly RecordedRun[] = [
  { name: "orbital-elements", release: null },
  { name: "peakfinder", release: null },
  { name: "bayesian-bootstrap", release: "bayesian_bootstrap==1.1.0", isLong: true },
  { name: "supercell-core", release: "supercell-core==0.1.7", isLong: true },
];

const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url));

export function recordingOf({ name }: RecordedRun): string {
  return join(fixtures, "recordings", `${name}.jsonl`);
}

export function answersOf({ name }: RecordedRun): string {
  return join(fixtures, "answers", name);
}

/** What is distilled: an archive, or a copy of a sample that lies in no git repository, whose commits would change its prompts. */
export function fetchSource(commandLine: CommandLine, { name, release }: RecordedRun): string {
  if (release !== null) return downloadSourceDistribution(commandLine, release);
  const folder = commandLine.path("copies", name);
  cpSync(fixture(name), folder, { recursive: true, filter: (path) => !/^(__pycache__|\.git)$/.test(basename(path)) });
  return folder;
}
