import { Anthropic } from "@anthropic-ai/sdk";
import { z } from "zod";
import type { Completion, CompletionOptions, CompletionRequest, ModelClient, StopReason, Usage } from "./model.ts";
import { connectionLost, type ProviderContact, toModelError } from "./provider-errors.ts";
import { type StreamLimits, type WatchedConnection, watchStream } from "./watch-stream.ts";

export interface AnthropicOptions {
  /** As in the configuration. */
  name: string;
  billed: boolean;
  contact: ProviderContact & { key: string };
  limits: StreamLimits;
}

/** Anthropic's Messages API; https://platform.claude.com/docs/en/api/messages-streaming */
export function createAnthropicClient({ name, billed, contact, limits }: AnthropicOptions): ModelClient {
  return {
    name,
    provider: "anthropic",
    billed,
    async complete(request, { onText, onBegun, signal }) {
      const body = writeRequest(contact.model, request);
      const answer = createAnswerReader({ onText, wantsValue: request.answer !== null });
      try {
        await watchStream({
          provider: contact.title,
          limits,
          maxOutputTokens: request.maxOutputTokens,
          signal,
          onBegun,
          open: (connection) => send(contact, { body, connection }),
          read: answer.read,
        });
      } catch (error) {
        throw toModelError(error, contact, answer.usage());
      }
      return answer.completion() ?? fail(connectionLost(contact, { usage: answer.usage() }));
    },
  };
}

type Contact = AnthropicOptions["contact"];

interface Call {
  body: RequestBody;
  connection: WatchedConnection;
}

/** Past `messages.create`, which prints to the terminal about models that will end. */
function send(contact: Contact, { body, connection }: Call): PromiseLike<AsyncIterable<unknown>> {
  return connect(contact, connection).post("/v1/messages", { body, stream: true, signal: connection.signal });
}

/** Everything is passed, so that the SDK takes nothing from the environment, retries nothing and reports nothing. */
function connect({ baseUrl, key }: Contact, { fetch }: WatchedConnection): Anthropic {
  return new Anthropic({
    apiKey: key,
    authToken: null,
    webhookKey: null,
    baseURL: baseUrl,
    fetch,
    maxRetries: 0,
    timeout: 60 * 60_000,
    logLevel: "off",
    openTelemetry: false,
  });
}

type RequestBody = Anthropic.MessageCreateParamsStreaming;

function writeRequest(model: string, { system, messages, maxOutputTokens, answer }: CompletionRequest): RequestBody {
  const body: RequestBody = {
    model,
    max_tokens: maxOutputTokens,
    stream: true,
    messages: writeMessages(messages),
  };
  if (system !== "") body.system = [{ type: "text", text: system }];
  if (answer !== null) {
    body.tools = [
      {
        name: answer.name,
        description: "Takes the answer.",
        input_schema: { ...answer.schema, type: "object" },
      },
    ];
    body.tool_choice = { type: "tool", name: answer.name, disable_parallel_tool_use: true };
  }
  return body;
}

/** Cache breakpoints that a request may have. */
const maxCacheBreakpoints = 4;

function writeMessages(messages: CompletionRequest["messages"]): Anthropic.MessageParam[] {
  const cached = messages.flatMap(({ parts }) => parts.filter((part) => part.cache && part.text !== ""));
  const kept = new Set(cached.slice(-maxCacheBreakpoints));
  return messages.map(({ role, parts }) => ({
    role,
    content: parts
      .filter((part) => part.text !== "")
      .map((part) => ({
        type: "text" as const,
        text: part.text,
        ...(kept.has(part) ? { cache_control: { type: "ephemeral" as const } } : {}),
      })),
  }));
}

const Tokens = z.number().int().min(0).nullish();
const UsageReport = z.object({
  input_tokens: Tokens,
  cache_read_input_tokens: Tokens,
  cache_creation_input_tokens: Tokens,
  output_tokens: Tokens,
});
type UsageReport = z.infer<typeof UsageReport>;

const AnyEvent = z.object({ type: z.string() });
const MessageStart = z.object({ message: z.object({ usage: UsageReport }) });
const BlockStart = z.object({ index: z.number(), content_block: z.object({ type: z.string() }) });
const BlockDelta = z.object({
  index: z.number(),
  delta: z.object({
    type: z.string(),
    text: z.string().optional(),
    partial_json: z.string().optional(),
    thinking: z.string().optional(),
  }),
});
const MessageDelta = z.object({
  delta: z.object({ stop_reason: z.string().nullish() }),
  usage: UsageReport.nullish(),
});

interface AnswerOptions extends Pick<CompletionOptions, "onText"> {
  wantsValue: boolean;
}

function createAnswerReader({ onText, wantsValue }: AnswerOptions) {
  let text = "";
  /** The input of the first tool that is called; there should be no second. */
  let tool: { index: number; json: string } | null = null;
  let reported: UsageReport | null = null;
  let stopReason: string | null = null;
  let complete = false;

  const readDelta = (event: unknown): number => {
    const { index, delta } = BlockDelta.parse(event);
    if (delta.type === "text_delta" && delta.text !== undefined) {
      text += delta.text;
      onText?.(delta.text);
    }
    if (delta.type === "input_json_delta" && delta.partial_json !== undefined && tool?.index === index) {
      tool.json += delta.partial_json;
      onText?.(delta.partial_json);
    }
    return (delta.text ?? delta.partial_json ?? delta.thinking ?? "").length;
  };

  return {
    /** Returns how many characters an event held. */
    read(event: unknown): number {
      const { type } = AnyEvent.parse(event);
      if (type === "message_start") reported = MessageStart.parse(event).message.usage;
      if (type === "content_block_start") {
        const { index, content_block } = BlockStart.parse(event);
        if (content_block.type === "tool_use") tool ??= { index, json: "" };
      }
      if (type === "message_delta") {
        const { delta, usage } = MessageDelta.parse(event);
        stopReason = delta.stop_reason ?? stopReason;
        reported = { ...reported, ...withoutNulls(usage ?? {}) } as UsageReport;
      }
      if (type === "message_stop") complete = true;
      return type === "content_block_delta" ? readDelta(event) : 0;
    },
    usage: () => (reported === null ? null : readUsage(reported)),
    /** Null where the stream ended before the message did. */
    completion(): Completion | null {
      if (!complete || stopReason === null) return null;
      const value = wantsValue && tool !== null ? tool.json || "{}" : null;
      return {
        text: value ?? text,
        stop: readStopReason(stopReason),
        usage: reported === null ? null : readUsage(reported),
      };
    },
  };
}

const unifiedStops = new Map<string, StopReason["unified"]>([
  ["end_turn", "end"],
  ["stop_sequence", "end"],
  ["tool_use", "end"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "refusal"],
]);

function readStopReason(raw: string): StopReason {
  return { unified: unifiedStops.get(raw) ?? "other", raw };
}

function readUsage(report: UsageReport): Usage {
  const cacheReadTokens = report.cache_read_input_tokens ?? 0;
  const cacheWriteTokens = report.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: (report.input_tokens ?? 0) + cacheReadTokens + cacheWriteTokens,
    cacheReadTokens,
    cacheWriteTokens,
    outputTokens: report.output_tokens ?? 0,
  };
}

/** What a later report leaves open, an earlier one has said. */
function withoutNulls(report: object): object {
  return Object.fromEntries(Object.entries(report).filter(([, value]) => value !== null && value !== undefined));
}

function fail(error: Error): never {
  throw error;
}
