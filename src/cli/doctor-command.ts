import { execFile } from "node:child_process";
import { access, constants, mkdir, statfs } from "node:fs/promises";
import { styleText } from "node:util";
import { findProviderKey, modelsByKey, providerKeyVariables } from "../config.ts";
import { DistillerError } from "../errors.ts";
import { createLocalProvider } from "../sandboxes/local.ts";
import { exitStatus } from "./exit-status.ts";
import { printable } from "./progress.ts";
import { stateFolderOf, type Terminal } from "./terminal.ts";

interface Finding {
  name: string;
  /** `missing` stops a run; `limited` narrows what can be distilled. */
  state: "found" | "limited" | "missing";
  detail: string;
  /** What to do; empty where nothing is to be done. */
  advice: string;
}

export async function runDoctor(terminal: Terminal, { json }: { json: boolean }): Promise<number> {
  const findings = [
    await checkNode(),
    await checkGit(terminal),
    ...(await checkSandbox(terminal)),
    await checkCompiler(terminal),
    await checkDisk(terminal),
    checkModels(terminal),
  ];
  const missing = findings.some(({ state }) => state === "missing");
  if (json) terminal.stdout.write(`${JSON.stringify({ ready: !missing, findings }, null, 2)}\n`);
  else showFindings(terminal, findings, missing);
  return missing ? exitStatus.error : exitStatus.verified;
}

function showFindings({ stdout }: Terminal, findings: readonly Finding[], missing: boolean): void {
  const colours = { found: "green", limited: "yellow", missing: "red" } as const;
  for (const { name, state, detail, advice } of findings) {
    stdout.write(
      `${styleText(colours[state], state.padEnd(8), { stream: stdout })} ${name.padEnd(12)} ${printable(detail)}\n`,
    );
    if (advice) stdout.write(`${" ".repeat(22)}${advice}\n`);
  }
  stdout.write(missing ? "\nNot ready: what is missing above has to be there first.\n" : "\nReady.\n");
}

async function checkNode(): Promise<Finding> {
  return { name: "node", state: "found", detail: process.versions.node, advice: "" };
}

async function checkGit(terminal: Terminal): Promise<Finding> {
  const version = await versionOf("git", ["--version"], terminal);
  return version
    ? { name: "git", state: "found", detail: version, advice: "" }
    : { name: "git", state: "missing", detail: "not found", advice: "apt-get install git" };
}

async function checkSandbox(terminal: Terminal): Promise<Finding[]> {
  const options = {
    stateFolder: stateFolderOf(terminal),
    passEnvironment: {},
    hostPath: terminal.environment.PATH ?? "/usr/bin:/bin",
  };
  const findings: Finding[] = [];
  const create = (isolation: "bubblewrap" | "none"): ReturnType<typeof createLocalProvider> =>
    createLocalProvider({ isolation, ...options });
  let provider: Awaited<ReturnType<typeof createLocalProvider>>;
  try {
    provider = await create("bubblewrap").catch((error) => {
      if (!(error instanceof DistillerError) || error.code === "sandbox-state-folder") throw error;
      findings.push({
        name: "bubblewrap",
        state: "missing",
        detail: "programs cannot be isolated",
        advice: error.userMessage,
      });
      return create("none");
    });
  } catch (error) {
    // What is wrong with that folder is told where the disk is checked.
    if (error instanceof DistillerError && error.code === "sandbox-state-folder") return findings;
    throw error;
  }
  if (findings.length === 0)
    findings.push({
      name: "bubblewrap",
      state: "found",
      detail: "programs run isolated from this machine",
      advice: "",
    });
  const { pythons } = await provider.describe();
  const first = pythons.find(({ version }) => version.startsWith("3."));
  if (!first)
    return [
      ...findings,
      { name: "python", state: "missing", detail: "no Python 3", advice: "apt-get install python3 python3-venv" },
    ];
  findings.push({
    name: "python",
    state: "found",
    detail: pythons.map(({ version, path }) => `${version} (${path})`).join(", "),
    advice: "",
  });
  const hasPip = await versionOf(
    first.path,
    ["-c", "import ensurepip, venv; print('pip comes with new environments')"],
    terminal,
  );
  findings.push(
    hasPip
      ? { name: "venv", state: "found", detail: hasPip, advice: "" }
      : {
          name: "venv",
          state: "limited",
          detail: "environments have no pip: only repositories without dependencies can be distilled",
          advice: "apt-get install python3-venv",
        },
  );
  if (!first.hasHeaders)
    findings.push({
      name: "headers",
      state: "limited",
      detail: "no Python.h: repositories with C extensions cannot be built",
      advice: "apt-get install python3-dev",
    });
  return findings;
}

async function checkCompiler(terminal: Terminal): Promise<Finding> {
  const version = await versionOf("cc", ["--version"], terminal);
  return version
    ? { name: "compiler", state: "found", detail: version, advice: "" }
    : {
        name: "compiler",
        state: "limited",
        detail: "no C compiler: repositories with C extensions cannot be built",
        advice: "apt-get install build-essential",
      };
}

async function checkDisk(terminal: Terminal): Promise<Finding> {
  const folder = stateFolderOf(terminal);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const freeGb = Math.round((bavail * bsize) / 1e8) / 10;
    return freeGb < 5
      ? {
          name: "disk",
          state: "limited",
          detail: `${freeGb} GB free at ${folder}`,
          advice: "Environments take up to several GB: free space, or set CODEDISTILLER_CACHE.",
        }
      : { name: "disk", state: "found", detail: `${freeGb} GB free at ${folder}`, advice: "" };
  } catch {
    return {
      name: "disk",
      state: "missing",
      detail: `${folder} cannot be written`,
      advice: "Set CODEDISTILLER_CACHE to a folder that can.",
    };
  }
}

function checkModels({ environment }: Terminal): Finding {
  const keys = providerKeyVariables.filter((name) => environment[name]?.trim());
  const chosen = findProviderKey(environment);
  const writes = chosen ? `; ${modelsByKey[chosen].model_str_code} writes where --model names no other` : "";
  return {
    name: "models",
    state: "found",
    detail:
      keys.length > 0
        ? `${keys.join(", ")} set${writes}`
        : "no provider key: builtin/extract is used, which needs none",
    advice: "",
  };
}

function versionOf(program: string, argv: readonly string[], { environment }: Terminal): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, argv, { env: { PATH: environment.PATH ?? "/usr/bin:/bin" }, timeout: 10_000 }, (error, stdout) =>
      resolve(error ? null : (stdout.split("\n")[0]?.trim() ?? "")),
    );
  });
}
