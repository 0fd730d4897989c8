import { z } from "zod";
import type { Middleware } from "./modal-client.ts";

const BuildAnswer = z.object({ taskLogs: z.array(z.object({ data: z.string() })).catch([]) });
const keptCharacters = 8_000;

export interface BuildLog {
  /** For a client of the SDK, which itself throws the log of a build away. */
  middleware: Middleware;
  /** Begins a new log, each of whose lines is handed on until the listening is disposed of. */
  listen(onLine: (line: string) => void): Disposable;
  text(): string;
}

export function createBuildLog(): BuildLog {
  let kept = "";
  let listener: ((line: string) => void) | null = null;

  function take(answer: unknown): void {
    for (const { data } of BuildAnswer.safeParse(answer).data?.taskLogs ?? []) {
      kept = (kept + data).slice(-keptCharacters);
      for (const line of data.split(/[\r\n]+/)) if (line.trim() !== "") listener?.(line.trim().slice(0, 200));
    }
  }

  return {
    middleware: async function* (call, options) {
      if (!call.responseStream || !call.method.path.endsWith("/ImageJoinStreaming"))
        return yield* call.next(call.request, options);
      for await (const answer of call.next(call.request, options)) {
        take(answer);
        yield answer;
      }
    },
    listen(onLine) {
      kept = "";
      listener = onLine;
      return {
        [Symbol.dispose]() {
          listener = null;
        },
      };
    },
    text: () => kept.trim(),
  };
}
