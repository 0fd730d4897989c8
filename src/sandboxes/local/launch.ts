import type { RunCommandOptions, SandboxLimits } from "../sandbox.ts";
import type { Owner } from "./beneath.ts";
import type { SandboxPlace } from "./place.ts";

/** Starts programs: behind bubblewrap, or on the bare host. */
export interface Launcher {
  readonly isolated: boolean;
  launch(options: LaunchOptions): LaunchedProgram;
}

export interface LaunchOptions {
  place: SandboxPlace;
  command: Pick<RunCommandOptions, "argv" | "cwd" | "env">;
  /** Open files that become the program's streams. */
  stdout: number;
  stderr: number;
  /** Called with the first process before the program gets to run, where the launcher can hold it back. */
  beforeStart?: (rootPid: number) => void;
}

export interface LaunchedProgram {
  /** The first process as the host numbers it; null if there never was one. */
  readonly started: Promise<number | null>;
  /** Settles when nothing of the program runs any more. */
  readonly ended: Promise<ProgramEnding>;
  kill(): void;
}

export type ProgramEnding =
  | { kind: "exited"; code: number }
  | { kind: "signalled"; signal: NodeJS.Signals }
  | { kind: "lost"; detail: string }
  | { kind: "not-started"; detail: string };

/**
 * The last links of the chain in front of a program: give up every privilege, take on the limits, then set working
 * folder and environment. The variables come last so that none of them (LD_PRELOAD) reaches a link before.
 */
export function programCommand({
  argv,
  cwd,
  env,
  owner,
  limits,
  limitProcesses,
  gate = [],
}: {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  owner: Owner;
  limits: SandboxLimits;
  limitProcesses: boolean;
  /** A program that waits before it runs the one that its arguments name. */
  gate?: readonly string[];
}): string[] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [
    ...(owner === null ? [] : ["/usr/bin/setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups"]),
    ...(owner === null ? [] : ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]),
    "/usr/bin/prlimit",
    ...(limitProcesses ? [`--nproc=${limits.processes + 1}`] : []),
    "--core=0",
    `--fsize=${limits.diskMb * 2 ** 20}`,
    "--",
    ...gate,
    "/usr/bin/env",
    "-i",
    `--chdir=${cwd}`,
    ...variables,
    ...argv,
  ];
}
