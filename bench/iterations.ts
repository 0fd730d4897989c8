/**
 * What an iteration costs: npx node bench/iterations.ts [provider ...]
 *
 * For each provider: the start of a program beside the bare command; then a new edit of `main.py` for an example with
 * numpy, scipy and matplotlib, once with everything built anew and then from the snapshot. The bounds: an iteration
 * takes no second longer than its program on the local provider, and a twentieth of building anew everywhere.
 *
 * Containers run from the image of the tests, or the one that CODEDISTILLER_SANDBOX_IMAGE names. Modal is the emulator of the
 * tests, unless MODAL_TOKEN_ID is set: what the service itself takes, an emulator on this machine cannot tell.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stepSucceeded } from "../src/example/execution.ts";
import { type ExecuteExampleOptions, executeExample } from "../src/pipeline/execute-example.ts";
import { createContainerProvider } from "../src/sandboxes/container.ts";
import { defaultImage } from "../src/sandboxes/image.ts";
import { createLocalProvider } from "../src/sandboxes/local.ts";
import { createModalProvider } from "../src/sandboxes/modal.ts";
import { passThroughEnvironment } from "../src/sandboxes/pass-through-environment.ts";
import type { SandboxProvider } from "../src/sandboxes/sandbox.ts";
import { startModalServer } from "../test/support/modal-server/modal-server.ts";
import { containerImage, sandboxImage } from "../test/support/sandbox-image.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-iterations-"));
const common = {
  stateFolder: join(folder, "state"),
  passEnvironment: passThroughEnvironment(process.env).variables,
};
const limits = { memoryMb: 2048, processes: 128, diskMb: 4096 };

await using resources = new AsyncDisposableStack();
resources.defer(() => rmSync(folder, { recursive: true, force: true }));

const providers: Record<string, () => Promise<SandboxProvider>> = {
  local: () => createLocalProvider({ ...common, isolation: "bubblewrap", hostPath: process.env.PATH ?? "" }),
  container: async () => {
    const image = process.env.CODEDISTILLER_SANDBOX_IMAGE ?? (await containerImage()) ?? defaultImage;
    return createContainerProvider({ ...common, image, cpuCores: 2, environment: process.env, gpu: false });
  },
  modal: async () => {
    const base = process.env.MODAL_TOKEN_ID ? defaultImage : { base: "ubuntu:24.04", commands: [] };
    if (!process.env.MODAL_TOKEN_ID) {
      const server = resources.use(await startModalServer({ rootfs: (await sandboxImage())?.rootfs ?? "" }));
      Object.assign(process.env, server.environment);
    }
    const options = { cpuCores: 2, gpu: null, egressDomains: null, lifetimeMs: 3600_000 };
    return createModalProvider({ ...common, ...options, image: base });
  },
};

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return (performance.now() - begin) / 1000;
}

async function medianSeconds(times: number, action: () => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let time = 0; time < times; time += 1) taken.push(await seconds(action));
  return taken.toSorted((a, b) => a - b)[Math.floor(times / 2)] ?? Number.NaN;
}

const bare = await medianSeconds(9, () => promisify(execFile)("/usr/bin/python3", ["-c", "pass"]));

async function measureStart(provider: SandboxProvider): Promise<{ create: number; run: number }> {
  const create = await medianSeconds(5, async () => {
    await using _sandbox = await provider.create({ network: "none", limits, fresh: true });
  });
  await using sandbox = await provider.create({ network: "none", limits, fresh: true });
  const argv = ["python3", "-c", "pass"] as const;
  const run = await medianSeconds(9, () => sandbox.run({ argv, cwd: "/work", timeoutMs: 60_000 }));
  return { create, run };
}

const runscript = `#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
.venv/bin/python -m pip install --no-input --progress-bar off -r requirements.txt
`;
const main = `
import json, os
import numpy, scipy.optimize, matplotlib.pyplot as plt
os.makedirs("to_save", exist_ok=True)
x = numpy.linspace(0, 1, 50)
root = scipy.optimize.brentq(lambda value: value**2 - 0.5, 0, 1)
plt.plot(x, x**2)
plt.savefig("to_save/figure.png")
json.dump({"example1": {"values": {"root": root}}}, open("results.json", "w"))
`;

async function measureIteration(
  provider: SandboxProvider,
): Promise<{ anew: number; snapshot: number; program: number }> {
  const { pythons } = await provider.describe();
  const repository = join(folder, "repository");
  mkdirSync(repository, { recursive: true });
  writeFileSync(join(repository, "tiny.py"), "def double(x):\n    return 2 * x\n");
  let edit = 0;
  const execute = async (more: Partial<ExecuteExampleOptions>) => {
    edit += 1;
    const execution = await executeExample({
      provider,
      draft: {
        files: {
          "main.py": `${main}# edit ${edit}\n`,
          "runscript.sh": runscript,
          "requirements.txt": "numpy\nscipy\nmatplotlib\n",
        },
        python: pythons.find(({ version }) => version.startsWith("3."))?.path ?? "python3",
        changesSource: false,
      },
      repositoryFolder: repository,
      sourceKey: "commit",
      modules: ["tiny"],
      folder: join(folder, "iteration"),
      outputFolder: "output",
      config: {
        max_runtime_mins: 15,
        max_memory_mb: limits.memoryMb,
        max_processes: limits.processes,
        max_disk_mb: limits.diskMb,
        program_network: false,
      },
      ...more,
    });
    if (!stepSucceeded(execution.program))
      throw new Error(`${execution.environment.stderr}\n${execution.program?.stderr}`);
    return execution.program?.seconds ?? 0;
  };
  await execute({});
  let program = 0;
  const snapshot = await medianSeconds(5, async () => {
    program = await execute({});
  });
  // Wheels lie in the cache by now: what is left is what building takes in any case.
  const anew = await seconds(() => execute({ fresh: true }));
  return { anew, snapshot, program };
}

const shown = (value: number, digits = 2) => `${value.toFixed(digits)} s`;
console.log(`the bare command: ${shown(bare, 3)}`);
console.log(
  "| provider | make and end a sandbox | run a command in it | iteration, built anew | from the snapshot | of it the program | times faster |",
);
console.log("|---|---|---|---|---|---|---|");
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(providers)) {
  const make = providers[name];
  if (!make) throw new Error(`There is no provider ${name}: ${Object.keys(providers).join(", ")}.`);
  await using provider = await make();
  const start = await measureStart(provider);
  const { anew, snapshot, program } = await measureIteration(provider);
  const cells = [shown(start.create), shown(start.run, 3), shown(anew, 1), shown(snapshot), shown(program)];
  console.log(`| ${[name, ...cells, (anew / snapshot).toFixed(0)].join(" | ")} |`);
}
