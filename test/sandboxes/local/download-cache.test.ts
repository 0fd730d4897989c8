import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SandboxError } from "../../../src/errors.ts";
import { isPlainRequirement, preferredName } from "../../../src/sandboxes/local/download-cache.ts";
import { createLocalProvider } from "../../../src/sandboxes/local.ts";
import { run } from "../../contracts/contract-subject.ts";

it.each([
  "numpy",
  "numpy==1.26.4",
  "scikit-learn >=1.3, <2",
  "uvicorn[standard, extra]~=0.20",
  "tomli>=1.1.0 ; python_version < '3.11' and platform_system == \"Linux\"",
  "torch (>=2.0,!=2.1.*)",
  "zope.interface===5.0+local.1",
])("takes %j for a plain requirement", (text) => expect(isPlainRequirement(text)).toBe(true));

it.each([
  "",
  "-r requirements.txt",
  "--index-url=https://example.org",
  "./package",
  "../package",
  "/package",
  ".",
  "package.whl @ https://example.org/package.whl",
  "package @ file:///etc",
  "git+https://example.org/x",
  "https://example.org/x.whl",
  "numpy\n--index-url=https://example.org",
  "numpy --hash=sha256:0",
  "numpy==1.0; $(id)",
  "x".repeat(600),
])("passes over %j", (text) => expect(isPlainRequirement(text)).toBe(false));

it("names a wheel so that pip takes it before the index's", () => {
  expect(preferredName("numpy-2.0-cp311-cp311-linux_x86_64.whl")).toBe("numpy-2.0-0cache-cp311-cp311-linux_x86_64.whl");
  expect(preferredName("numpy-2.0-3-cp311-cp311-linux_x86_64.whl")).toBe("numpy-2.0-3-cp311-cp311-linux_x86_64.whl");
  for (const name of ["../x-1-py3-none-any.whl", "x.whl", "x-1.tar.gz"]) expect(preferredName(name)).toBeNull();
});

it("fills the shared wheels from the package index, and installs from them", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "wheels-"));
  const index = join(folder, "index");
  try {
    makeWheel(index, "planted");
    const provider = await createLocalProvider({
      isolation: "bubblewrap",
      stateFolder: join(folder, "state"),
      passEnvironment: { PIP_NO_INDEX: "1", PIP_FIND_LINKS: index },
      hostPath: process.env.PATH ?? "",
    });
    const python = await findPythonWithPip(provider);
    if (python === null) return context.skip("no Python with pip");
    expect(await provider.warmDownloadCache?.(["../evil", "absent-package", "planted"], python)).toBe(true);
    expect(readdirSync(join(folder, "state", "wheels"))).toEqual(["planted-1.0-0cache-py3-none-any.whl"]);
    expect(await provider.warmDownloadCache?.(["planted"], python)).toBe(false);
    expect(await provider.warmDownloadCache?.(["-r x"], python)).toBe(false);

    await using sandbox = await provider.create({ network: "none", limits });
    const installed = await run(sandbox, [python, "-m", "pip", "install", "-t", "/work/site", "planted"]);
    expect(installed.stdout.text).toContain("Processing /opt/wheels/planted-1.0-0cache-py3-none-any.whl");
    expect((await run(sandbox, ["ls", "/work/site/planted.py"])).status).toEqual({ kind: "exited", code: 0 });
  } catch (error) {
    if (process.env.CI === "true" || !(error instanceof SandboxError && error.code === "sandbox-unavailable"))
      throw error;
    context.skip(error.userMessage);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const limits = { memoryMb: 512, processes: 64, diskMb: 200 };

async function findPythonWithPip(provider: Awaited<ReturnType<typeof createLocalProvider>>): Promise<string | null> {
  await using sandbox = await provider.create({ network: "none", limits });
  for (const { path, version } of (await provider.describe()).pythons) {
    const { status } = await run(sandbox, [path, "-m", "pip", "--version"]);
    if (!version.startsWith("2.") && status.kind === "exited" && status.code === 0) return path;
  }
  return null;
}

function makeWheel(folder: string, name: string): void {
  const script = `
import os, sys, zipfile
folder, name = sys.argv[1:]
os.makedirs(folder)
info = name + "-1.0.dist-info/"
with zipfile.ZipFile(os.path.join(folder, name + "-1.0-py3-none-any.whl"), "w") as wheel:
    wheel.writestr(name + ".py", "")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: " + name + "\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "")
`;
  execFileSync("python3", ["-c", script, folder, name]);
  chmodSync(folder, 0o755);
}
