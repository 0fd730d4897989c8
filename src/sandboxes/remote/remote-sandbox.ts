import { randomInt } from "node:crypto";
import { z } from "zod";
import { CancelledError, SandboxError } from "../../errors.ts";
import { baseEnvironment, checkAbsolute, checkCommand, longestTimerMs, signalOf } from "../command.ts";
import type {
  CommandResult,
  CommandStatus,
  GetFolderOptions,
  GotFolder,
  InstallSystemPackagesOptions,
  RunCommandOptions,
  Sandbox,
  SandboxLimits,
} from "../sandbox.ts";
import { checkSnapshotKey } from "../snapshots.ts";
import { type AgentCall, AgentSession } from "./agent-session.ts";
import { packFiles, packFolder, unpackInto } from "./archive.ts";
import type { Frame } from "./frames.ts";
import type { Machine } from "./machine.ts";
import { receiveOutput } from "./receive-output.ts";

export interface RemoteSandboxOptions {
  machine: Machine;
  /** The account that programs run as; see chooseAccount. */
  uid: number;
  limits: SandboxLimits;
  /** Whether programs may change what came with the machine's snapshot. */
  handOver?: boolean;
  /** Variables every program gets beside those of its own command. */
  environment: Readonly<Record<string, string>>;
  /** Files below /opt that every program finds. */
  files?: Readonly<Record<string, Uint8Array>>;
  /** What becomes of a machine that can be used again; it is removed where nothing is given. */
  release?: (options: RemoteSandboxOptions) => Promise<void>;
}

/** How long the agent may take beside what it was asked for, in milliseconds: its start, and the way there and back. */
const courtesyMs = 60_000;
/** How long moving files may take, in milliseconds. */
const movingMs = 15 * 60_000;

const Done = z.object({ ok: z.literal(true) });
const Ended = Done.extend({
  status: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("exited"), code: z.number().int() }),
    z.object({ kind: z.literal("signalled"), signal: z.string() }),
    z.object({ kind: z.enum(["timed-out", "out-of-memory", "cancelled"]) }),
    z.object({ kind: z.literal("limit"), limit: z.enum(["disk", "processes"]) }),
  ]),
  durationMs: z.number(),
  peakMemoryMb: z.number().nullable(),
});
const Left = Done.extend({
  left: z.array(
    z.object({
      path: z.string(),
      bytes: z.number(),
      reason: z.enum(["file-too-large", "folder-too-large", "too-many-files", "not-a-regular-file", "unreadable"]),
    }),
  ),
});

/** A sandbox in a machine that the agent works in. Operations run one after another, as the agent looks after one program. */
export class RemoteSandbox implements Sandbox {
  readonly machine: Machine;
  readonly #options: RemoteSandboxOptions;
  readonly #agent: AgentSession;
  readonly #disposal = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  /** False once something of it cannot be taken back, or it does not answer. */
  #isReusable: boolean;

  constructor(options: RemoteSandboxOptions) {
    this.machine = options.machine;
    this.#isReusable = !options.handOver;
    this.#options = options;
    this.#agent = new AgentSession(options.machine);
  }

  get uid(): number {
    return this.#options.uid;
  }

  run(options: RunCommandOptions): Promise<CommandResult> {
    checkCommand(options);
    const { argv, cwd, env, timeoutMs } = options;
    const { uid, limits, environment } = this.#options;
    const request = { op: "run", uid, argv, cwd, timeoutMs: Math.min(timeoutMs, longestTimerMs), limits };
    return this.#runProgram({ ...request, env: { ...baseEnvironment, ...environment, ...env } }, options);
  }

  installSystemPackages(options: InstallSystemPackagesOptions): Promise<CommandResult> {
    const { packages, timeoutMs } = options;
    this.#isReusable = false;
    const request = { op: "install", packages, timeoutMs, env: this.#options.environment };
    return this.#runProgram(request, options);
  }

  async #runProgram(
    request: Readonly<Record<string, unknown>> & { op: string; timeoutMs: number },
    options: Pick<RunCommandOptions, "outputLimitBytes" | "onOutput" | "signal">,
  ): Promise<CommandResult> {
    const output = receiveOutput(options);
    const deadlineMs = Math.min(request.timeoutMs + courtesyMs, longestTimerMs);
    const work = { request, result: Ended, deadlineMs, onFrame: output.receive };
    const begin = performance.now();
    try {
      const { status, durationMs, peakMemoryMb } = await this.ask({ ...work, signal: options.signal });
      return { status: statusOf(status), ...output.finish(), durationMs, peakMemoryMb };
    } catch (error) {
      const isLost = error instanceof SandboxError && error.code === "sandbox-lost";
      const reason = isLost ? await this.machine.explainLoss?.() : null;
      if (reason !== "out-of-memory") throw reason ?? error;
      const durationMs = Math.round(performance.now() - begin);
      return { status: { kind: "out-of-memory" }, ...output.finish(), durationMs, peakMemoryMb: null };
    }
  }

  async putFolder({ from, to, readOnly = false }: { from: string; to: string; readOnly?: boolean }): Promise<void> {
    const request = { op: "put", folder: checkAbsolute(to), uid: this.#options.uid, readOnly };
    await this.ask({ request, result: Done, deadlineMs: movingMs, input: packFolder(from) });
  }

  async putFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    const request = { op: "put", folder: checkAbsolute(folder), uid: this.#options.uid, readOnly: false };
    await this.ask({ request, result: Done, deadlineMs: movingMs, input: packFiles(files) });
  }

  async getFolder(options: GetFolderOptions): Promise<GotFolder> {
    const { from, exclude = [], maxFileBytes, maxTotalBytes, maxFiles } = options;
    const request = { op: "get", from: checkAbsolute(from), exclude, maxFileBytes, maxTotalBytes, maxFiles };
    await using archive = await unpackInto(options);
    const onFrame = ({ type, payload }: Frame) => (type === "d" ? archive.write(payload) : undefined);
    const { left } = await this.ask({ request, result: Left, deadlineMs: movingMs, onFrame });
    return { files: await archive.finish(), left };
  }

  async snapshot({ key, paths }: { key: string; paths: readonly string[] }): Promise<void> {
    checkSnapshotKey(key);
    this.#isReusable = false;
    await this.ask({ request: { op: "keep", paths: paths.map(checkAbsolute) }, result: Done, deadlineMs: movingMs });
    this.#agent.close();
    await this.machine.keep(key, this.#disposal.signal);
    await this.putOwnFiles();
  }

  /** Puts the files that every program finds, which are taken away with what programs left. */
  async putOwnFiles(signal?: AbortSignal): Promise<void> {
    const { files = {}, uid } = this.#options;
    if (Object.keys(files).length === 0) return;
    const request = { op: "put", folder: "/opt", uid, readOnly: true };
    await this.ask({ request, result: Done, deadlineMs: courtesyMs, input: packFiles(files), signal });
  }

  /** One operation after another; each ends when its signal or the disposal of the sandbox says so. */
  ask<Result extends z.ZodType>(call: AgentCall<Result>): Promise<z.infer<Result>> {
    const signal = call.signal ? AbortSignal.any([call.signal, this.#disposal.signal]) : this.#disposal.signal;
    const done = this.#last.then(() => this.#agent.call({ ...call, signal }));
    this.#last = done.catch((error: unknown) => {
      if (error instanceof SandboxError && /^sandbox-(lost|outage)$/.test(error.code)) this.#isReusable = false;
    });
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort(new CancelledError("the sandbox was disposed of"));
    await this.#last;
    this.#agent.close();
    const { machine, release } = this.#options;
    await (release && this.#isReusable ? release(this.#options) : machine.remove());
  }
}

/** Makes a new machine ready for programs; removes it where that cannot be. */
export async function openSandbox(
  options: RemoteSandboxOptions,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<RemoteSandbox> {
  const { machine, uid, handOver = false } = options;
  const sandbox = new RemoteSandbox(options);
  try {
    await sandbox.ask({ request: { op: "prepare", uid, handOver }, result: Done, deadlineMs: courtesyMs, signal });
    await sandbox.putOwnFiles(signal);
    return sandbox;
  } catch (error) {
    await machine.remove();
    throw error;
  }
}

/** Ends what runs in a used machine and removes what it left: as new, for programs of another account. */
export async function reopenSandbox(
  options: RemoteSandboxOptions,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<RemoteSandbox> {
  const { uid } = options;
  const sandbox = new RemoteSandbox({ ...options, uid: chooseAccount() });
  const request = { op: "reset", uid, newUid: sandbox.uid };
  await sandbox.ask({ request, result: Done, deadlineMs: courtesyMs, signal });
  await sandbox.putOwnFiles(signal);
  return sandbox;
}

/**
 * Each sandbox's programs have an account of their own, so that limits count them alone. Below 65,536, which is what
 * a rootless container has, and above what images give out.
 */
export function chooseAccount(): number {
  return randomInt(20_000, 60_000);
}

function statusOf(status: z.infer<typeof Ended>["status"]): CommandStatus {
  switch (status.kind) {
    case "limit":
      return { kind: "killed", signal: "SIGKILL", limit: status.limit };
    case "signalled":
      return { kind: "killed", signal: status.signal };
    case "cancelled":
      throw new CancelledError();
    case "exited": {
      const signal = signalOf(status.code);
      return signal === null ? status : { kind: "killed", signal };
    }
    default:
      return { kind: status.kind as "timed-out" | "out-of-memory" };
  }
}
