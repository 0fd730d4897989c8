import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "../config.ts";
import { RunFolderError } from "../errors.ts";
import { systemPackagesOf } from "../example/apt.ts";
import { ExampleMetadata, sourceFolder } from "../example/example.ts";
import { type Execution, type StepResult, stepSucceeded } from "../example/execution.ts";
import { CoreFunction } from "../repository/core-functions.ts";
import type { PythonInterpreter, SandboxProvider } from "../sandboxes/sandbox.ts";
import { assessExecution } from "./assess-execution.ts";
import { DependsOn } from "./depends-on.ts";
import type { Reproduction, Verdict } from "./outcome.ts";
import { reproduceExample } from "./reproduce-example.ts";
import { usesGpu } from "./write-example.ts";

/** `metadata.json` as published: the reference system's keys, and below `distiller` what running it again takes. */
export const PublishedMetadata = ExampleMetadata.extend({
  distiller: z.object({
    source: z.string(),
    commit: z.string().nullable(),
    subdirectory: z.string().nullable(),
    licence: z.string().nullable(),
    modules: z.array(z.string()),
    coreFunctions: z.array(CoreFunction),
    python: z.string(),
    changesSource: z.boolean(),
    /** What it was to show; null for the core functionality. */
    focus: z.string().max(500).nullable().default(null),
    /** What cannot be read is no reason to trust that nothing changed. */
    dependsOn: DependsOn.catch(null).default(null),
    /** What is run: plain names, `main.py` and the scripts among them. */
    files: z.array(z.string().regex(/^[A-Za-z0-9][\w.-]*$/)),
  }),
});
export type PublishedMetadata = z.infer<typeof PublishedMetadata>;

export interface PublishedExample {
  folder: string;
  metadata: PublishedMetadata;
  files: Record<string, string>;
  results: unknown;
}

const maxFileBytes = 10_000_000;

/** Reads a published folder; throws RunFolderError that names what is missing or damaged. */
export async function readPublishedExample(folder: string): Promise<PublishedExample> {
  const read = async (name: string): Promise<string> => {
    try {
      const found = await lstat(join(folder, name));
      if (found.isFile() && found.size <= maxFileBytes) return await readFile(join(folder, name), "utf8");
    } catch {
      // Told below, with what to do.
    }
    throw new RunFolderError({
      code: "example-incomplete",
      userMessage: `${folder} holds no readable ${name}: name the example/ folder of a run or a published one, or bring the file back.`,
    });
  };
  const parse = (name: string, text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new RunFolderError({
        code: "example-damaged",
        userMessage: `${join(folder, name)} is not valid JSON.`,
        cause: error,
      });
    }
  };
  const metadata = PublishedMetadata.safeParse(parse("metadata.json", await read("metadata.json")));
  if (!metadata.success) {
    throw new RunFolderError({
      code: "example-damaged",
      userMessage: `${join(folder, "metadata.json")} was not written by this version of CodeDistiller, or is damaged.`,
      cause: metadata.error,
    });
  }
  const files: Record<string, string> = {};
  for (const name of metadata.data.distiller.files) files[name] = await read(name);
  return { folder, metadata: metadata.data, files, results: parse("results.json", await read("results.json")) };
}

/** The files that an example was made from, where its folder holds them because nobody could fetch them; else null. */
export async function findCarriedSource({ folder }: Pick<PublishedExample, "folder">): Promise<string | null> {
  const carried = join(folder, sourceFolder);
  const found = await lstat(carried).catch(() => null);
  return found?.isDirectory() ? carried : null;
}

export interface VerifyExampleOptions {
  example: PublishedExample;
  provider: SandboxProvider;
  /** Host folder with the repository at the example's commit. */
  repositoryFolder: string;
  sourceKey: string;
  /** Host folder to work in; the caller removes it. */
  folder: string;
  config: Pick<
    Config,
    "max_runtime_mins" | "max_memory_mb" | "max_processes" | "max_disk_mb" | "program_network" | "gpu"
  >;
  onOutput?: (text: string) => void;
  signal?: AbortSignal;
}

/** Stable; `docs/outcomes.md` says what each means. */
type VerificationReason =
  | "verified"
  | "environment-not-buildable"
  | "program-failed"
  | "results-differ"
  | "not-grounded";

export interface Verification {
  reasonCode: VerificationReason;
  reproduction: Reproduction;
  grounded: Verdict["grounded"];
  /** What differs here from where it was made, and may be why it failed. */
  notes: string[];
  /** The end of what the step that failed printed, 4 KB at most; empty where none failed. */
  tail: string;
}

/** The third step of the verdict alone, on a folder that was published before, maybe in another kind of sandbox. */
export async function verifyExample({ example, provider, ...options }: VerifyExampleOptions): Promise<Verification> {
  const { modules, coreFunctions, python, changesSource } = example.metadata.distiller;
  const { pythons, systemPackages } = await provider.describe(options.signal);
  const wanted = minorOf(python);
  const interpreter =
    pythons.find(({ version }) => version.startsWith(`${wanted}.`)) ??
    pythons.find(({ version }) => version.startsWith("3."));
  const { reproduction, execution } = await reproduceExample({
    ...options,
    provider,
    files: example.files,
    draft: { python: interpreter?.path ?? "/usr/bin/python3", changesSource },
    expected: example.results,
    fresh: true,
    modules,
    outputFolder: `${provider.name}-output`,
    gpu: usesGpu(options.config, { needs: [] }, example),
  });
  const { executed, grounded } = assessExecution(execution, coreFunctions);
  const reasonCode = nameReason({ execution, executed, reproduction, grounded });
  const notes = describeDifferences({ example, interpreter, systemPackages, execution });
  // It ended well, and left nothing that could be compared.
  if (reasonCode === "program-failed" && stepSucceeded(execution.program))
    return {
      reasonCode,
      reproduction: { ...reproduction, check: executed },
      grounded,
      notes,
      tail: tailOf(execution.program),
    };
  return { reasonCode, reproduction, grounded, notes, tail: tailOf(failedStep(execution)) };
}

function nameReason({
  execution,
  executed,
  reproduction,
  grounded,
}: Pick<Verdict, "executed" | "grounded"> & {
  execution: Execution;
  reproduction: Reproduction;
}): VerificationReason {
  if (!stepSucceeded(execution.environment)) return "environment-not-buildable";
  if (executed.result !== "passed") return "program-failed";
  if (reproduction.check.result !== "passed") return "results-differ";
  return grounded.result === "passed" ? "verified" : "not-grounded";
}

function describeDifferences({
  example: { files, metadata },
  interpreter,
  systemPackages,
  execution,
}: {
  example: PublishedExample;
  interpreter: PythonInterpreter | undefined;
  systemPackages: boolean;
  execution: Execution;
}): string[] {
  const { python } = metadata.distiller;
  const failed = failedStep(execution);
  const needed = systemPackagesOf(files);
  const lastLine = failed?.stderr.trim().split("\n").at(-1)?.slice(0, 300);
  return [
    ...(lastLine ? [`It ended with: ${lastLine}`] : []),
    ...(failed && needed.length > 0 && !systemPackages
      ? [
          `It needs packages of the system (${needed.join(", ")}), which are not installed in this kind of sandbox: take --sandbox container or modal.`,
        ]
      : []),
    ...(interpreter && minorOf(interpreter.version) !== minorOf(python)
      ? [`It was made with Python ${python}; here it was run with Python ${interpreter.version}.`]
      : []),
  ];
}

function failedStep({ environment, program }: Execution): StepResult | null {
  return [environment, ...(program ? [program] : [])].find((step) => !stepSucceeded(step)) ?? null;
}

const mostTailBytes = 4096;

/** Its last lines, whole where one fits; what programs print besides errors only where there are none. */
function tailOf(step: StepResult | null): string {
  const bytes = Buffer.from((step?.stderr.trim() || step?.stdout.trim()) ?? "");
  if (bytes.length <= mostTailBytes) return bytes.toString();
  // A character that the cut goes through becomes U+FFFD.
  const end = bytes
    .subarray(-mostTailBytes)
    .toString()
    .replace(/^\ufffd+/, "");
  return end.includes("\n") ? end.slice(end.indexOf("\n") + 1) : end;
}

function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
