import type { ModalClientParams } from "modal";
import { z } from "zod";

type Middleware = NonNullable<ModalClientParams["grpcMiddleware"]>[number];

const WaitRequest = z.object({ sandboxId: z.string() });
const WaitAnswer = z.object({ result: z.object({ status: z.number(), exitcode: z.number() }).nullish() });
/** GENERIC_STATUS_FAILURE of Modal's protocol: it ended by itself, not by our word (3) or for its time (4). */
const failure = 2;
/** Modal ends a sandbox that takes more memory than it may as the kernel ends a process: by signal 9. */
const killed = 137;
const kept = 1000;

export interface SandboxEnds {
  /** For a client of the SDK, which itself gives one number for a sandbox that was ended and one that was out of memory. */
  middleware: Middleware;
  ranOutOfMemory(sandboxId: string): boolean;
}

export function createSandboxEnds(): SandboxEnds {
  const outOfMemory = new Set<string>();
  return {
    middleware: async function* (call, options) {
      const answer = yield* call.next(call.request, options);
      if (/\/SandboxWait(V2)?$/.test(call.method.path)) {
        const { sandboxId = "" } = WaitRequest.safeParse(call.request).data ?? {};
        const { result } = WaitAnswer.safeParse(answer).data ?? {};
        if (result?.status === failure && result.exitcode === killed) outOfMemory.add(sandboxId);
        if (outOfMemory.size > kept) outOfMemory.delete(outOfMemory.values().next().value ?? "");
      }
      return answer;
    },
    ranOutOfMemory: (sandboxId) => outOfMemory.has(sandboxId),
  };
}
