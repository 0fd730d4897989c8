import { APIError } from "openai";
import type { ResponseCreateParamsStreaming } from "openai/resources/responses/responses";
import { z } from "zod";
import { conversationKey, textOf, toStrictSchema } from "./answer-shape.ts";
import type { Completion, CompletionOptions, CompletionRequest, ModelClient, StopReason, Usage } from "./model.ts";
import { createOpenAiSdk, type OpenAiAccount } from "./openai-sdk.ts";
import { connectionLost, type ProviderContact, toModelError } from "./provider-errors.ts";
import { type StreamLimits, watchStream } from "./watch-stream.ts";

export interface OpenAiResponsesOptions {
  /** As in the configuration. */
  name: string;
  billed: boolean;
  contact: ProviderContact & { key: string };
  account: OpenAiAccount;
  limits: StreamLimits;
}

/** OpenAI's Responses API; https://platform.openai.com/docs/api-reference/responses-streaming */
export function createOpenAiResponsesClient(options: OpenAiResponsesOptions): ModelClient {
  const { name, billed, contact, account, limits } = options;
  return {
    name,
    provider: "openai",
    billed,
    thinksUnseen: true,
    async complete(request, { onText, onBegun, signal }) {
      const body = writeRequest(contact.model, request);
      const answer = createAnswerReader(onText);
      try {
        await watchStream({
          provider: contact.title,
          limits,
          maxOutputTokens: request.maxOutputTokens,
          signal,
          onBegun,
          open: (connection) =>
            createOpenAiSdk(contact, connection, account).responses.create(body, { signal: connection.signal }),
          read: answer.read,
        });
        return answer.completion() ?? fail(connectionLost(contact, { usage: answer.usage() }));
      } catch (error) {
        throw toModelError(error, contact, answer.usage());
      }
    },
  };
}

function writeRequest(model: string, request: CompletionRequest): ResponseCreateParamsStreaming {
  const { system, messages, maxOutputTokens, answer } = request;
  const body: ResponseCreateParamsStreaming = {
    model,
    input: messages.map((message) => ({ role: message.role, content: textOf(message) })),
    max_output_tokens: Math.max(maxOutputTokens, fewestOutputTokens),
    store: false,
    stream: true,
    prompt_cache_key: conversationKey(request),
  };
  if (system !== "") body.instructions = system;
  if (answer !== null) {
    body.text = { format: { type: "json_schema", name: answer.name, ...toStrictSchema(answer.schema) } };
  }
  return body;
}

/** Fewer are refused. */
const fewestOutputTokens = 16;

const Tokens = z.number().int().min(0);
const UsageReport = z.object({
  input_tokens: Tokens,
  input_tokens_details: z
    .object({ cached_tokens: Tokens.nullish(), cache_write_tokens: Tokens.nullish() })
    .nullish()
    .transform((details) => details ?? {}),
  output_tokens: Tokens,
});

const AnyEvent = z.object({ type: z.string() });
const Delta = z.object({ delta: z.string() });
const FinalEvent = z.object({
  response: z.object({
    usage: UsageReport.nullish(),
    incomplete_details: z.object({ reason: z.string().nullish() }).nullish(),
    error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
  }),
});

function createAnswerReader(onText: CompletionOptions["onText"]) {
  let text = "";
  let refusal = "";
  let usage: Usage | null = null;
  let stop: StopReason | null = null;

  const readEnd = (type: string, event: unknown): void => {
    const { response } = FinalEvent.parse(event);
    usage = response.usage ? readUsage(response.usage) : null;
    if (type === "response.failed") throw new APIError(undefined, response.error ?? {}, undefined, undefined);
    stop = type === "response.completed" ? { unified: "end", raw: "completed" } : readIncomplete(response);
  };

  return {
    /** Returns how many characters an event held. */
    read(event: unknown): number {
      const { type } = AnyEvent.parse(event);
      if (endings.has(type)) readEnd(type, event);
      if (!deltas.has(type)) return 0;
      const { delta } = Delta.parse(event);
      if (type === "response.refusal.delta") refusal += delta;
      if (type === "response.output_text.delta") {
        text += delta;
        onText?.(delta);
      }
      return delta.length;
    },
    usage: () => usage,
    /** Null where the stream ended before the response did. */
    completion(): Completion | null {
      if (stop === null) return null;
      if (refusal !== "") return { text: refusal, stop: { unified: "refusal", raw: "refusal" }, usage };
      return { text, stop, usage };
    },
  };
}

const endings = new Set(["response.completed", "response.incomplete", "response.failed"]);
const deltas = new Set(["response.output_text.delta", "response.refusal.delta"]);

function readIncomplete({ incomplete_details }: z.infer<typeof FinalEvent>["response"]): StopReason {
  const raw = incomplete_details?.reason ?? "incomplete";
  if (raw === "max_output_tokens") return { unified: "length", raw };
  return { unified: raw === "content_filter" ? "refusal" : "other", raw };
}

function readUsage({ input_tokens, input_tokens_details, output_tokens }: z.infer<typeof UsageReport>): Usage {
  return {
    inputTokens: input_tokens,
    cacheReadTokens: input_tokens_details.cached_tokens ?? 0,
    cacheWriteTokens: input_tokens_details.cache_write_tokens ?? 0,
    outputTokens: output_tokens,
  };
}

function fail(error: Error): never {
  throw error;
}
