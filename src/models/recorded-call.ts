import { createHash } from "node:crypto";
import { z } from "zod";
import type { CompletionRequest, MessagePart } from "./model.ts";

const Count = z.number().int().min(0);

const Usage = z.object({
  inputTokens: Count,
  cacheReadTokens: Count,
  cacheWriteTokens: Count,
  outputTokens: Count,
});

/** What a prompt was, without its text: one entry for the system's text and one for each part of a message. */
const PromptPart = z.object({
  role: z.enum(["system", "user", "assistant"]),
  characters: Count,
  /** The first 16 digits. */
  sha256: z.string(),
});
export type PromptPart = z.infer<typeof PromptPart>;

const RecordedAnswer = z.object({
  text: z.string(),
  stop: z.object({ unified: z.enum(["end", "length", "refusal", "other"]), raw: z.string() }),
});
export type RecordedAnswer = z.infer<typeof RecordedAnswer>;

/** One call of a model: a line of a recording. */
export const RecordedCall = z.object({
  version: z.literal(1),
  key: z.string(),
  stage: z.string(),
  model: z.string(),
  prompt: z.array(PromptPart),
  /** Null for a call that was billed and failed: money, and no answer. */
  answer: RecordedAnswer.nullable(),
  /** Null where the provider does not say. */
  usage: Usage.nullable(),
  /** US dollars; null where nobody knows. */
  costUsd: z.number().min(0).nullable(),
  at: z.string(),
});
export type RecordedCall = z.infer<typeof RecordedCall>;
export type AnsweredCall = RecordedCall & { answer: RecordedAnswer };
/** A call that has just been made. */
export type NewCall = Omit<RecordedCall, "version" | "at">;

/**
 * SHA-256 over what is asked, whoever answers: the model's name is not in it, nor how long the answer may be, how the
 * prompt is cached, or what is volatile.
 */
export function keyOf({ system, messages, answer }: CompletionRequest): string {
  const asked = messages.map(({ role, parts }) => [
    role,
    parts
      .filter(isStable)
      .map(({ text }) => text)
      .join(""),
  ]);
  return sha256(JSON.stringify([system, asked, answer && [answer.name, sortKeys(answer.schema)]]));
}

export function describePrompt({ system, messages }: CompletionRequest): PromptPart[] {
  const describe = (role: PromptPart["role"], text: string): PromptPart => ({
    role,
    characters: text.length,
    sha256: sha256(text).slice(0, 16),
  });
  const parts = messages.flatMap(({ role, parts }) => parts.filter(isStable).map(({ text }) => describe(role, text)));
  return [describe("system", system), ...parts];
}

export function isAnswered(call: RecordedCall): call is AnsweredCall {
  return call.answer !== null;
}

export function isStable(part: MessagePart): boolean {
  return !part.volatile;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
