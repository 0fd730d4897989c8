import { z } from "zod";
import { parseBoundedJson } from "../bounded-json.ts";
import { environmentFolder, sourceFolder } from "../example/example.ts";
import type { StepResult } from "../example/execution.ts";
import { trimOutput } from "../example/trim-output.ts";
import type { CommandResult, CreateSandboxOptions, RunCommandOptions, Sandbox } from "../sandboxes/sandbox.ts";
import type { ExecuteExampleOptions } from "./execute-example.ts";

/** Where an example lies in every sandbox. */
export const exampleFolder = "/work/example";

/** Longest text kept of each stream in the state, in characters. */
const keptCharacters = 20_000;

export function createSandbox(
  { provider, config, fresh = false, signal }: ExecuteExampleOptions,
  options: Pick<CreateSandboxOptions, "network" | "snapshot" | "handOver" | "gpu">,
): Promise<Sandbox> {
  const limits = { memoryMb: config.max_memory_mb, processes: config.max_processes, diskMb: config.max_disk_mb };
  return provider.create({ ...options, limits, fresh, ...(signal ? { signal } : {}) });
}

export async function putExample(
  sandbox: Sandbox,
  { draft }: ExecuteExampleOptions,
  repositoryFolder: string,
): Promise<void> {
  await sandbox.putFolder({ from: repositoryFolder, to: `${exampleFolder}/${sourceFolder}` });
  await sandbox.putFiles(exampleFolder, draft.files);
}

/** How long a step may take, who is told of its output, and who can end it. */
export function sandboxTimes({
  config,
  onOutput,
  signal,
}: ExecuteExampleOptions): Pick<RunCommandOptions, "timeoutMs" | "outputLimitBytes" | "onOutput" | "signal"> {
  return {
    timeoutMs: Math.ceil(config.max_runtime_mins * 60_000),
    outputLimitBytes: 256_000,
    ...(onOutput ? { onOutput: (_stream: string, text: string) => onOutput(text) } : {}),
    ...(signal ? { signal } : {}),
  };
}

export function runInSandbox(
  sandbox: Sandbox,
  options: ExecuteExampleOptions,
  argv: [string, ...string[]],
  env: Record<string, string>,
): Promise<CommandResult> {
  return sandbox.run({ argv, cwd: exampleFolder, env, ...sandboxTimes(options) });
}

/** What came of a step. */
export function toStep({ status, stdout, stderr, durationMs, peakMemoryMb }: CommandResult): StepResult {
  return {
    status: status.kind,
    exitCode: status.kind === "exited" ? status.code : null,
    detail: status.kind === "killed" ? (status.limit ? `${status.limit} limit` : status.signal) : null,
    seconds: Math.round(durationMs / 10) / 100,
    peakMemoryMb,
    stdout: trimOutput(stdout.text, keptCharacters),
    stderr: trimOutput(stderr.text, keptCharacters),
    reused: false,
  };
}

/** As PEP 503 and PEP 440 write them: what an environment says of itself goes into files that others install from. */
const Package = z.object({
  name: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.!+_-]{0,98}$/),
});

/** `name==version` of every distribution in the environment, read from their metadata: pip itself may be absent. */
export async function listPackages(sandbox: Sandbox, signal: AbortSignal | undefined): Promise<string[]> {
  const script =
    "import json; from importlib import metadata; print(json.dumps([{'name': d.metadata['Name'], 'version': d.version} for d in metadata.distributions() if d.metadata['Name']]))";
  const result = await sandbox.run({
    argv: [`${exampleFolder}/${environmentFolder}/bin/python`, "-I", "-c", script],
    cwd: "/work",
    timeoutMs: 60_000,
    outputLimitBytes: 1_000_000,
    ...(signal ? { signal } : {}),
  });
  const listed = z.array(z.unknown()).safeParse(parseBoundedJson(result.stdout.text)?.value).data ?? [];
  const packages = listed.flatMap((each) => Package.safeParse(each).data ?? []);
  return [...new Set(packages.map(({ name, version }) => `${name}==${version}`))].sort((a, b) =>
    a.localeCompare(b, "en"),
  );
}
