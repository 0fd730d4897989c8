import { availableParallelism } from "node:os";
import { SandboxError } from "../../errors.ts";
import type { SandboxLimits } from "../sandbox.ts";
import { type ContainerEngine, type EngineName, lastLine } from "./container-engine.ts";

/** How containers are started here; what a machine allows is found out by trying. */
export interface RunFlags {
  /** In front of `run`. */
  engine: readonly string[];
  processes: readonly string[];
  /** Whether the kernel holds the limits; the agent's watch holds them in any case. */
  limited: boolean;
  /** The network of the host, where containers can have none of their own. */
  hostNetwork: boolean;
  /** Whether folders of this machine can be shown in them: an engine may be elsewhere, or around us. */
  showsFolders: boolean;
}

/** A host folder or file that is shown inside, read-only. */
export interface ContainerMount {
  host: string;
  inside: string;
}

interface RunOptions {
  network: "full" | "none";
  limits: SandboxLimits;
  cpuCores: number;
  gpu: boolean;
  mounts: readonly ContainerMount[];
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
  engine: EngineName,
  { network, limits, cpuCores, gpu, mounts }: RunOptions,
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
    // Podman names devices by the container device interface, in versions that have no --gpus.
    ...(gpu ? (engine === "docker" ? ["--gpus", "all"] : ["--device", "nvidia.com/gpu=all"]) : []),
    // Unlike --volume it makes no folder of what is not there.
    ...mounts.flatMap(({ host, inside }) => ["--mount", `type=bind,source=${host},target=${inside},readonly`]),
  ];
}

export interface FindRunFlagsOptions {
  engine: ContainerEngine;
  image: string;
  /** A host file to try whether it can be shown; null where it cannot. */
  shown: string | null;
  /** Told where the kernel does not hold the limits. */
  onProgress?: (text: string) => void;
  signal: AbortSignal | undefined;
}

/** Throws SandboxError, code `sandbox-unavailable`, where no container can be started in any way. */
export async function findRunFlags(options: FindRunFlagsOptions): Promise<RunFlags> {
  const { shown } = options;
  const trial = createTrial(options);
  const flags = await findLimits(trial, options);
  const mounts = shown === null || /[,"]/.test(shown) ? [] : [{ host: shown, inside: shownInside }];
  const { works, shows } = await trial.start(flags, "full", mounts);
  if (works) return { ...flags, showsFolders: shows };
  const hostNetwork = !(await trial.start(flags, "full")).works;
  const second = mounts.length > 0 && hostNetwork ? await trial.start(flags, "none", mounts) : { shows: false };
  return { ...flags, hostNetwork, showsFolders: second.shows };
}

/** The first that start a container. Limits held by the kernel are not given up for a failure that passes. */
async function findLimits(trial: Trial, { engine, image, onProgress }: FindRunFlagsOptions): Promise<RunFlags> {
  for (const flags of candidates(engine.name)) {
    if (!(await trial.start(flags, "none")).works) continue;
    if (flags.limited) return flags;
    const limited = { ...flags, limited: true };
    if ((await trial.start(limited, "none")).works) return limited;
    onProgress?.(
      `${engine.name} cannot have the kernel hold memory, processor and processes of containers to their limits here (${trial.firstProblem()}): they are watched instead`,
    );
    return flags;
  }
  throw new SandboxError({
    code: "sandbox-unavailable",
    userMessage: `${engine.name} cannot start a container from ${image}: ${trial.firstProblem()}. The image needs python3.`,
  });
}

interface Trial {
  start(
    flags: RunFlags,
    network: "full" | "none",
    mounts?: readonly ContainerMount[],
  ): Promise<{ works: boolean; shows: boolean }>;
  firstProblem(): string;
}

const shownInside = "/opt/shown";

function createTrial({ engine, image, signal }: FindRunFlagsOptions): Trial {
  let problem = "";
  const program = ["python3", image, "-c", `import os; print(os.path.isfile("${shownInside}"))`];
  return {
    async start(flags, network, mounts = []) {
      const answer = await engine.run([...tryingArguments(flags, engine.name, network, mounts), ...program], {
        signal,
      });
      if (!answer.worked) problem ||= lastLine(answer.stderr);
      return { works: answer.worked, shows: answer.worked && mounts.length > 0 && answer.stdout.trim() === "True" };
    },
    firstProblem: () => problem,
  };
}

/** What comes in front of a command of the engine for containers to start at all, from any image; nothing where none do. */
export async function findRuntime(
  engine: ContainerEngine,
  image: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  for (const flags of candidates(engine.name)) {
    const program = ["true", image];
    const answer = await engine.run([...tryingArguments(flags, engine.name, "none", []), ...program], { signal });
    if (answer.worked) return flags.engine;
  }
  return [];
}

function candidates(engine: EngineName): RunFlags[] {
  const runtimes = engine === "podman" ? [[], ["--runtime", "runc"], ["--runtime", "crun"]] : [[]];
  const common = {
    processes: engine === "podman" ? podmanProcesses : [],
    hostNetwork: false,
    showsFolders: false,
  };
  return [true, false].flatMap((limited) => runtimes.map((runtime) => ({ ...common, engine: runtime, limited })));
}

const tryingLimits = { memoryMb: 256, processes: 64, diskMb: 64 };

function tryingArguments(
  flags: RunFlags,
  engine: EngineName,
  network: "full" | "none",
  mounts: readonly ContainerMount[],
): string[] {
  const options = { network, limits: tryingLimits, cpuCores: 1, gpu: false, mounts };
  const argv = runArguments(flags, engine, options).filter((word) => word !== "--detach");
  return [...argv, "--rm", "--entrypoint"];
}
