import { createHash } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { parseBoundedJson } from "../bounded-json.ts";
import type { Config } from "../config.ts";
import { SandboxError } from "../errors.ts";
import { type Draft, environmentFolder, sourceFolder } from "../example/example.ts";
import { type Evidence, type Execution, type StepResult, stepSucceeded } from "../example/execution.ts";
import { trimOutput } from "../example/trim-output.ts";
import { formatRequirement, parseRequirement } from "../repository/requirement.ts";
import type { CommandResult, Sandbox, SandboxProvider } from "../sandboxes/sandbox.ts";
import { readEvidence } from "./read-evidence.ts";
import { readLog, readResults } from "./read-output.ts";

/** Where things lie in every sandbox. */
const exampleFolder = "/work/example";
const observerFolder = "/opt/observer";
const evidenceFolder = "/work/evidence";
const configFile = "/work/observer.json";

/** Longest text kept of each stream in the state, in characters. */
const keptCharacters = 20_000;
/** Files above 5 MB are left, as the reference system leaves them. */
const outputLimits = { maxFileBytes: 5_000_000, maxTotalBytes: 60_000_000, maxFiles: 500 };

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
  /** False: the environment is built anew and forgotten afterwards. */
  keepEnvironment?: boolean;
  onOutput?: ((text: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Builds the environment, then runs `main.py` in another sandbox that starts with it, without network unless asked for.
 * The example's failures are in the result; SandboxError means that the sandbox failed.
 */
export async function executeExample(options: ExecuteExampleOptions): Promise<Execution> {
  const { draft, folder, config } = options;
  await writeExampleFiles(folder, draft.files);
  const output = join(folder, options.outputFolder);
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  const key = environmentKey(options);
  const changedSource = join(folder, ".changed-source");
  const environment = await buildEnvironment(options, key, draft.changesSource ? changedSource : null);
  await writeStreams(output, "runscript", environment.step);
  if (!stepSucceeded(environment.step)) return { environment: environment.step, ...notRun };

  const repositoryFolder = draft.changesSource ? changedSource : options.repositoryFolder;
  await using sandbox = await createSandbox(options, config.program_network ? "full" : "none", key);
  await putExample(sandbox, options, repositoryFolder);
  await putObserver(sandbox, options.modules);
  const result = await runIn(sandbox, options, [`${exampleFolder}/${environmentFolder}/bin/python`, "main.py"], {
    MPLBACKEND: "Agg",
    PYTHONHASHSEED: "0",
    PYTHONPATH: observerFolder,
    CODEDISTILLER_OBSERVER: configFile,
  });
  const program = toStep(result);
  await writeStreams(output, "python", program);
  const got = await sandbox.getFolder({
    from: exampleFolder,
    to: output,
    exclude: [sourceFolder, environmentFolder, ...Object.keys(draft.files)],
    ...outputLimits,
  });
  const records = join(folder, ".evidence");
  await rm(records, { recursive: true, force: true });
  await sandbox.getFolder({
    from: evidenceFolder,
    to: records,
    maxFileBytes: 25_000_000,
    maxTotalBytes: 100_000_000,
    maxFiles: 600,
  });
  if (options.keepEnvironment === false) await options.provider.removeSnapshot(key);
  const evidence = await readEvidence({ folder: records, exampleFolder, repositoryFolder, modules: options.modules });
  await rm(records, { recursive: true, force: true });
  await rm(changedSource, { recursive: true, force: true });
  return {
    environment: environment.step,
    program,
    ...(await readResults(output)),
    log: await readLog(output),
    files: got.files.filter(({ path }) => path.startsWith("to_save/")),
    left: got.left,
    evidence,
    packages: environment.packages,
  };
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

/** Everything that decides what an environment holds; an iteration that changes only `main.py` keeps it. */
function environmentKey({ provider, draft, sourceKey }: ExecuteExampleOptions): string {
  const hash = createHash("sha256");
  const files = Object.entries(draft.files)
    .filter(([path]) => path !== "main.py")
    .sort();
  for (const part of [provider.name, draft.python, sourceKey, ...files.flat()]) hash.update(`${part.length}:${part}`);
  return `environment-${hash.digest("hex").slice(0, 32)}`;
}

/** Runs `runscript.sh` with the network on, unless a snapshot of what it builds is there. */
async function buildEnvironment(
  options: ExecuteExampleOptions,
  key: string,
  changedSource: string | null,
): Promise<{ step: StepResult; packages: string[] }> {
  const { provider, draft, signal } = options;
  const reusable = changedSource === null && (await provider.hasSnapshot(key));
  if (!reusable) await warmCache(options);
  await using sandbox = await createSandbox(options, reusable ? "none" : "full", reusable ? key : undefined);
  if (reusable) {
    await sandbox.putFiles(exampleFolder, { "requirements.txt": "" });
    return {
      step: {
        status: "exited",
        exitCode: 0,
        detail: null,
        seconds: 0,
        peakMemoryMb: null,
        stdout: "",
        stderr: "",
        reused: true,
      },
      packages: await listPackages(sandbox, signal),
    };
  }
  await putExample(sandbox, options, options.repositoryFolder);
  const step = toStep(await runIn(sandbox, options, ["/bin/bash", "runscript.sh"], { PYTHON: draft.python }));
  if (!stepSucceeded(step)) return { step, packages: [] };
  const packages = await listPackages(sandbox, signal);
  if (changedSource !== null) {
    await rm(changedSource, { recursive: true, force: true });
    await sandbox.getFolder({
      from: `${exampleFolder}/${sourceFolder}`,
      to: changedSource,
      maxFileBytes: 1e9,
      maxTotalBytes: 4e9,
      maxFiles: 200_000,
    });
  }
  await sandbox.snapshot({ key, paths: [`${exampleFolder}/${environmentFolder}`] });
  return { step, packages };
}

/** Fetches wheels where nothing of the repository can interfere; a sandbox that cannot leaves the work to pip. */
async function warmCache({ provider, draft, signal }: ExecuteExampleOptions): Promise<void> {
  const lines = (draft.files["requirements.txt"] ?? "").split("\n");
  const requirements = lines.flatMap((line) => {
    const requirement = parseRequirement(line);
    return requirement ? [formatRequirement(requirement)] : [];
  });
  if (requirements.length > 0) await provider.warmDownloadCache?.(requirements, draft.python, signal);
}

function createSandbox(
  { provider, config, signal }: ExecuteExampleOptions,
  network: "full" | "none",
  snapshot: string | undefined,
): Promise<Sandbox> {
  const limits = { memoryMb: config.max_memory_mb, processes: config.max_processes, diskMb: config.max_disk_mb };
  return provider.create({
    network,
    limits,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(signal ? { signal } : {}),
  });
}

async function putExample(sandbox: Sandbox, { draft }: ExecuteExampleOptions, repositoryFolder: string): Promise<void> {
  await sandbox.putFolder({ from: repositoryFolder, to: `${exampleFolder}/${sourceFolder}` });
  await sandbox.putFiles(exampleFolder, draft.files);
}

async function putObserver(sandbox: Sandbox, modules: readonly string[]): Promise<void> {
  await sandbox.putFolder({
    from: fileURLToPath(new URL("../sandboxes/observer", import.meta.url)),
    to: observerFolder,
    readOnly: true,
  });
  const settings = {
    targetRoots: [`${exampleFolder}/${sourceFolder}`],
    targetModules: modules,
    exampleRoots: [exampleFolder],
    output: evidenceFolder,
  };
  await sandbox.putFiles("/work", { "observer.json": JSON.stringify(settings) });
  await sandbox.putFiles(evidenceFolder, { ".keep": "" });
}

async function runIn(
  sandbox: Sandbox,
  { config, onOutput, signal }: ExecuteExampleOptions,
  argv: [string, ...string[]],
  env: Record<string, string>,
): Promise<CommandResult> {
  const result = await sandbox.run({
    argv,
    cwd: exampleFolder,
    env,
    timeoutMs: Math.ceil(config.max_runtime_mins * 60_000),
    outputLimitBytes: 256_000,
    ...(onOutput ? { onOutput: (_stream: string, text: string) => onOutput(text) } : {}),
    ...(signal ? { signal } : {}),
  });
  if (result.status.kind === "lost")
    throw new SandboxError({
      code: "sandbox-lost",
      userMessage: `The sandbox was lost: ${result.status.detail}. The example is not to blame; try again.`,
      retryable: true,
    });
  return result;
}

function toStep({ status, stdout, stderr, durationMs, peakMemoryMb }: CommandResult): StepResult {
  return {
    status: status.kind === "lost" ? "killed" : status.kind,
    exitCode: status.kind === "exited" ? status.code : null,
    detail: status.kind === "killed" ? (status.limit ? `${status.limit} limit` : status.signal) : null,
    seconds: Math.round(durationMs / 10) / 100,
    peakMemoryMb,
    stdout: trimOutput(stdout.text, keptCharacters),
    stderr: trimOutput(stderr.text, keptCharacters),
    reused: false,
  };
}

const PackageList = z.array(z.object({ name: z.string(), version: z.string() }));

/** `name==version` of every distribution in the environment, read from their metadata: pip itself may be absent. */
async function listPackages(sandbox: Sandbox, signal: AbortSignal | undefined): Promise<string[]> {
  const script =
    "import json; from importlib import metadata; print(json.dumps([{'name': d.metadata['Name'], 'version': d.version} for d in metadata.distributions() if d.metadata['Name']]))";
  const result = await sandbox.run({
    argv: [`${exampleFolder}/${environmentFolder}/bin/python`, "-I", "-c", script],
    cwd: exampleFolder,
    timeoutMs: 60_000,
    outputLimitBytes: 1_000_000,
    ...(signal ? { signal } : {}),
  });
  const parsed = PackageList.safeParse(parseBoundedJson(result.stdout.text)?.value);
  if (!parsed.success) return [];
  return [...new Set(parsed.data.map(({ name, version }) => `${name}==${version}`))].sort((a, b) =>
    a.localeCompare(b, "en"),
  );
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
