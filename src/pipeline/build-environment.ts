import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { systemPackagesOf } from "../example/apt.ts";
import { environmentFolder, sourceFolder } from "../example/example.ts";
import { nothingRun, type StepResult, stepSucceeded } from "../example/execution.ts";
import { formatRequirement, parseRequirement } from "../repository/requirement.ts";
import type { ExecuteExampleOptions } from "./execute-example.ts";
import { createSandbox, exampleFolder, putExample, runInSandbox, sandboxTimes, toStep } from "./run-in-sandbox.ts";

export interface BuiltEnvironment {
  step: StepResult;
  /** Key of the snapshot that the program starts from; null where building failed. */
  snapshot: string | null;
}

/**
 * Runs `runscript.sh` with the network on and keeps what it built, unless a snapshot of that is there: an iteration
 * that changes `main.py` alone builds nothing. Packages of the system are a layer of their own below, which stays
 * where what comes after fails.
 */
export async function buildEnvironment(
  options: ExecuteExampleOptions,
  changedSource: string | null,
): Promise<BuiltEnvironment> {
  const { provider, draft, fresh = false, signal } = options;
  const { image, systemPackages } = await provider.describe(signal);
  const base = `${provider.name}:${image ?? ""}`;
  const key = environmentKey(base, options);
  if (changedSource === null && !fresh && (await provider.hasSnapshot(key)))
    return { step: { ...nothingRun, reused: true }, snapshot: key };

  await warmCache(options);
  const packages = systemPackages ? systemPackagesOf(draft.files) : [];
  const layer = `system-${hashOf([base, ...packages])}`;
  const hasLayer = packages.length > 0 && !fresh && (await provider.hasSnapshot(layer));
  await using sandbox = await createSandbox(options, { network: "full", ...(hasLayer ? { snapshot: layer } : {}) });
  let seconds = 0;
  if (packages.length > 0 && !hasLayer) {
    const installed = toStep(await sandbox.installSystemPackages({ packages, ...sandboxTimes(options) }));
    if (!stepSucceeded(installed)) return { step: installed, snapshot: null };
    seconds = installed.seconds;
    if (!fresh) await sandbox.snapshot({ key: layer, paths: [] });
  }
  await putExample(sandbox, options, options.repositoryFolder);
  const step = toStep(await runInSandbox(sandbox, options, ["/bin/bash", "runscript.sh"], { PYTHON: draft.python }));
  step.seconds = Math.round((step.seconds + seconds) * 100) / 100;
  if (!stepSucceeded(step)) return { step, snapshot: null };
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
  return { step, snapshot: key };
}

/** Everything that decides what an environment holds; an iteration that changes only `main.py` keeps it. */
function environmentKey(base: string, { draft, sourceKey }: ExecuteExampleOptions): string {
  const files = Object.entries(draft.files)
    .filter(([path]) => path !== "main.py")
    .sort();
  return `environment-${hashOf([base, draft.python, sourceKey, ...files.flat()])}`;
}

function hashOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex").slice(0, 32);
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
