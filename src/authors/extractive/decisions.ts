import { z } from "zod";
import type { PythonInterpreter } from "../../sandboxes/sandbox.ts";
import { type AuthorContext, AuthorReason } from "../author.ts";

const Because = z.object({ id: z.string(), why: z.string() });

/**
 * All that the extractive author remembers between iterations. A draft follows from the repository and these decisions
 * alone, so a run can be resumed from them; each repair adds one.
 */
export const Decisions = z.object({
  /** Candidates in `main.py`, by id, in order. */
  chosen: z.array(z.string()),
  /** Those of them that have run to their end once. */
  proven: z.array(z.string()),
  /** Revisions so far. */
  revisions: z.number().int(),
  /** Candidates that were tried and do not run. */
  rejected: z.array(Because.extend({ reasonCode: AuthorReason })),
  /** Blocks of a session that were left out. */
  droppedBlocks: z.array(Because),
  /** Exact texts replaced in a block or, with an empty block, in all of them. */
  replacements: z.array(z.object({ block: z.string(), from: z.string(), to: z.string(), why: z.string() })),
  /** Requirement lines beside those that were found by reading. */
  requirements: z.array(z.object({ line: z.string(), why: z.string() })),
  /** Package indexes beside the default one. */
  indexes: z.array(z.string()).default([]),
  /** Debian packages that `apt.txt` names, sorted. Runs of before there were any have none. */
  systemPackages: z.array(z.string()).default([]),
  /** Distributions that could not be installed and are left out, lower case; `apt:` and a name for a system's package. */
  leftOut: z.array(Because),
  /** How the repository itself gets on the path: from its folder, by pip, or by pip against what is installed already. */
  install: z.enum(["path", "pip", "pip-no-isolation"]),
  /** What a build without isolation needs first. */
  buildRequirements: z.array(z.string()),
  python: z.string(),
  pythonVersion: z.string(),
  /** Whether Python 2 files are ported, openly, when the environment is built. */
  port: z.boolean(),
  /** Arguments added to a script's command line, by candidate. */
  standardInput: z.array(z.object({ id: z.string(), lines: z.array(z.string()) })),
});
export type Decisions = z.infer<typeof Decisions>;

/** Takes a candidate out for good. */
export function reject(decisions: Decisions, id: string, why: string, reasonCode: AuthorReason): Decisions {
  return {
    ...decisions,
    chosen: decisions.chosen.filter((each) => each !== id),
    rejected: [...decisions.rejected, { id, why, reasonCode }],
  };
}

/** What reading alone decides, before anything has run. */
export function createInitialDecisions({ survey }: AuthorContext, python: PythonInterpreter): Decisions {
  const { packaging } = survey;
  const standsAlone = packaging.dependencies.length === 0 && !packaging.compiled;
  return {
    chosen: [],
    proven: [],
    revisions: 0,
    rejected: [],
    droppedBlocks: [],
    replacements: [],
    requirements: [],
    indexes: [],
    systemPackages: [],
    leftOut: [],
    install: packaging.installable && !standsAlone ? "pip" : "path",
    buildRequirements: [],
    python: python.path,
    pythonVersion: python.version,
    port: survey.python2.length > 0 && !packaging.installable,
    standardInput: [],
  };
}
