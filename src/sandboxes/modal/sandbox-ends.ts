import { z } from "zod";
import type { Middleware } from "./modal-client.ts";

const WaitRequest = z.object({ sandboxId: z.string() });
const WaitAnswer = z.object({ result: z.object({ status: z.number(), exitcode: z.number() }).nullish() });
/** GENERIC_STATUS_... of Modal's protocol. */
const status = { failure: 2, terminated: 3, timeout: 4, idleTimeout: 7 };
/** Modal ends a sandbox that takes more memory than it may as the kernel ends a process: by signal 9. */
const killed = 137;
const kept = 1000;

export type SandboxEnd = "out-of-memory" | "timeout" | "idle" | "terminated" | "failed";

export interface SandboxEnds {
  /** For a client of the SDK, which itself gives one number for a sandbox that was ended and one that was out of memory. */
  middleware: Middleware;
  /** As far as has been seen. */
  endOf(sandboxId: string): SandboxEnd | null;
}

export function createSandboxEnds(): SandboxEnds {
  const ends = new Map<string, SandboxEnd>();
  return {
    middleware: async function* (call, options) {
      const answer = yield* call.next(call.request, options);
      if (/\/SandboxWait(V2)?$/.test(call.method.path)) {
        const { sandboxId = "" } = WaitRequest.safeParse(call.request).data ?? {};
        const { result } = WaitAnswer.safeParse(answer).data ?? {};
        // 0: it runs.
        if (result && result.status !== 0) ends.set(sandboxId, describeEnd(result));
        if (ends.size > kept) ends.delete(ends.keys().next().value ?? "");
      }
      return answer;
    },
    endOf: (sandboxId) => ends.get(sandboxId) ?? null,
  };
}

function describeEnd(result: { status: number; exitcode: number }): SandboxEnd {
  switch (result.status) {
    case status.failure:
      return result.exitcode === killed ? "out-of-memory" : "failed";
    case status.timeout:
      return "timeout";
    case status.idleTimeout:
      return "idle";
    case status.terminated:
      return "terminated";
    default:
      return "failed";
  }
}
