import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stepSucceeded } from "../../src/example/execution.ts";
import { type ExecuteExampleOptions, executeExample } from "../../src/pipeline/execute-example.ts";
import { createContainerProvider } from "../../src/sandboxes/container.ts";
import { passThroughEnvironment } from "../../src/sandboxes/pass-through-environment.ts";
import type { CreateSandboxOptions, SandboxProvider } from "../../src/sandboxes/sandbox.ts";
import { reachesPackages } from "../support/package-index.ts";
import { containerImage } from "../support/sandbox-image.ts";

const image = await containerImage();

const runscript = `#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
command -v hello
"$PYTHON" -m venv --without-pip .venv
[ "$(cat requirements.txt)" != broken ]
`;
const main = `
import json, subprocess
said = subprocess.run(["hello"], capture_output=True, text=True).stdout.strip()
json.dump({"example1": {"values": {"said": said}}}, open("results.json", "w"))
`;

describe.runIf(image !== null && reachesPackages())("the layers of an environment", () => {
  let folder: string;
  let provider: SandboxProvider;
  const created: CreateSandboxOptions[] = [];
  const kept: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "codedistiller-layers-"));
    await mkdir(join(folder, "repository"));
    await writeFile(join(folder, "repository", "tiny.py"), "");
    const real = await createContainerProvider({
      image: image ?? "",
      stateFolder: join(folder, "state"),
      passEnvironment: passThroughEnvironment(process.env).variables,
      environment: process.env,
      cpuCores: 2,
      gpu: false,
    });
    provider = {
      ...real,
      async create(options) {
        created.push(options);
        const sandbox = await real.create(options);
        const { snapshot } = sandbox;
        sandbox.snapshot = (one) => {
          kept.push(one.key);
          return snapshot.call(sandbox, one);
        };
        return sandbox;
      },
    };
  }, 120_000);
  afterAll(async () => {
    for (const key of kept) await provider.removeSnapshot(key);
    await rm(folder, { recursive: true, force: true });
  });

  function execute(files: Record<string, string>, options: Partial<ExecuteExampleOptions> = {}) {
    created.length = 0;
    return executeExample({
      provider,
      draft: {
        files: { "main.py": main, "runscript.sh": runscript, "requirements.txt": "", "apt.txt": "hello\n", ...files },
        python: "/usr/bin/python3",
        changesSource: false,
      },
      repositoryFolder: join(folder, "repository"),
      sourceKey: "commit",
      modules: ["tiny"],
      folder: join(folder, "iteration"),
      outputFolder: "output",
      config: {
        max_runtime_mins: 3,
        max_memory_mb: 1024,
        max_processes: 64,
        max_disk_mb: 512,
        program_network: false,
      },
      ...options,
    });
  }

  it("keeps the packages of the system where what comes after fails, and builds nothing for an edit of main.py", async () => {
    const failed = await execute({ "requirements.txt": "broken" });
    expect(failed.environment).toMatchObject({ status: "exited", exitCode: 1, reused: false });
    expect(created.map(({ snapshot }) => snapshot)).toEqual([undefined]);
    expect(kept).toHaveLength(1);
    const [system] = kept;

    const built = await execute({});
    expect(stepSucceeded(built.program), built.program?.stderr).toBe(true);
    expect(built.results).toEqual({ example1: { values: { said: "Hello, world!" } } });
    expect(created[0]?.snapshot).toBe(system);
    expect(created[1]?.snapshot).toBe(kept[1]);
    expect(kept).toHaveLength(2);

    const edited = await execute({ "main.py": `${main}# edited\n` });
    expect(edited.environment.reused).toBe(true);
    expect(stepSucceeded(edited.program)).toBe(true);
    expect(created.map(({ snapshot, network }) => [snapshot, network])).toEqual([[kept[1], "none"]]);

    const fresh = await execute({}, { fresh: true });
    expect(fresh.environment.reused).toBe(false);
    expect(fresh.results).toEqual(built.results);
    expect(created.map(({ snapshot, fresh: isFresh }) => [snapshot === system, isFresh])).toEqual([
      [false, true],
      [false, true],
    ]);
  }, 180_000);

  it("keeps the packages of Python where something after them fails, and goes on from a copy of them", async () => {
    const installs = `${runscript.replace("--without-pip ", "").replace("[ ", "export PIP_DISABLE_PIP_VERSION_CHECK=1\n.venv/bin/python -m pip install --no-input -r requirements.txt\n[ ")}[ -e .venv/done ]\n`;
    const before = kept.length;
    const failed = await execute({ "requirements.txt": "six\n", "runscript.sh": installs });
    expect(failed.environment.exitCode, failed.environment.stderr).toBe(1);
    expect(kept).toHaveLength(before + 1);
    const mended = installs.replace("[ -e", "touch .venv/done\n[ -e");
    const built = await execute({ "requirements.txt": "six\n", "runscript.sh": mended });
    expect(created[0]).toMatchObject({ snapshot: kept[before], handOver: true });
    expect(built.environment.stdout).toContain("Requirement already satisfied: six");
    expect(stepSucceeded(built.program), built.environment.stderr).toBe(true);
    expect(built.packages.some((each) => each.startsWith("six=="))).toBe(true);
  }, 180_000);

  it("tells a package that apt does not have as the environment's failure, with apt's words", async () => {
    const { environment, program } = await execute({ "apt.txt": "no-such-package-7f3a\n" });
    expect(environment.exitCode).not.toBe(0);
    expect(environment.stderr + environment.stdout).toContain("Unable to locate package no-such-package-7f3a");
    expect(program).toBeNull();
  }, 120_000);
});
