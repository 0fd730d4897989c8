import { z } from "zod";
import type { ReadRequest } from "./protocol.ts";
import { RefusedRequest } from "./received-request.ts";
import { strictSchemaFault } from "./strict-schema.ts";

const InputText = z.looseObject({ type: z.enum(["input_text", "output_text"]), text: z.string() });

const InputMessage = z.strictObject({
  type: z.literal("message").optional(),
  id: z.string().optional(),
  status: z.string().optional(),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: z
    .union([z.string(), z.array(InputText)])
    .transform((content) => (typeof content === "string" ? content : content.map((part) => part.text).join(""))),
});

const JsonSchemaFormat = z.strictObject({
  type: z.literal("json_schema"),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
  schema: z.record(z.string(), z.unknown()),
  strict: z.boolean().nullish(),
  description: z.string().optional(),
});

/** As much of the API as is spoken here; anything else is refused, so that nothing is answered by chance. */
const ResponsesBody = z.strictObject({
  model: z.string().min(1),
  input: z.union([
    z.string().transform((content) => [{ role: "user" as const, content }]),
    z.array(InputMessage).min(1),
  ]),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(16).nullish(),
  stream: z.boolean().nullish(),
  text: z
    .looseObject({ format: z.union([JsonSchemaFormat, z.strictObject({ type: z.literal("text") })]).optional() })
    .optional(),
  store: z.boolean().nullish(),
  reasoning: z.unknown().optional(),
  include: z.unknown().optional(),
  metadata: z.unknown().optional(),
  prompt_cache_key: z.string().optional(),
  prompt_cache_retention: z.unknown().optional(),
  safety_identifier: z.string().optional(),
  service_tier: z.unknown().optional(),
  truncation: z.unknown().optional(),
});

export function readResponsesRequest(value: unknown): ReadRequest {
  const parsed = ResponsesBody.safeParse(value);
  if (!parsed.success) throw new RefusedRequest(z.prettifyError(parsed.error));
  const body = parsed.data;
  const format = body.text?.format?.type === "json_schema" ? body.text.format : null;
  const fault = format?.strict ? strictSchemaFault(format.schema) : null;
  if (fault) throw new RefusedRequest(`Invalid schema for response_format '${format?.name}': ${fault}`);
  const messages = [
    ...(body.instructions ? [{ role: "system" as const, content: body.instructions }] : []),
    ...body.input,
  ];
  return {
    api: "responses",
    model: body.model,
    ...conversationOf(messages),
    wants: format ? { name: format.name, schema: format.schema } : null,
    tool: null,
    maxTokens: body.max_output_tokens ?? null,
    stream: body.stream ?? false,
    streamsUsage: true,
    prompt: openAIPrompt(messages, format?.schema),
  };
}

interface RoledText {
  role: "user" | "assistant" | "system" | "developer";
  content: string;
}

export function conversationOf(messages: readonly RoledText[]): Pick<ReadRequest, "system" | "messages"> {
  const [system, rest]: [string[], ReadRequest["messages"][number][]] = [[], []];
  for (const { role, content } of messages) {
    if (role === "user" || role === "assistant") rest.push({ role, text: content });
    else system.push(content);
  }
  return { system: system.join("\n\n"), messages: rest };
}

/** The schema of a structured answer stands before everything else ("Prompt caching", What can be cached). */
export function openAIPrompt(messages: readonly RoledText[], schema: unknown): ReadRequest["prompt"] {
  const parts = messages.map(({ role, content }) => ({ identity: role, text: content, marked: false }));
  return schema ? [{ identity: "schema", text: JSON.stringify(schema), marked: false }, ...parts] : parts;
}
