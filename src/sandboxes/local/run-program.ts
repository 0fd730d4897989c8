import { CancelledError, SandboxError } from "../../errors.ts";
import { checkCommand, longestTimerMs, lostSandbox, signalOf } from "../command.ts";
import type { CommandResult, CommandStatus, RunCommandOptions } from "../sandbox.ts";
import { type ControlGroup, createControlGroup } from "./control-group.ts";
import type { LaunchedProgram, Launcher, ProgramEnding } from "./launch.ts";
import type { SandboxPlace } from "./place.ts";
import type { ProcessTable } from "./process-table.ts";
import { closeQuietly, type OutputStream, openOutput } from "./program-output.ts";
import { type StopReason, watchLimits } from "./watch-limits.ts";

export interface RunContext {
  place: SandboxPlace;
  launcher: Launcher;
  table: ProcessTable;
  /** Fires when the sandbox is disposed of. */
  disposal: AbortSignal;
}

/** Runs one program under all limits. When this resolves nothing of the program runs any more. */
export async function runProgram(context: RunContext, options: RunCommandOptions): Promise<CommandResult> {
  checkCommand(options);
  const output = {
    stdout: openOutput(context.place.folder, "stdout", options),
    stderr: openOutput(context.place.folder, "stderr", options),
  };
  const group = context.launcher.isolated ? createControlGroup(context.place.limits) : null;
  const begin = performance.now();
  const supervised = await supervise(context, options, { output, group }).catch((error: unknown) => error);
  const durationMs = Math.round(performance.now() - begin);
  const [stdout, stderr] = await Promise.all([output.stdout.finish(), output.stderr.finish()]);
  const ranOutOfMemory = group?.ranOutOfMemory() === true;
  await group?.remove();

  if (!isSupervised(supervised)) {
    throw supervised instanceof SandboxError ? supervised : sandboxFailed(String(supervised), supervised);
  }
  const { ending, peakMemoryMb } = supervised;
  const stopped = supervised.stopped ?? (ranOutOfMemory ? "out-of-memory" : null);
  if (stopped === "cancelled") throw new CancelledError(options.signal?.reason);
  if (stopped === null && ending.kind === "not-started") {
    throw sandboxFailed(stderr.text.trim() || ending.detail, ending.detail);
  }
  return { status: statusOf(ending, stopped), stdout, stderr, durationMs, peakMemoryMb };
}

interface Supervised {
  ending: ProgramEnding;
  stopped: StopReason | null;
  peakMemoryMb: number | null;
}

/** Starts the program and ends it when time, a limit or the caller says so. */
async function supervise(
  { place, launcher, table, disposal }: RunContext,
  options: RunCommandOptions,
  { output, group }: { output: { stdout: OutputStream; stderr: OutputStream }; group: ControlGroup | null },
): Promise<Supervised> {
  let program: LaunchedProgram;
  try {
    program = launcher.launch({
      place,
      command: options,
      stdout: output.stdout.writeEnd,
      stderr: output.stderr.writeEnd,
      ...(group === null ? {} : { beforeStart: (pid: number) => group.add(pid) }),
    });
  } finally {
    closeQuietly(output.stdout.writeEnd);
    closeQuietly(output.stderr.writeEnd);
  }

  const state: { stopped: StopReason | null } = { stopped: null };
  const stop = (reason: StopReason) => {
    state.stopped ??= reason;
    program.kill();
  };
  using _cancelling = whenAborted([disposal, options.signal], () => stop("cancelled"));
  const timer = setTimeout(() => stop("timed-out"), Math.min(options.timeoutMs, longestTimerMs));
  const watchEnd = new AbortController();
  const watch = { folder: place.folder, limits: place.limits, group, table, stop, signal: watchEnd.signal };
  // Unwatched no program may go on: a failure here ends it, and is thrown below.
  const watching = program.started
    .then((rootPid) => (rootPid === null ? null : watchLimits({ rootPid, ...watch })))
    .catch((error: unknown) => {
      program.kill();
      return sandboxFailed(String(error), error);
    });

  const ending = await program.ended;
  clearTimeout(timer);
  watchEnd.abort();
  const peakMemoryMb = await watching;
  if (peakMemoryMb instanceof SandboxError) throw peakMemoryMb;
  return { ending, stopped: state.stopped, peakMemoryMb };
}

function isSupervised(value: unknown): value is Supervised {
  return typeof value === "object" && value !== null && "ending" in value;
}

function whenAborted(signals: ReadonlyArray<AbortSignal | undefined>, action: () => void): Disposable {
  for (const signal of signals) {
    signal?.addEventListener("abort", action);
    if (signal?.aborted) action();
  }
  return {
    [Symbol.dispose]() {
      for (const signal of signals) signal?.removeEventListener("abort", action);
    },
  };
}

function statusOf(ending: ProgramEnding, stopped: StopReason | null): CommandStatus {
  if (stopped === "timed-out" || stopped === "out-of-memory") return { kind: stopped };
  if (stopped === "disk" || stopped === "processes") return { kind: "killed", signal: "SIGKILL", limit: stopped };
  if (ending.kind === "lost" || ending.kind === "not-started") throw lostSandbox(ending.detail);
  const signal = ending.kind === "signalled" ? ending.signal : signalOf(ending.code);
  if (signal !== null) return { kind: "killed", signal, ...(signal === "SIGXFSZ" ? { limit: "disk" as const } : {}) };
  return { kind: "exited", code: ending.kind === "exited" ? ending.code : 0 };
}

function sandboxFailed(detail: string, cause: unknown): SandboxError {
  return new SandboxError({
    code: "sandbox-failed",
    userMessage: `The sandbox could not start the program: ${detail.split("\n").at(-1)?.slice(0, 300)}`,
    retryable: true,
    cause,
  });
}
