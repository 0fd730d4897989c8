import { z } from "zod";
import type { ReadRequest } from "./protocol.ts";
import { RefusedRequest } from "./received-request.ts";
import { conversationOf, openAIPrompt } from "./responses-request.ts";
import { strictSchemaFault } from "./strict-schema.ts";

const ChatMessage = z.strictObject({
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: z
    .union([z.string(), z.array(z.looseObject({ type: z.literal("text"), text: z.string() }))])
    .transform((content) => (typeof content === "string" ? content : content.map((part) => part.text).join(""))),
});

const ResponseFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
      schema: z.record(z.string(), z.unknown()),
      strict: z.boolean().nullish(),
      description: z.string().optional(),
    }),
  }),
]);

/** Other servers of this API take keys of their own, so unknown ones pass; what would change the answer does not. */
const ChatBody = z.looseObject({
  model: z.string().min(1),
  messages: z.array(ChatMessage).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  response_format: ResponseFormat.optional(),
  tools: z.undefined().optional(),
  n: z.literal(1).optional(),
});

export function readChatRequest(value: unknown): ReadRequest {
  const parsed = ChatBody.safeParse(value);
  if (!parsed.success) throw new RefusedRequest(z.prettifyError(parsed.error));
  const body = parsed.data;
  if (body.max_tokens && /^(gpt-5|o\d)/.test(body.model))
    throw new RefusedRequest(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    );
  if (body.stream_options && !body.stream)
    throw new RefusedRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  const format = body.response_format?.type === "json_schema" ? body.response_format.json_schema : null;
  const fault = format?.strict ? strictSchemaFault(format.schema) : null;
  if (fault) throw new RefusedRequest(`Invalid schema for response_format '${format?.name}': ${fault}`);
  return {
    api: "chat",
    model: body.model,
    ...conversationOf(body.messages),
    wants: format ? { name: format.name, schema: format.schema } : null,
    tool: null,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    stream: body.stream ?? false,
    streamsUsage: body.stream_options?.include_usage ?? false,
    prompt: openAIPrompt(body.messages, format?.schema),
  };
}
