import type OpenAI from "openai";
import { bearerKey } from "./bearer-key.ts";
import type { Answer, AnswerWriter, Protocol, ServerEvent } from "./protocol.ts";
import { providerError } from "./provider-errors.ts";
import { readResponsesRequest } from "./responses-request.ts";

type Response = OpenAI.Responses.Response;
type Part = OpenAI.Responses.ResponseOutputText | OpenAI.Responses.ResponseOutputRefusal;
type Status = "in_progress" | "completed" | "incomplete" | "failed";
/** An event of the API before it is numbered. */
type Unnumbered<E = OpenAI.Responses.ResponseStreamEvent> = E extends { type: string }
  ? Omit<E, "sequence_number">
  : never;

/** OpenAI's `POST /v1/responses`. */
export const responsesProtocol: Protocol = {
  api: "responses",
  vendor: "openai",
  requestIdHeader: "x-request-id",
  readKey: bearerKey,
  read: readResponsesRequest,
  write: writeResponse,
};

function writeResponse(answer: Answer): AnswerWriter {
  let sequence = 0;
  const number = (events: Unnumbered[]): ServerEvent[] =>
    events.map((data) => ({ name: data.type, data: { ...data, sequence_number: sequence++ } }));
  return {
    opening: () => number(openingEvents(answer)),
    piece: (text) => number([deltaEvent(answer, text)]),
    closing: () => number(closingEvents(answer)),
    failure: (kind) => number([kind === "failed" ? failedEvent(answer) : errorEvent()]),
    whole: () => response(answer, finalStatus(answer)),
  };
}

function openingEvents(answer: Answer): Unnumbered[] {
  const place = placeOf(answer);
  const { output_index } = place;
  const begun = response(answer, "in_progress");
  const reasoning = reasoningItem(answer);
  return [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    ...reasoning.flatMap((item): Unnumbered[] => [
      { type: "response.output_item.added", output_index: 0, item },
      { type: "response.output_item.done", output_index: 0, item },
    ]),
    { type: "response.output_item.added", output_index, item: messageItem(answer, "in_progress") },
    { type: "response.content_part.added", ...place, part: partOf(answer, "") },
  ];
}

function deltaEvent(answer: Answer, delta: string): Unnumbered {
  const place = placeOf(answer);
  if (answer.kind === "refusal") return { type: "response.refusal.delta", ...place, delta };
  return { type: "response.output_text.delta", ...place, delta, logprobs: [] };
}

function closingEvents(answer: Answer): Unnumbered[] {
  const { text } = answer;
  const place = placeOf(answer);
  const status = finalStatus(answer);
  return [
    answer.kind === "refusal"
      ? { type: "response.refusal.done", ...place, refusal: text }
      : { type: "response.output_text.done", ...place, text, logprobs: [] },
    { type: "response.content_part.done", ...place, part: partOf(answer, text) },
    { type: "response.output_item.done", output_index: place.output_index, item: messageItem(answer, status) },
    { type: `response.${status}`, response: response(answer, status) },
  ];
}

function failedEvent(answer: Answer): Unnumbered {
  return { type: "response.failed", response: response(answer, "failed") };
}

function errorEvent(): Unnumbered {
  const { message, type } = providerError("openai", "overloaded", "");
  return { type: "error", code: type, message, param: null };
}

function finalStatus({ stop }: Answer): "completed" | "incomplete" {
  return stop === "length" || stop === "filter" ? "incomplete" : "completed";
}

function placeOf(answer: Answer) {
  return { item_id: `msg_${answer.id}`, output_index: reasoningItem(answer).length, content_index: 0 };
}

function partOf({ kind }: Answer, text: string): Part {
  if (kind === "refusal") return { type: "refusal", refusal: text };
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function messageItem(answer: Answer, status: "in_progress" | "completed" | "incomplete") {
  const content = status === "in_progress" ? [] : [partOf(answer, answer.text)];
  return { id: `msg_${answer.id}`, type: "message" as const, role: "assistant" as const, status, content };
}

function reasoningItem({ id, reasoningTokens }: Answer): OpenAI.Responses.ResponseReasoningItem[] {
  return reasoningTokens > 0 ? [{ id: `rs_${id}`, type: "reasoning", summary: [] }] : [];
}

/** `output_text` is the SDK's own addition, not the wire's. */
function response(answer: Answer, status: Status): Response {
  const done = status === "completed" || status === "incomplete";
  const incomplete = answer.stop === "length" ? "max_output_tokens" : "content_filter";
  const error = { code: "server_error" as const, message: "The server had an error while processing your request." };
  const sent: Omit<Response, "output_text"> = {
    id: `resp_${answer.id}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status,
    model: answer.request.model,
    error: status === "failed" ? error : null,
    incomplete_details: status === "incomplete" ? { reason: incomplete } : null,
    instructions: null,
    max_output_tokens: answer.request.maxTokens,
    metadata: {},
    output: done ? [...reasoningItem(answer), messageItem(answer, finalStatus(answer))] : [],
    access_programs: null,
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    ...(done ? { usage: usageOf(answer) } : {}),
  };
  return sent as Response;
}

function usageOf({ usage, reasoningTokens }: Answer): OpenAI.Responses.ResponseUsage {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cacheReadTokens, cache_write_tokens: usage.cacheWriteTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}
