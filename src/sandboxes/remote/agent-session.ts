import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { parseBoundedJson } from "../../bounded-json.ts";
import { CancelledError, SandboxError, throwIfCancelled } from "../../errors.ts";
import { lostSandbox } from "../command.ts";
import { agentCommand } from "./agent-command.ts";
import { decodeFrames, encodeFrame, type Frame, maxFrameBytes } from "./frames.ts";
import type { Machine, MachineProcess } from "./machine.ts";

export interface AgentCall<Result extends z.ZodType> {
  /** The operation as `op`, and what it needs; see the agent's own text. */
  request: Readonly<Record<string, unknown>> & { op: string };
  result: Result;
  /** An archive for the agent. */
  input?: AsyncIterable<Uint8Array>;
  /** Whatever arrives before the result; the next frame is read when it is done. */
  onFrame?: (frame: Frame) => void | Promise<void>;
  /** Without an answer for so long, in milliseconds, the machine is taken for lost. */
  deadlineMs: number;
  signal?: AbortSignal | undefined;
}

/** What an operation is refused for; anything that is not among the agent's codes is a fault of the sandbox. */
const Refusal = z.object({ ok: z.literal(false), code: z.string(), detail: z.string().catch("") });

/** How long the agent may take to end a program that was cancelled, in milliseconds. */
const cancellingMs = 10_000;
/** An agent that nobody asks anything is let go, in milliseconds; it would leave by itself after more. */
const unusedMs = 60_000;

interface Conversation {
  process: MachineProcess;
  frames: AsyncGenerator<Frame>;
}

/** Talks with the agent in a machine: one operation after another, over one process as long as that lasts. */
export class AgentSession {
  readonly #machine: Machine;
  #conversation: Conversation | null = null;
  #leaving: NodeJS.Timeout | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /**
   * Has the agent do one thing; the last has to be done before. Throws SandboxError: with the agent's code where it
   * refused, code `sandbox-lost` where it did not answer; CancelledError once the program was ended for `signal`.
   */
  async call<Result extends z.ZodType>(call: AgentCall<Result>): Promise<z.infer<Result>> {
    throwIfCancelled(call.signal);
    clearTimeout(this.#leaving);
    const conversation = await this.#open(call.signal);
    const finished = new AbortController();
    let answer: unknown;
    try {
      answer = await Promise.race([
        receive(call, conversation),
        send(call, conversation.process).then(() => new Promise<never>(() => undefined)),
        untilTooLate(call, finished.signal),
        untilCancelled(call, conversation.process, finished.signal),
      ]);
    } catch (error) {
      // Nobody knows what the agent's next frame would be about.
      this.close();
      throw error;
    } finally {
      finished.abort();
    }
    this.#leaving = setTimeout(() => this.close(), unusedMs).unref();
    throwIfCancelled(call.signal);
    const refusal = Refusal.safeParse(answer);
    if (refusal.success) throw refused(refusal.data);
    const parsed = call.result.safeParse(answer);
    if (!parsed.success) throw lostSandbox(`its answer to ${call.request.op} is not what was asked for`);
    return parsed.data;
  }

  async #open(signal: AbortSignal | undefined): Promise<Conversation> {
    if (this.#conversation === null) {
      const process = await this.#machine.start(agentCommand({ op: "serve" }), signal);
      this.#conversation = { process, frames: decodeFrames(process.output) };
    }
    return this.#conversation;
  }

  /** Lets the agent go; the next call starts another. */
  close(): void {
    clearTimeout(this.#leaving);
    this.#conversation?.process.release();
    this.#conversation = null;
  }
}

async function untilTooLate({ request, deadlineMs }: AgentCall<z.ZodType>, finished: AbortSignal): Promise<never> {
  await sleep(deadlineMs, undefined, { signal: finished });
  throw lostSandbox(`it did not answer ${request.op} within ${Math.round(deadlineMs / 1000)} s`);
}

/** Rejects when the signal has fired and the agent was given the time to end what it runs. */
async function untilCancelled(
  { signal }: AgentCall<z.ZodType>,
  process: MachineProcess,
  finished: AbortSignal,
): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted) resolve();
    signal?.addEventListener("abort", () => resolve(), { once: true, signal: finished });
  });
  await process.write(encodeFrame("k")).catch(() => undefined);
  await sleep(cancellingMs, undefined, { signal: finished });
  throw new CancelledError(signal?.reason);
}

/** The agent's answer, whatever it is. */
async function receive({ onFrame }: AgentCall<z.ZodType>, { frames, process }: Conversation): Promise<unknown> {
  for (;;) {
    const { value: frame, done } = await frames.next();
    if (done) {
      const { code, stderr } = await process.ended();
      throw lostSandbox(
        stderr.trim().split("\n").at(-1)?.slice(0, 300) ||
          `its agent ended${code === null ? "" : ` with exit status ${code}`}`,
      );
    }
    if (frame.type === "r") return parseBoundedJson(frame.payload.toString())?.value;
    await onFrame?.(frame);
  }
}

/** Throws what the input itself throws. An agent that does not read on says why in its answer. */
async function send({ request, input }: AgentCall<z.ZodType>, process: MachineProcess): Promise<void> {
  const write = (type: string, bytes?: Uint8Array) =>
    process.write(encodeFrame(type, bytes)).then(
      () => true,
      () => false,
    );
  if (!(await write("q", Buffer.from(JSON.stringify(request)))) || input === undefined) return;
  for await (const piece of inPieces(input, maxFrameBytes)) if (!(await write("d", piece))) return;
  await write("d");
}

/** The same bytes in pieces of one size, as each may be a call over a network. */
async function* inPieces(input: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let piece = Buffer.allocUnsafe(bytes);
  let held = 0;
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + bytes - held);
      piece.set(taken, held);
      held += taken.length;
      at += taken.length;
      if (held < bytes) continue;
      yield piece;
      piece = Buffer.allocUnsafe(bytes);
      held = 0;
    }
  }
  if (held > 0) yield piece.subarray(0, held);
}

function refused({ code, detail }: z.infer<typeof Refusal>): SandboxError {
  const known: Record<string, { code: string; userMessage: string }> = {
    "path-refused": { code: "sandbox-path-refused", userMessage: detail },
    "disk-full": { code: "disk-full", userMessage: "The disk of the sandbox is full." },
    "no-apt": {
      code: "no-system-packages",
      userMessage: "The image of the sandbox has no apt-get: packages of the system cannot be installed.",
    },
  };
  const failed = { code: "sandbox-failed", userMessage: `The sandbox failed: ${detail.slice(0, 300) || code}` };
  return new SandboxError({ ...(known[code] ?? failed), retryable: !(code in known) });
}
