import type OpenAI from "openai";
import { bearerKey } from "./bearer-key.ts";
import { readChatRequest } from "./chat-request.ts";
import type { Answer, AnswerWriter, Protocol, ServerEvent } from "./protocol.ts";
import { errorBody, providerError } from "./provider-errors.ts";

type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;
type Choice = OpenAI.Chat.Completions.ChatCompletionChunk.Choice;

/** OpenAI's `POST /v1/chat/completions`, which others speak too. */
export const chatProtocol: Protocol = {
  api: "chat",
  vendor: "openai",
  requestIdHeader: "x-request-id",
  readKey: bearerKey,
  read: readChatRequest,
  write: writeCompletion,
};

function writeCompletion(answer: Answer): AnswerWriter {
  const said = answer.kind === "refusal" ? "refusal" : "content";
  const { streamsUsage } = answer.request;
  const last: Chunk = { ...chunk(answer, {}), choices: [], usage: usageOf(answer) };
  return {
    opening: () => [event(chunk(answer, { role: "assistant", content: "", refusal: null }))],
    piece: (text) => [event(chunk(answer, { [said]: text }))],
    closing: () => [
      event(chunk(answer, {}, finishReason(answer))),
      ...(streamsUsage ? [event(last)] : []),
      { name: null, data: "[DONE]" },
    ],
    failure: () => [
      { name: null, data: errorBody("openai", providerError("openai", "overloaded", ""), `req_${answer.id}`) },
    ],
    whole: (): OpenAI.Chat.Completions.ChatCompletion => ({
      ...head(answer),
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: null, refusal: null, [said]: answer.text },
          finish_reason: finishReason(answer),
          logprobs: null,
        },
      ],
      usage: usageOf(answer),
    }),
  };
}

function event(data: Chunk): ServerEvent {
  return { name: null, data };
}

function head({ id, request }: Answer) {
  return { id: `chatcmpl-${id}`, created: Math.floor(Date.now() / 1000), model: request.model };
}

function chunk(answer: Answer, delta: Choice["delta"], finish_reason: Choice["finish_reason"] = null): Chunk {
  return {
    ...head(answer),
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason, logprobs: null }],
    ...(answer.request.streamsUsage ? { usage: null } : {}),
  };
}

function finishReason({ stop }: Answer): "stop" | "length" | "content_filter" {
  if (stop === "length") return "length";
  return stop === "filter" ? "content_filter" : "stop";
}

function usageOf({ usage, reasoningTokens }: Answer): OpenAI.CompletionUsage {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}
