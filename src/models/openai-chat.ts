import { APIError } from "openai";
import type { ChatCompletionCreateParamsStreaming } from "openai/resources/chat/completions";
import { z } from "zod";
import { describeAnswer, textOf, toStrictSchema } from "./answer-shape.ts";
import type {
  Completion,
  CompletionOptions,
  CompletionRequest,
  Message,
  ModelClient,
  StopReason,
  Usage,
} from "./model.ts";
import { createOpenAiSdk } from "./openai-sdk.ts";
import { connectionLost, type ProviderContact, toModelError } from "./provider-errors.ts";
import { type StreamLimits, watchStream } from "./watch-stream.ts";

export interface OpenAiChatOptions {
  /** As in the configuration. */
  name: string;
  /** Whom limits are shared with. */
  provider: string;
  billed: boolean;
  contact: ProviderContact;
  /** Whether parts may ask to be kept in a cache: OpenRouter passes that on to Anthropic's models. */
  marksCache: boolean;
  limits: StreamLimits;
}

/** Any endpoint that speaks OpenAI's Chat Completions; what one does not know it is not asked again. */
export function createOpenAiChatClient(client: OpenAiChatOptions): ModelClient {
  const { name, provider, billed, contact } = client;
  const unknown = new Set<Extra>();
  return {
    name,
    provider,
    billed,
    thinksUnseen: true,
    async complete(request, options) {
      for (;;) {
        // Another call may learn of an extra while this one is under way with it.
        const left = new Set(unknown);
        try {
          return await completeOnce(client, { request, options, unknown: left });
        } catch (error) {
          const extra = unknownExtra(error);
          if (extra === null || left.has(extra)) throw toModelError(error, contact);
          unknown.add(extra);
        }
      }
    },
  };
}

/** What the protocol's younger half adds, and some servers refuse. */
type Extra = "response_format" | "stream_options";

interface Attempt {
  request: CompletionRequest;
  options: CompletionOptions;
  unknown: ReadonlySet<Extra>;
}

async function completeOnce(
  { contact, marksCache, limits }: OpenAiChatOptions,
  { request, options, unknown }: Attempt,
): Promise<Completion> {
  const body = writeRequest(request, { model: contact.model, marksCache, unknown });
  const answer = createAnswerReader(options.onText);
  try {
    await watchStream({
      provider: contact.title,
      limits,
      maxOutputTokens: request.maxOutputTokens,
      signal: options.signal,
      onBegun: options.onBegun,
      open: (connection) =>
        createOpenAiSdk(contact, connection).chat.completions.create(body, { signal: connection.signal }),
      read: answer.read,
    });
  } catch (error) {
    throw unknownExtra(error) === null ? toModelError(error, contact, answer.usage()) : error;
  }
  const completion = answer.completion();
  if (completion === null) throw connectionLost(contact, { usage: answer.usage() });
  return completion;
}

/** Servers have no common code for it: their sentence names the parameter. */
function unknownExtra(error: unknown): Extra | null {
  if (!(error instanceof APIError) || (error.status !== 400 && error.status !== 422)) return null;
  const said = `${error.param} ${error.message}`;
  if (/stream_options|include_usage/i.test(said)) return "stream_options";
  return /response_format|json_schema|structured output/i.test(said) ? "response_format" : null;
}

interface Wording {
  model: string;
  marksCache: boolean;
  unknown: ReadonlySet<Extra>;
}

function writeRequest(request: CompletionRequest, wording: Wording): ChatCompletionCreateParamsStreaming {
  const { model, unknown } = wording;
  const { answer } = request;
  const body: ChatCompletionCreateParamsStreaming = {
    model,
    messages: writeMessages(request, wording),
    max_tokens: request.maxOutputTokens,
    stream: true,
  };
  if (!unknown.has("stream_options")) body.stream_options = { include_usage: true };
  if (answer !== null && !unknown.has("response_format")) {
    body.response_format = {
      type: "json_schema",
      json_schema: { name: answer.name, ...toStrictSchema(answer.schema) },
    };
  }
  return body;
}

type WireMessage = ChatCompletionCreateParamsStreaming["messages"][number];

function writeMessages(
  { system, messages, answer }: CompletionRequest,
  { marksCache, unknown }: Wording,
): WireMessage[] {
  const described = answer !== null && unknown.has("response_format") ? describeAnswer(answer) : null;
  const asked = described === null ? messages : withLastPart(messages, described);
  const head: WireMessage[] = system === "" ? [] : [{ role: "system", content: system }];
  if (!marksCache) return [...head, ...asked.map((message) => ({ role: message.role, content: textOf(message) }))];
  const cached = asked.flatMap(({ parts }) => parts.filter((part) => part.cache && part.text !== ""));
  const kept = new Set(cached.slice(-maxCacheBreakpoints));
  return [
    ...head,
    ...asked.map(({ role, parts }) => ({
      role,
      content: parts
        .filter((part) => part.text !== "")
        .map((part) => ({
          type: "text" as const,
          text: part.text,
          ...(kept.has(part) ? { cache_control: { type: "ephemeral" } } : {}),
        })),
    })),
  ];
}

/** Cache breakpoints that Anthropic takes in a request. */
const maxCacheBreakpoints = 4;

function withLastPart(messages: readonly Message[], text: string): Message[] {
  return messages.map((message, index) =>
    index === messages.length - 1 ? { ...message, parts: [...message.parts, { text }] } : message,
  );
}

const Tokens = z.number().int().min(0);
const UsageReport = z.object({
  prompt_tokens: Tokens,
  completion_tokens: Tokens,
  prompt_tokens_details: z
    .object({ cached_tokens: Tokens.nullish(), cache_write_tokens: Tokens.nullish() })
    .nullish()
    .transform((details) => details ?? {}),
});
const Text = z
  .string()
  .nullish()
  .transform((text) => text ?? "");
const Chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: Text, refusal: Text, reasoning: Text, reasoning_content: Text }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  // Servers that count nothing send null, an empty object or nothing.
  usage: UsageReport.nullish().catch(null),
});

function createAnswerReader(onText: CompletionOptions["onText"]) {
  let text = "";
  let refusal = "";
  let usage: Usage | null = null;
  let finishReason: string | null = null;

  return {
    /** Returns how many characters an event held. */
    read(event: unknown): number {
      const chunk = Chunk.parse(event);
      const choice = chunk.choices?.[0];
      if (chunk.usage) usage = readUsage(chunk.usage);
      finishReason = choice?.finish_reason ?? finishReason;
      if (!choice?.delta) return 0;
      const { content, refusal: refused, reasoning, reasoning_content: reasoningContent } = choice.delta;
      text += content;
      refusal += refused;
      if (content !== "") onText?.(content);
      return content.length + refused.length + reasoning.length + reasoningContent.length;
    },
    usage: () => usage,
    /** Null where the stream ended before the answer did. */
    completion(): Completion | null {
      if (finishReason === null) return null;
      if (refusal !== "") return { text: refusal, stop: { unified: "refusal", raw: "refusal" }, usage };
      return { text, stop: readFinishReason(finishReason), usage };
    },
  };
}

const unifiedStops = new Map<string, StopReason["unified"]>([
  ["stop", "end"],
  ["eos", "end"],
  ["length", "length"],
  ["content_filter", "refusal"],
]);

function readFinishReason(raw: string): StopReason {
  return { unified: unifiedStops.get(raw) ?? "other", raw };
}

function readUsage({ prompt_tokens, completion_tokens, prompt_tokens_details }: z.infer<typeof UsageReport>): Usage {
  return {
    inputTokens: prompt_tokens,
    cacheReadTokens: prompt_tokens_details.cached_tokens ?? 0,
    cacheWriteTokens: prompt_tokens_details.cache_write_tokens ?? 0,
    outputTokens: completion_tokens,
  };
}
