import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { SandboxError, throwIfCancelled } from "../../errors.ts";
import { lostSandbox } from "../command.ts";
import { ownName } from "../owner.ts";
import { agentCommand } from "../remote/agent-command.ts";
import type { Machine, MachineProcess } from "../remote/machine.ts";
import type { SandboxLimits } from "../sandbox.ts";
import { type ContainerEngine, lastLine } from "./container-engine.ts";
import { findMemoryKill } from "./find-memory-kill.ts";
import { type ContainerMount, type RunFlags, runArguments } from "./find-run-flags.ts";

export const ownerLabel = "codedistiller.owner";
export const createdLabel = "codedistiller.created";

export interface StartContainerOptions {
  engine: ContainerEngine;
  flags: RunFlags;
  image: string;
  network: "full" | "none";
  limits: SandboxLimits;
  cpuCores: number;
  gpu: boolean;
  mounts: readonly ContainerMount[];
  labels: Readonly<Record<string, string>>;
  /** Keeps the container, by its name, as a snapshot. */
  keep: (container: string, key: string, signal?: AbortSignal) => Promise<void>;
  signal?: AbortSignal | undefined;
}

/** A container ends by itself after so long, in seconds, whatever became of us. */
const longestLifeSeconds = 24 * 3600;
/** How long the start of a container is waited for when nobody wants it any more, in milliseconds. */
const startingMs = 10_000;
const removingMs = 60_000;

/** Starts a container that waits for commands. Throws SandboxError where the engine does not make one. */
export async function startContainer(options: StartContainerOptions): Promise<Machine> {
  const { engine, image, signal } = options;
  const container = `codedistiller-${randomBytes(8).toString("hex")}`;
  const labels = { ...options.labels, [ownerLabel]: ownName(), [createdLabel]: new Date().toISOString() };
  const [python = "", ...idle] = agentCommand({ op: "idle", seconds: longestLifeSeconds });
  const remove = async () => {
    // What is left in spite of it is found again by its labels.
    await engine.run(["rm", "--force", "--volumes", container], { timeoutMs: removingMs }).catch(() => undefined);
  };
  const answer = await engine
    .run(
      [
        ...runArguments(options.flags, engine.name, options),
        // Its first process does not hear a milder signal while it starts.
        ...["--name", container, "--workdir", "/", "--stop-signal", "KILL"],
        ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
        ...["--user", "0:0", "--entrypoint", python, image, ...idle],
      ],
      // Ended in the middle, Podman would leave processes that it knows nothing of.
      { signal, patienceMs: startingMs },
    )
    .catch(async (error: unknown) => {
      await remove();
      throw error;
    });
  if (!answer.worked) {
    await remove();
    throw new SandboxError({
      code: "sandbox-failed",
      userMessage: `${engine.name} could not start a container from ${image}: ${lastLine(answer.stderr)}`,
      retryable: true,
      cause: answer.stderr,
    });
  }
  let last: MachineProcess | null = null;
  return {
    async start(argv, startSignal) {
      throwIfCancelled(startSignal);
      last = followCommand(engine.start(["exec", "--interactive", "--user", "0:0", container, ...argv]));
      return last;
    },
    keep: (key, keepSignal) => options.keep(container, key, keepSignal),
    async explainLoss() {
      try {
        const status = (await last?.ended())?.code ?? null;
        return (await findMemoryKill(engine, { container, status })) ? "out-of-memory" : null;
      } catch (error) {
        // An engine that tells nothing more.
        if (error instanceof SandboxError) return null;
        throw error;
      }
    },
    remove,
  };
}

const keptErrorCharacters = 8_000;

/** The agent ends what it runs at the end of its input, so letting go of the command line is enough. */
function followCommand(child: ChildProcessWithoutNullStreams): MachineProcess {
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-keptErrorCharacters);
  });
  child.stdin.on("error", () => undefined);
  const ended = new Promise<{ code: number; stderr: string }>((resolve, reject) => {
    child.on("error", (error) => reject(lostSandbox(error.message, error)));
    child.on("close", (code) => resolve({ code: code ?? -1, stderr }));
  });
  ended.catch(() => undefined);
  return {
    async write(bytes) {
      if (child.stdin.destroyed) throw lostSandbox("it does not read any more");
      if (!child.stdin.write(bytes)) await Promise.race([once(child.stdin, "drain"), once(child.stdin, "close")]);
    },
    output: child.stdout,
    ended: () => ended,
    release() {
      child.stdin.destroy();
      child.stdout.destroy();
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    },
  };
}
