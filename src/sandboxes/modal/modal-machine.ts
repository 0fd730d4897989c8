import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerProcess, Sandbox } from "modal";
import { SandboxError } from "../../errors.ts";
import { lostSandbox } from "../command.ts";
import type { Machine, MachineProcess } from "../remote/machine.ts";
import { callModal } from "./call-modal.ts";
import { asLost, describeModalError } from "./describe-modal-error.ts";
import type { ModalConnection } from "./modal-connection.ts";
import type { SandboxEnd } from "./sandbox-ends.ts";

const keptErrorCharacters = 8_000;
/** How long the rest of a command's errors may take after its output has ended, in milliseconds. */
const endingMs = 5_000;

export interface ModalMachineOptions {
  connection: ModalConnection;
  sandbox: Sandbox;
  /** How long the sandbox can last, in milliseconds. */
  lifetimeMs: number;
  /** Keeps the sandbox's files as a snapshot. */
  keep: (sandbox: Sandbox, key: string, signal?: AbortSignal) => Promise<void>;
  onRemoved: () => void;
}

/** A sandbox of Modal as a machine for the agent. */
export function createModalMachine({ connection, sandbox, lifetimeMs, keep, onRemoved }: ModalMachineOptions): Machine {
  return {
    async start(argv, signal) {
      // No time limit of Modal's: the agent and our own deadlines hold them, and the SDK's timer would outlive the command.
      const params = { mode: "binary", stdout: "pipe", stderr: "pipe", workdir: "/" } as const;
      const starting = sandbox.exec([...argv], params).then(followProcess);
      const call = { what: "a command's start", deadlineMs: connection.deadlines.startMs, signal };
      try {
        return await callModal(call, () => starting);
      } catch (error) {
        // It may come yet.
        starting.then((late) => late.release()).catch(() => undefined);
        throw error instanceof SandboxError ? asLost(error) : error;
      }
    },
    keep: (key, signal) => keep(sandbox, key, signal),
    async remove() {
      await connection.endSandbox(sandbox).catch((error: unknown) => {
        // It ends by itself in time, and the next start looks for it.
        if (!(error instanceof SandboxError)) throw error;
      });
      sandbox.detach();
      onRemoved();
    },
    async explainLoss() {
      const end = await connection.findEnd(sandbox);
      if (end === null || end === "out-of-memory") return end;
      return lostSandbox(words[end](lifetimeMs));
    },
  };
}

const words: Record<Exclude<SandboxEnd, "out-of-memory">, (lifetimeMs: number) => string> = {
  timeout: (lifetimeMs) => `Modal ended it, because its time of ${Math.round(lifetimeMs / 60_000)} min was over`,
  idle: () => "Modal ended it, because nothing ran in it for long",
  terminated: () => "somebody ended it from outside, or Modal took its machine away",
  failed: () => "it ended by itself",
};

function followProcess(process: ContainerProcess<Uint8Array>): MachineProcess {
  const input = process.stdin.getWriter();
  input.closed.catch(() => undefined);
  const [output, errors] = [process.stdout.getReader(), process.stderr.getReader()];
  let stderr = "";
  const allErrors = (async () => {
    for await (const chunk of readAll(errors)) stderr = (stderr + Buffer.from(chunk)).slice(-keptErrorCharacters);
  })().catch(() => undefined);
  return {
    write: (bytes) =>
      input.write(bytes).catch((error: unknown) => Promise.reject(asLost(describeModalError(error, "input")))),
    output: readOutput(output),
    async ended() {
      // Its exit status is not asked for: the SDK would wait for it, and keep us alive, as long as the sandbox may last.
      const over = new AbortController();
      await Promise.race([allErrors, sleep(endingMs, undefined, { signal: over.signal }).catch(() => undefined)]);
      over.abort();
      return { code: null, stderr };
    },
    release() {
      input.close().catch(() => undefined);
      // Readers, since whoever reads is in the middle of it; what the SDK waits for would keep the process alive.
      output.cancel().catch(() => undefined);
      errors.cancel().catch(() => undefined);
    },
  };
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function* readAll(reader: Reader): AsyncGenerator<Uint8Array> {
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

async function* readOutput(reader: Reader): AsyncGenerator<Uint8Array> {
  try {
    yield* readAll(reader);
  } catch (error) {
    throw asLost(describeModalError(error, "the output of a command"));
  }
}
