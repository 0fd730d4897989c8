import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { systemPackagesOf } from "../example/apt.ts";
import { environmentFolder, sourceFolder } from "../example/example.ts";
import { nothingRun, type StepResult, stepSucceeded } from "../example/execution.ts";
import { formatRequirement, normalizeName, parseRequirement } from "../repository/requirement.ts";
import type { Sandbox, SandboxDescription, SandboxProvider } from "../sandboxes/sandbox.ts";
import type { ExecuteExampleOptions } from "./execute-example.ts";
import {
  createSandbox,
  exampleFolder,
  listPackages,
  putExample,
  runInSandbox,
  sandboxTimes,
  toStep,
} from "./run-in-sandbox.ts";

export interface BuiltEnvironment {
  step: StepResult;
  /** Key of the snapshot that the program starts from; null where building failed. */
  snapshot: string | null;
}

/**
 * Runs `runscript.sh` with the network on and keeps what it built, unless a snapshot of that is there: an iteration
 * that changes `main.py` alone builds nothing. Where building fails, the layers that were good are kept and the next
 * attempt goes on from the last of them: packages of the system, then those of `requirements.txt`.
 */
export async function buildEnvironment(
  options: ExecuteExampleOptions,
  changedSource: string | null,
): Promise<BuiltEnvironment> {
  const { provider, draft, fresh = false, signal } = options;
  const description = await provider.describe(signal);
  const python = findPython(draft.python, description.pythons);
  const packages = description.systemPackages ? systemPackagesOf(draft.files) : [];
  const keys = nameLayers(description, { python, packages, options });
  if (changedSource === null && !fresh && (await provider.hasSnapshot(keys.environment)))
    return { step: { ...nothingRun, reused: true }, snapshot: keys.environment };

  await warmCache(python, options);
  const layer = fresh ? null : await findLayer(provider, keys);
  await using sandbox = await createSandbox(options, {
    network: "full",
    ...(layer ? { snapshot: layer, handOver: true } : {}),
  });
  const system = layer ? nothingRun : await installSystemPackages(sandbox, packages, options);
  if (!stepSucceeded(system)) return { step: system, snapshot: null };
  if (!layer && packages.length > 0 && !fresh) await sandbox.snapshot({ key: keys.system, paths: [] });
  await putExample(sandbox, options, options.repositoryFolder);
  const step = await runScript(sandbox, python, options);
  step.seconds = Math.round((step.seconds + system.seconds) * 100) / 100;
  if (!stepSucceeded(step)) {
    // A layer that did not help is not begun with again: who knows whether it is the reason.
    if (layer === keys.packages) await provider.removeSnapshot(keys.packages);
    else if (!fresh && step.status === "exited") await keepPackages(sandbox, keys.packages, options);
    return { step, snapshot: null };
  }
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
  await sandbox.snapshot({ key: keys.environment, paths: [`${exampleFolder}/${environmentFolder}`] });
  return { step, snapshot: keys.environment };
}

/** Without an environment there is nothing to run `main.py` with, whatever the script says of itself. */
async function runScript(sandbox: Sandbox, python: string, options: ExecuteExampleOptions): Promise<StepResult> {
  const step = toStep(await runInSandbox(sandbox, options, ["/bin/bash", "runscript.sh"], { PYTHON: python }));
  if (!stepSucceeded(step)) return step;
  const look = `[ -d ${environmentFolder} ] && [ ! -L ${environmentFolder} ] && [ -x ${environmentFolder}/bin/python ]`;
  const { status } = await runInSandbox(sandbox, { ...options, onOutput: undefined }, ["/bin/sh", "-c", look], {});
  if (status.kind === "exited" && status.code === 0) return step;
  const problem = `runscript.sh ended well, but made no ${environmentFolder}/bin/python.`;
  return { ...step, exitCode: 1, stderr: `${step.stderr}\n${problem}\n`.trimStart() };
}

interface Layers {
  /** Packages of the system. */
  system: string;
  /** What `requirements.txt` names, in an environment of Python's. */
  packages: string;
  /** All that `runscript.sh` built. */
  environment: string;
}

/** A layer is named after everything that decides what it holds. */
function nameLayers(
  { provider, image, system, pythons }: SandboxDescription,
  { python, packages, options }: { python: string; packages: readonly string[]; options: ExecuteExampleOptions },
): Layers {
  const { draft, sourceKey } = options;
  const base = [provider, image ?? system];
  // Code of the repository has run where these are made: they are for its own runs alone.
  const own = [...base, python, pythons.find(({ path }) => path === python)?.version ?? "", sourceKey];
  const others = Object.entries(draft.files).filter(([path]) => path !== "main.py");
  return {
    system: `system-${hashOf([...base, ...packages])}`,
    packages: `packages-${hashOf([...own, ...packages, draft.files["requirements.txt"] ?? ""])}`,
    environment: `environment-${hashOf([...own, ...others.sort().flat()])}`,
  };
}

function hashOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex").slice(0, 32);
}

async function findLayer(provider: SandboxProvider, { packages, system }: Layers): Promise<string | null> {
  for (const key of [packages, system]) if (await provider.hasSnapshot(key)) return key;
  return null;
}

async function installSystemPackages(
  sandbox: Sandbox,
  packages: readonly string[],
  options: ExecuteExampleOptions,
): Promise<StepResult> {
  if (packages.length === 0) return nothingRun;
  return toStep(await sandbox.installSystemPackages({ packages, ...sandboxTimes(options) }));
}

/** Keeps the packages where all that were asked for are there: it was something after them that failed. */
async function keepPackages(sandbox: Sandbox, key: string, options: ExecuteExampleOptions): Promise<void> {
  const wanted = listRequirements(options).flatMap((line) => parseRequirement(line)?.name ?? []);
  if (wanted.length === 0) return;
  const installed = new Set(
    (await listPackages(sandbox, options.signal)).map((each) => normalizeName(each.split("==")[0] ?? "")),
  );
  if (!wanted.every((name) => installed.has(normalizeName(name)))) return;
  await sandbox.snapshot({ key, paths: [`${exampleFolder}/${environmentFolder}`] });
}

/**
 * The interpreter that a draft names, or, where it was drafted for another kind of sandbox, the one here that is most
 * like it: of the version in its name, or the first.
 */
function findPython(path: string, pythons: SandboxDescription["pythons"]): string {
  if (pythons.length === 0 || pythons.some((each) => each.path === path)) return path;
  const named = /python-?(\d+\.\d+)/.exec(path)?.[1];
  const alike = pythons.find(({ version }) => named !== undefined && version.startsWith(`${named}.`));
  return (alike ?? pythons.find(({ version }) => version.startsWith("3.")))?.path ?? path;
}

/** The lines of `requirements.txt` that name a package and nothing else. */
function listRequirements({ draft }: ExecuteExampleOptions): string[] {
  return (draft.files["requirements.txt"] ?? "").split("\n").flatMap((line) => {
    const requirement = parseRequirement(line);
    return requirement ? [formatRequirement(requirement)] : [];
  });
}

/** Fetches wheels where nothing of the repository can interfere; a sandbox that cannot leaves the work to pip. */
async function warmCache(python: string, options: ExecuteExampleOptions): Promise<void> {
  const requirements = listRequirements(options);
  if (requirements.length > 0) await options.provider.warmDownloadCache?.(requirements, python, options.signal);
}
