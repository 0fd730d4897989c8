import { stateFolderOf } from "../../adapters/host.ts";
import { DistillerError } from "../../errors.ts";
import { createLocalProvider } from "../../sandboxes/local.ts";
import type { PythonInterpreter } from "../../sandboxes/sandbox.ts";
import type { Terminal } from "../terminal.ts";
import { checkCompiler } from "./examine-machine.ts";
import { type Finding, firstLineOf } from "./finding.ts";

/** Why bubblewrap cannot be used; null where it can. */
export async function findLocalProblem(terminal: Terminal): Promise<string | null> {
  try {
    await using _provider = await createLocal(terminal, "bubblewrap");
    return null;
  } catch (error) {
    if (!(error instanceof DistillerError)) throw error;
    // What is wrong with that folder is told where the disk is checked.
    return error.code === "sandbox-state-folder" ? null : error.userMessage;
  }
}

/** What programs on this machine find, where they run on this machine. */
export async function examineTools(terminal: Terminal): Promise<Finding[]> {
  const pythons = await findPythons(terminal);
  return [...(pythons === null ? [] : await examinePython(terminal, pythons)), await checkCompiler(terminal)];
}

async function findPythons(terminal: Terminal): Promise<PythonInterpreter[] | null> {
  try {
    await using provider = await createLocal(terminal, "none");
    return (await provider.describe()).pythons;
  } catch (error) {
    if (error instanceof DistillerError && error.code === "sandbox-state-folder") return null;
    throw error;
  }
}

async function examinePython(terminal: Terminal, pythons: readonly PythonInterpreter[]): Promise<Finding[]> {
  const first = pythons.find(({ version }) => version.startsWith("3."));
  if (!first)
    return [
      { name: "python", state: "missing", detail: "no Python 3", advice: "apt-get install python3 python3-venv" },
    ];
  const hasPip = await firstLineOf(
    first.path,
    ["-c", "import ensurepip, venv; print('pip comes with new environments')"],
    terminal,
  );
  return [
    {
      name: "python",
      state: "found",
      detail: pythons.map(({ version, path }) => `${version} (${path})`).join(", "),
      advice: "",
    },
    hasPip
      ? { name: "venv", state: "found", detail: hasPip, advice: "" }
      : {
          name: "venv",
          state: "limited",
          detail: "environments have no pip: only repositories without dependencies can be distilled",
          advice: "apt-get install python3-venv",
        },
    ...(first.hasHeaders
      ? []
      : [
          {
            name: "headers",
            state: "limited" as const,
            detail: "no Python.h: repositories with C extensions cannot be built",
            advice: "apt-get install python3-dev",
          },
        ]),
  ];
}

function createLocal(terminal: Terminal, isolation: "bubblewrap" | "none"): ReturnType<typeof createLocalProvider> {
  return createLocalProvider({
    isolation,
    stateFolder: stateFolderOf(terminal),
    passEnvironment: {},
    hostPath: terminal.environment.PATH ?? "/usr/bin:/bin",
    reapAtStart: false,
  });
}
