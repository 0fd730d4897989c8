import { availableParallelism } from "node:os";
import { SandboxError } from "../../errors.ts";
import type { SandboxLimits } from "../sandbox.ts";
import { type ContainerEngine, lastLine } from "./container-engine.ts";

/** How containers are started here; what a machine allows is found out by trying. */
export interface RunFlags {
  /** In front of `run`. */
  engine: readonly string[];
  processes: readonly string[];
  /** Whether the kernel holds the limits; the agent's watch holds them in any case. */
  limited: boolean;
  /** The network of the host, where containers can have none of their own. */
  hostNetwork: boolean;
}

/** Of capabilities the agent keeps what it takes to move files, change accounts and end programs; programs have none. */
const capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"];
/** Processes that belong to the sandbox and not to the program. */
const sandboxProcesses = 32;
/** Podman's own default asks for more than the kernel may grant; programs have far less anyway. */
const podmanProcesses = ["--ulimit", "nproc=16384:16384"];
/** Memory for the agent, so that it is the program that is ended, in MiB. */
const sandboxMemoryMb = 96;

export function runArguments(
  flags: RunFlags,
  {
    network,
    limits,
    cpuCores,
    gpu,
  }: { network: "full" | "none"; limits: SandboxLimits; cpuCores: number; gpu: boolean },
): string[] {
  const memory = `${limits.memoryMb + sandboxMemoryMb}m`;
  return [
    ...flags.engine,
    ...["run", "--detach", "--pull", "never", "--hostname", "sandbox"],
    ...["--security-opt", "no-new-privileges", "--security-opt", "label=disable", "--cap-drop", "ALL"],
    ...capabilities.flatMap((name) => ["--cap-add", name]),
    ...["--ulimit", "nofile=1024:4096", "--ulimit", "core=0:0", ...flags.processes],
    ...(flags.limited ? ["--memory", memory, "--memory-swap", memory] : []),
    ...(flags.limited ? ["--cpus", String(Math.min(cpuCores, availableParallelism()))] : []),
    ...(flags.limited ? ["--pids-limit", String(limits.processes + sandboxProcesses)] : []),
    ...(network === "none" ? ["--network", "none"] : flags.hostNetwork ? ["--network", "host"] : []),
    ...(gpu ? ["--gpus", "all"] : []),
  ];
}

/** Throws SandboxError, code `sandbox-unavailable`, where no container can be started in any way. */
export async function findRunFlags(
  engine: ContainerEngine,
  image: string,
  signal: AbortSignal | undefined,
): Promise<RunFlags> {
  const limits = { memoryMb: 256, processes: 64, diskMb: 64 };
  const runtimes = [
    [],
    ...(engine.name === "podman"
      ? [
          ["--runtime", "runc"],
          ["--runtime", "crun"],
        ]
      : []),
  ];
  const processes = engine.name === "podman" ? podmanProcesses : [];
  const candidates = [true, false].flatMap((limited) =>
    runtimes.map((runtime) => ({ engine: runtime, processes, limited, hostNetwork: false })),
  );
  let problem = "";
  const starts = async (flags: RunFlags, network: "full" | "none") => {
    const argv = runArguments(flags, { network, limits, cpuCores: 1, gpu: false }).filter(
      (word) => word !== "--detach",
    );
    const answer = await engine.run([...argv, "--rm", "--entrypoint", "python3", image, "-c", "pass"], { signal });
    if (!answer.worked) problem ||= lastLine(answer.stderr);
    return answer.worked;
  };
  for (const flags of candidates) {
    if (!(await starts(flags, "none"))) continue;
    return { ...flags, hostNetwork: !(await starts(flags, "full")) };
  }
  throw new SandboxError({
    code: "sandbox-unavailable",
    userMessage: `${engine.name} cannot start a container from ${image}: ${problem}. The image needs python3.`,
  });
}
