import { basename } from "node:path";
import { ConfigError, ModelError, throwIfCancelled } from "../errors.ts";
import type { CompletionRequest, ModelClient } from "./model.ts";
import { type AnsweredCall, describePrompt, isAnswered, isStable, keyOf, type RecordedCall } from "./recorded-call.ts";
import { createQueue, readRecording } from "./recording.ts";

/**
 * Answers from a recording, whichever model gave the answers, and from nothing else: a prompt that is not in it is an
 * error. Asked more often than recorded, it repeats the last answer. Throws ConfigError for a file that cannot be used.
 */
export async function createReplayClient({ path }: { path: string }): Promise<ModelClient> {
  const calls = await readCalls(path);
  const next = createQueue(calls);
  const lastOf = new Map(calls.map((call) => [call.key, call]));
  return {
    name: `replay/${path}`,
    provider: "replay",
    billed: false,
    async complete(request, { onText, signal }) {
      throwIfCancelled(signal);
      const key = keyOf(request);
      const call = next(key) ?? lastOf.get(key);
      if (!call) throw describeMissing(path, request, calls);
      onText?.(call.answer.text);
      return { ...call.answer, usage: call.usage };
    },
  };
}

async function readCalls(path: string): Promise<AnsweredCall[]> {
  const fail = (what: string, cause?: unknown): ConfigError =>
    new ConfigError({
      code: "replay-unreadable",
      userMessage: `The recording ${path} ${what}. Name a file of recorded model calls.`,
      cause,
    });
  const { calls } = await readRecording(path).catch((error: unknown) => {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw fail(code === "ENOENT" ? "does not exist" : `cannot be read (${code || "unknown error"})`, error);
  });
  const answered = calls.filter(isAnswered);
  if (answered.length === 0) throw fail("holds no answer");
  return answered;
}

function describeMissing(path: string, request: CompletionRequest, calls: readonly AnsweredCall[]): ModelError {
  const asked = describePrompt(request);
  const equalParts = ({ prompt }: RecordedCall): number => {
    const first = asked.findIndex((part, index) => part.sha256 !== prompt[index]?.sha256);
    return first < 0 ? asked.length : first;
  };
  const nearest = calls.reduce((best, call) => (equalParts(call) > equalParts(best) ? call : best));
  const equal = equalParts(nearest);
  const number = calls.indexOf(nearest) + 1;
  return new ModelError({
    code: "replay-no-answer",
    userMessage:
      `The recording ${basename(path)} holds no answer to this prompt. The nearest, answer ${number} of ${calls.length} ` +
      `(stage ${nearest.stage}), ${describeDifference(request, asked, nearest, equal)}. ` +
      "Record it anew, or use the files and the version that it was recorded with.",
  });
}

function describeDifference(
  request: CompletionRequest,
  asked: ReturnType<typeof describePrompt>,
  { prompt }: RecordedCall,
  equal: number,
): string {
  const mine = asked[equal];
  const recorded = prompt[equal];
  if (mine && recorded)
    return (
      `has the same first ${equal} of ${asked.length} parts and differs in ${placeOf(request, equal)}: ` +
      `${recorded.characters} characters recorded, ${mine.characters} asked`
    );
  if (mine) return `has the same first ${equal} parts and lacks ${placeOf(request, equal)}`;
  if (recorded) return `has the same ${equal} parts and ${prompt.length - equal} more`;
  return "has the same prompt but was asked for another form of answer";
}

/** Where a part of the described prompt lies: the system's text comes first, volatile parts are not counted. */
function placeOf({ messages }: CompletionRequest, index: number): string {
  const places = messages.flatMap(({ role, parts }, message) =>
    parts.flatMap((part, number) =>
      isStable(part) ? [`message ${message + 1} (${role}), part ${number + 1} of ${parts.length}`] : [],
    ),
  );
  return index === 0 ? "the system's text" : (places[index - 1] ?? "its end");
}
