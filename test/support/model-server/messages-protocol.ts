import type Anthropic from "@anthropic-ai/sdk";
import { bearerKey } from "./bearer-key.ts";
import { readMessagesRequest } from "./messages-request.ts";
import type { Answer, AnswerWriter, Protocol, ServerEvent } from "./protocol.ts";
import { errorBody, providerError } from "./provider-errors.ts";

/** Anthropic's `POST /v1/messages`. */
export const messagesProtocol: Protocol = {
  api: "messages",
  vendor: "anthropic",
  requestIdHeader: "request-id",
  /** The SDK sends its key as a bearer token since version 1; `x-api-key` is the older way, and still good. */
  readKey: (headers) => headers["x-api-key"]?.toString() || bearerKey(headers),
  read: readMessagesRequest,
  write: writeMessage,
};

function writeMessage(answer: Answer): AnswerWriter {
  const block = openingBlock(answer);
  const usage = usageOf(answer);
  return {
    opening: () => [
      event({ type: "message_start", message: { ...message(answer), usage: { ...usage, output_tokens: 1 } } }),
      ...(block ? [event({ type: "content_block_start", index: 0, content_block: block })] : []),
      { name: "ping", data: { type: "ping" } },
    ],
    piece: (text) => (block ? [event({ type: "content_block_delta", index: 0, delta: deltaOf(block, text) })] : []),
    closing: () => [
      ...(block ? [event({ type: "content_block_stop", index: 0 })] : []),
      event({ type: "message_delta", delta: { ...stopOf(answer, block), container: null }, usage }),
      event({ type: "message_stop" }),
    ],
    failure: () => [
      { name: "error", data: errorBody("anthropic", providerError("anthropic", "overloaded", ""), `req_${answer.id}`) },
    ],
    whole: (): Anthropic.Message => ({
      ...message(answer),
      ...stopOf(answer, block),
      content: block ? [wholeBlock(block, answer)] : [],
    }),
  };
}

function event(data: Anthropic.RawMessageStreamEvent): ServerEvent {
  return { name: data.type, data };
}

function message(answer: Answer): Anthropic.Message {
  return {
    id: `msg_${answer.id}`,
    type: "message",
    role: "assistant",
    model: answer.request.model,
    container: null,
    content: [],
    diagnostics: null,
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: usageOf(answer),
  };
}

/** Input tokens are those that neither came from the cache nor went into it. */
function usageOf({ usage, reasoningTokens }: Answer): Anthropic.Usage {
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = usage;
  return {
    input_tokens: inputTokens - cacheReadTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cacheReadTokens,
    cache_creation: { ephemeral_5m_input_tokens: cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: reasoningTokens ? { thinking_tokens: reasoningTokens } : null,
    server_tool_use: null,
    service_tier: "standard",
    inference_geo: null,
    speed: null,
  };
}

/** Null for an answer without content: a refusal, or nothing at all. */
function openingBlock({ kind, text, request, id }: Answer): Anthropic.TextBlock | Anthropic.ToolUseBlock | null {
  if (kind === "refusal" || text === "") return null;
  const { tool } = request;
  if (!tool || (kind === "text" && !tool.forced)) return { type: "text", text: "", citations: null };
  return { type: "tool_use", id: `toolu_${id}`, name: tool.name, input: {}, caller: { type: "direct" } };
}

function wholeBlock(block: Anthropic.TextBlock | Anthropic.ToolUseBlock, answer: Answer): Anthropic.ContentBlock {
  if (block.type === "text") return { ...block, text: answer.text };
  return { ...block, input: inputOf(answer) };
}

/** A body without stream is JSON whatever the model wrote: what was cut is lost, what is broken is wrapped. */
function inputOf({ text, stop }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return stop === "length" ? {} : { INVALID_JSON: text };
  }
}

function deltaOf(block: Anthropic.TextBlock | Anthropic.ToolUseBlock, text: string): Anthropic.RawContentBlockDelta {
  return block.type === "text" ? { type: "text_delta", text } : { type: "input_json_delta", partial_json: text };
}

function stopOf(answer: Answer, block: Anthropic.ContentBlock | null) {
  const refused = answer.stop === "refusal" || answer.stop === "filter";
  const explanation = answer.kind === "refusal" ? answer.text : null;
  return {
    stop_reason: stopReason(answer, block),
    stop_sequence: null,
    stop_details: refused ? { type: "refusal" as const, category: null, explanation } : null,
  };
}

function stopReason({ stop }: Answer, block: Anthropic.ContentBlock | null): Anthropic.StopReason {
  if (stop === "length") return "max_tokens";
  if (stop !== "end") return "refusal";
  return block?.type === "tool_use" ? "tool_use" : "end_turn";
}
