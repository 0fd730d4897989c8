import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { WritingContext } from "../../src/authors/author.ts";
import type { Decisions } from "../../src/authors/extractive/decisions.ts";
import type { StepResult } from "../../src/example/execution.ts";
import { readRepositoryText } from "../../src/repository/read-text.ts";
import { surveyRepository } from "../../src/repository/survey.ts";
import { type TreeContent, writeTree } from "../repository/make-repository.ts";

/** The sample repositories that lie in the tree. */
export const fixtureNames = [
  "gpu-diffusion-net",
  "legacy-lattice",
  "orbital-elements",
  "peakfinder",
  "reaction-diffusion-scripts",
] as const;

export function fixtureFolder(name: (typeof fixtureNames)[number]): string {
  return fileURLToPath(new URL(`../fixtures/repositories/${name}`, import.meta.url));
}

export interface TemporaryFolder extends AsyncDisposable {
  path: string;
}

export async function makeFolder(content: TreeContent = {}): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "codedistiller-test-"));
  writeTree(path, content);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** What an author is given for a folder, with two interpreters that are never started. */
export async function createContext(folder: string): Promise<WritingContext> {
  const survey = await surveyRepository({ folder });
  return {
    repository: {
      source: folder,
      kind: "folder",
      name: basename(folder),
      url: null,
      commit: null,
      ref: null,
      archiveSha256: null,
      subdirectory: null,
      folder,
      fileCount: survey.files.length,
      totalBytes: 0,
      notes: [],
      modified: false,
    },
    survey,
    sandbox: {
      provider: "local",
      image: null,
      system: "Debian GNU/Linux 12 (bookworm)",
      architecture: "x86_64",
      pythons: [
        { path: "/usr/bin/python3", version: "3.11.2", hasHeaders: true },
        { path: "/usr/bin/python3.8", version: "3.8.18", hasHeaders: true },
      ],
      cpuCores: 2,
      memoryMb: 8192,
      isolated: true,
      systemPackages: false,
      gpu: null,
      tools: ["gcc", "git"],
    },
    focus: null,
    maxProgramSeconds: 60,
    programNetwork: false,
    summary: { description: "", highlyRelevantFiles: [] },
    classification: [],
    readText: (path) => readRepositoryText(folder, path),
  };
}

export function makeDecisions(given: Partial<Decisions> = {}): Decisions {
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
    install: "path",
    buildRequirements: [],
    python: "/usr/bin/python3",
    pythonVersion: "3.11.2",
    port: false,
    standardInput: [],
    ...given,
  };
}

export function makeStep(given: Partial<StepResult> = {}): StepResult {
  return {
    status: "exited",
    exitCode: 0,
    detail: null,
    seconds: 1,
    peakMemoryMb: null,
    stdout: "",
    stderr: "",
    reused: false,
    ...given,
  };
}
