import type { SandboxError } from "../../errors.ts";

/**
 * A container or virtual machine with a file system of its own, in which we are root. It needs nothing but Python 3.7:
 * all else is done by the agent (`../agent/agent.py`).
 */
export interface Machine {
  /** Starts a command as root, with pipes. Throws SandboxError where it could not be started. */
  start(argv: readonly string[], signal?: AbortSignal): Promise<MachineProcess>;
  /** Keeps the whole file system under a key; `paths` are written down with it. */
  keep(key: string, signal?: AbortSignal): Promise<void>;
  /** Why it went away: the program's doing, or an error that says more; null where that cannot be told. */
  explainLoss?(): Promise<"out-of-memory" | SandboxError | null>;
  /** Ends the machine and all that runs in it; one that is gone already is no error. */
  remove(): Promise<void>;
}

export interface MachineProcess {
  /** Resolves when there is room for more. Rejects when the process does not read any more. */
  write(bytes: Uint8Array): Promise<void>;
  output: AsyncIterable<Uint8Array>;
  /** Resolves when the command has ended, code null where that is not told; rejects with SandboxError when nobody knows. */
  ended(): Promise<{ code: number | null; stderr: string }>;
  /** Lets go of it: whatever is open here is closed. What runs in the machine ends at the end of its input. */
  release(): void;
}
