import type { ContainerProcess, Sandbox } from "modal";
import { SandboxError } from "../../errors.ts";
import { lostSandbox } from "../command.ts";
import type { Machine, MachineProcess } from "../remote/machine.ts";
import { describeModalError } from "./describe-modal-error.ts";
import type { ModalConnection } from "./modal-connection.ts";

const startMs = 120_000;
const endMs = 60_000;
const keptErrorCharacters = 8_000;
/** How long the service may take to tell a process's end after its output has ended, in milliseconds. */
const endingMs = 20_000;

export interface ModalMachineOptions {
  connection: ModalConnection;
  sandbox: Sandbox;
  /** How long the sandbox can last, in milliseconds, in whole seconds: no command needs longer. */
  lifetimeMs: number;
  /** Keeps the sandbox's files as a snapshot. */
  keep: (sandbox: Sandbox, key: string, signal?: AbortSignal) => Promise<void>;
}

/** A sandbox of Modal as a machine for the agent. */
export function createModalMachine({ connection, sandbox, lifetimeMs, keep }: ModalMachineOptions): Machine {
  return {
    async start(argv) {
      const process = await connection.call("a command's start", startMs, () =>
        sandbox.exec([...argv], {
          mode: "binary",
          stdout: "pipe",
          stderr: "pipe",
          timeoutMs: lifetimeMs,
          workdir: "/",
        }),
      );
      return followProcess(process, connection);
    },
    keep: (key, signal) => keep(sandbox, key, signal),
    async remove() {
      await connection
        .call("the end of a sandbox", endMs, () => sandbox.terminate())
        .catch((error: unknown) => {
          // It ends by itself in time, and the next start looks for it.
          if (!(error instanceof SandboxError)) throw error;
        });
      sandbox.detach();
    },
    async explainLoss() {
      await connection.call("a look at a sandbox", startMs, () => sandbox.poll()).catch(() => null);
      return connection.ranOutOfMemory(sandbox.sandboxId) ? "out-of-memory" : null;
    },
  };
}

function followProcess(process: ContainerProcess<Uint8Array>, connection: ModalConnection): MachineProcess {
  const input = process.stdin.getWriter();
  input.closed.catch(() => undefined);
  let stderr = "";
  const errors = (async () => {
    for await (const chunk of process.stderr) stderr = (stderr + Buffer.from(chunk)).slice(-keptErrorCharacters);
  })().catch(() => undefined);
  return {
    write: (bytes) => input.write(bytes).catch((error: unknown) => Promise.reject(describeModalError(error, "input"))),
    output: readOutput(process),
    async ended() {
      const code = await connection.call("a command's end", endingMs, () => process.wait());
      await errors;
      return { code, stderr };
    },
    release() {
      input.abort().catch(() => undefined);
      process.stdout.cancel().catch(() => undefined);
      process.stderr.cancel().catch(() => undefined);
    },
  };
}

async function* readOutput({ stdout }: ContainerProcess<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stdout;
  } catch (error) {
    const described = describeModalError(error, "the output of a command");
    throw described.code === "sandbox-failed" ? lostSandbox(described.userMessage, error) : described;
  }
}
