import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config.ts";
import { type Draft, environmentFolder, sourceFolder } from "../example/example.ts";
import type { Evidence, Execution, StepResult } from "../example/execution.ts";
import type { Sandbox, SandboxProvider } from "../sandboxes/sandbox.ts";
import { buildEnvironment } from "./build-environment.ts";
import { readEvidence } from "./read-evidence.ts";
import { readLog, readResults } from "./read-output.ts";
import { createSandbox, exampleFolder, listPackages, putExample, runInSandbox, toStep } from "./run-in-sandbox.ts";

/** Where things lie in every sandbox. */
const observerFolder = "/opt/observer";
const evidenceFolder = "/work/evidence";
const configFile = "/work/observer.json";

/** Files above 5 MB are left, as the reference system leaves them. */
const outputLimits = { maxFileBytes: 5_000_000, maxTotalBytes: 60_000_000, maxFiles: 500 };
const evidenceLimits = { maxFileBytes: 25_000_000, maxTotalBytes: 100_000_000, maxFiles: 600 };

export interface ExecuteExampleOptions {
  provider: SandboxProvider;
  draft: Pick<Draft, "files" | "python" | "changesSource">;
  /** Host folder of the repository at its pinned commit. */
  repositoryFolder: string;
  /** Names what `source/` holds, for the key of the environment: a commit, or a hash of the files. */
  sourceKey: string;
  modules: readonly string[];
  /** Host folder that the files are written to. */
  folder: string;
  /** Folder below it for what the run leaves: `local-output`. */
  outputFolder: string;
  config: Pick<Config, "max_runtime_mins" | "max_memory_mb" | "max_processes" | "max_disk_mb" | "program_network">;
  /** True: the environment is built anew, in sandboxes that were never used, and forgotten afterwards. */
  fresh?: boolean;
  /** Whether the program gets the GPU that the provider has to give. */
  gpu?: boolean;
  onOutput?: ((text: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Builds the environment, then runs `main.py` in another sandbox that starts with it, without network unless asked for.
 * The example's failures are in the result; SandboxError means that the sandbox failed.
 */
export async function executeExample(options: ExecuteExampleOptions): Promise<Execution> {
  const { draft, folder } = options;
  await writeExampleFiles(folder, draft.files);
  const output = join(folder, options.outputFolder);
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  const changedSource = draft.changesSource ? join(folder, ".changed-source") : null;
  const { step, snapshot } = await buildEnvironment(options, changedSource);
  if (snapshot === null) {
    await writeStreams(output, "runscript", step);
    return { environment: step, ...notRun };
  }
  try {
    const ran = await runProgram(options, {
      snapshot,
      output,
      repositoryFolder: changedSource ?? options.repositoryFolder,
    });
    // After what the program left, which may have the same names.
    await writeStreams(output, "runscript", step);
    await writeStreams(output, "python", ran.program);
    return { environment: step, ...ran, ...(await readResults(output)), log: await readLog(output) };
  } finally {
    if (changedSource !== null) await rm(changedSource, { recursive: true, force: true });
    // What cannot be removed now goes when nobody has used it for long.
    if (options.fresh) await options.provider.removeSnapshot(snapshot).catch(() => undefined);
  }
}

/** Runs `main.py` under the observer, in a sandbox that starts with its environment, and brings home what it left. */
async function runProgram(
  options: ExecuteExampleOptions,
  { snapshot, output, repositoryFolder }: { snapshot: string; output: string; repositoryFolder: string },
): Promise<{ program: StepResult } & Pick<Execution, "files" | "left" | "evidence" | "packages">> {
  const { draft, folder, modules, config } = options;
  await using sandbox = await createSandbox(options, {
    network: config.program_network ? "full" : "none",
    snapshot,
    gpu: options.gpu ?? false,
  });
  const packages = await listPackages(sandbox, options.signal);
  await putExample(sandbox, options, repositoryFolder);
  await putObserver(sandbox, modules);
  const program = toStep(
    await runInSandbox(sandbox, options, [`${exampleFolder}/${environmentFolder}/bin/python`, "main.py"], {
      MPLBACKEND: "Agg",
      PYTHONHASHSEED: "0",
      PYTHONPATH: observerFolder,
      CODEDISTILLER_OBSERVER: configFile,
    }),
  );
  const got = await sandbox.getFolder({
    from: exampleFolder,
    to: output,
    exclude: [sourceFolder, environmentFolder, ...Object.keys(draft.files)],
    ...outputLimits,
  });
  const records = join(folder, ".evidence");
  await rm(records, { recursive: true, force: true });
  await sandbox.getFolder({ from: evidenceFolder, to: records, ...evidenceLimits });
  const evidence = await readEvidence({ folder: records, exampleFolder, repositoryFolder, modules });
  await rm(records, { recursive: true, force: true });
  const files = got.files.filter(({ path }) => path.startsWith("to_save/"));
  return { program, files, left: got.left, evidence, packages };
}

const noEvidence: Evidence = {
  processes: 0,
  python: null,
  functions: [],
  impostors: [],
  modules: [],
  swallowed: [],
  errors: [],
};
const notRun: Omit<Execution, "environment"> = {
  program: null,
  results: null,
  resultsProblem: "main.py was not run",
  log: [],
  files: [],
  left: [],
  evidence: noEvidence,
  packages: [],
};

async function putObserver(sandbox: Sandbox, modules: readonly string[]): Promise<void> {
  await sandbox.putFolder({
    from: fileURLToPath(new URL("../sandboxes/observer", import.meta.url)),
    to: observerFolder,
    readOnly: true,
  });
  // Relative, since without isolation the program finds them elsewhere.
  const example = relative("/work", exampleFolder);
  const settings = {
    folder: "/work",
    targetRoots: [`${example}/${sourceFolder}`],
    targetModules: modules,
    exampleRoots: [example],
    output: relative("/work", evidenceFolder),
  };
  await sandbox.putFiles("/work", { "observer.json": JSON.stringify(settings) });
  await sandbox.putFiles(evidenceFolder, { ".keep": "" });
}

/** Writes an example's files below a folder; scripts can be run. */
export async function writeExampleFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text, { mode: path.endsWith(".sh") ? 0o755 : 0o644 });
  }
}

/** The streams under the names the reference system gives them. */
async function writeStreams(output: string, name: string, { stdout, stderr }: StepResult): Promise<void> {
  await writeFile(join(output, `stdout.${name}.txt`), stdout);
  await writeFile(join(output, `stderr.${name}.txt`), stderr);
}
