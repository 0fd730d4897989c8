import type { CoreFunction } from "../../repository/core-functions.ts";
import { findPythonModules, type PythonModules } from "../../repository/modules.ts";
import type { Survey } from "../../repository/survey.ts";
import type { AuthorContext } from "../author.ts";

/** A stretch of code that the repository itself shows, with where it stands. */
export interface Block {
  /** Stable within one commit: path and first line or cell. */
  id: string;
  path: string;
  /** For example `lines 12-30` or `cell 4`. */
  place: string;
  /** First line in the file; in a notebook, of the cell. */
  line: number;
  prose: string;
  code: string;
}

/**
 * Something that could become one `exampleN()`: a session of blocks that share their names, a script to be run with
 * arguments, or tests.
 */
export interface Candidate {
  id: string;
  kind: "readme" | "documentation" | "doctest" | "notebook" | "example" | "command" | "script" | "test";
  path: string;
  title: string;
  blocks: Block[];
  /** For scripts: what to run, relative to the repository. */
  script: { path: string; arguments: string[]; workingFolder: string } | null;
  /** For tests: functions to call, with the fixtures each takes. */
  tests: Array<{ name: string; fixtures: string[] }> | null;
  /** Folder of the repository that relative paths refer to; null where none does. */
  workingFolder: string | null;
  /** Qualified names of core functions that it calls, as far as can be told without running it. */
  coreCalls: CoreFunction[];
  /** Other functions of the repository that it calls. */
  otherCalls: number;
  needs: string[];
  score: number;
}

/** What finding candidates reads. */
export interface CandidateContext {
  survey: Survey;
  modules: PythonModules;
  readText: (path: string) => Promise<string | null>;
  focus: string | null;
  /** Whether what needs a GPU gets one. */
  hasGpu: boolean;
}

export function searchOf({ survey, readText, focus, sandbox }: AuthorContext): CandidateContext {
  return {
    survey,
    readText,
    focus,
    hasGpu: sandbox.gpu !== null,
    modules: findPythonModules(
      survey.files.map(({ path }) => path),
      survey.packaging,
    ),
  };
}
