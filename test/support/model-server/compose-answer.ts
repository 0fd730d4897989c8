import type { CacheLookup } from "./prompt-cache.ts";
import type { Answer, ReadRequest } from "./protocol.ts";
import type { Delivery, Said } from "./reply.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Makes of a script's words what the model is said to have answered: cut at the token limit, and counted. */
export function composeAnswer({
  said,
  request,
  lookup,
  id,
  tokenizer,
}: {
  said: Said & Delivery;
  request: ReadRequest;
  lookup: CacheLookup;
  id: string;
  tokenizer: Tokenizer;
}): Answer {
  const reasoningTokens = Math.min(said.reasoningTokens ?? 0, request.maxTokens ?? Number.POSITIVE_INFINITY);
  const spoken = spokenBy(said);
  const room = request.maxTokens === null ? null : request.maxTokens - reasoningTokens;
  const text = room === null || "endless" in said ? spoken.text : tokenizer.cut(spoken.text, room);
  return {
    ...spoken,
    id,
    request,
    text,
    stop: text.length < spoken.text.length ? "length" : spoken.stop,
    reasoningTokens,
    usage: {
      inputTokens: lookup.promptTokens,
      cacheReadTokens: lookup.readTokens,
      cacheWriteTokens: lookup.writeTokens,
      outputTokens: tokenizer.count(text) + reasoningTokens,
    },
  };
}

function spokenBy(said: Said): Pick<Answer, "kind" | "text" | "stop"> {
  if ("value" in said) return { kind: "value", text: JSON.stringify(said.value), stop: "end" };
  if ("refusal" in said) return { kind: "refusal", text: said.refusal, stop: "refusal" };
  if ("filtered" in said) return { kind: "text", text: said.filtered, stop: "filter" };
  if ("endless" in said) return { kind: "text", text: said.endless, stop: "end" };
  const { text, truncateAt } = said;
  if (truncateAt === undefined) return { kind: "text", text, stop: "end" };
  return { kind: "text", text: text.slice(0, truncateAt), stop: "length" };
}
