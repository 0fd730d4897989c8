import type { IncomingHttpHeaders } from "node:http";
import { z } from "zod";
import type { ReadRequest } from "./protocol.ts";
import { type PromptPart, RefusedRequest } from "./received-request.ts";

const CacheControl = z.strictObject({ type: z.literal("ephemeral"), ttl: z.literal("5m").optional() }).nullish();

const TextBlock = z.strictObject({
  type: z.literal("text"),
  text: z.string().min(1, "text content blocks must be non-empty"),
  cache_control: CacheControl,
});

const Content = z
  .union([z.string().min(1), z.array(TextBlock).min(1)])
  .transform((content) => (typeof content === "string" ? [{ type: "text" as const, text: content }] : content));

const JsonObject = z.record(z.string(), z.unknown());

const Tool = z.strictObject({
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal("object") }),
  strict: z.boolean().optional(),
  cache_control: CacheControl,
});

const ToolChoice = z.strictObject({
  type: z.enum(["auto", "any", "tool", "none"]),
  name: z.string().optional(),
  disable_parallel_tool_use: z.boolean().optional(),
});

/** As much of the API as is spoken here; anything else is refused, so that nothing is answered by chance. */
const MessagesBody = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  stream: z.boolean().optional(),
  system: Content.optional(),
  messages: z.array(z.strictObject({ role: z.enum(["user", "assistant"]), content: Content })).min(1),
  tools: z.array(Tool).optional(),
  tool_choice: ToolChoice.optional(),
  output_config: z
    .looseObject({ format: z.strictObject({ type: z.literal("json_schema"), schema: JsonObject }).nullish() })
    .optional(),
  cache_control: CacheControl,
  thinking: z.unknown().optional(),
  metadata: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.number().optional(),
});
type MessagesBody = z.infer<typeof MessagesBody>;

export function readMessagesRequest(value: unknown, headers: IncomingHttpHeaders): ReadRequest {
  const parsed = MessagesBody.safeParse(value);
  if (!parsed.success) throw new RefusedRequest(z.prettifyError(parsed.error));
  const body = parsed.data;
  const prompt = promptOf(body);
  refuseWhatTheApiRefuses(body, prompt, headers["anthropic-version"]);
  const { tool, wants } = wantedValue(body);
  return {
    api: "messages",
    model: body.model,
    system: (body.system ?? []).map((block) => block.text).join(""),
    messages: body.messages.map(({ role, content }) => ({ role, text: content.map((block) => block.text).join("") })),
    wants,
    tool,
    maxTokens: body.max_tokens,
    stream: body.stream ?? false,
    streamsUsage: true,
    prompt,
  };
}

function wantedValue({ tools = [], tool_choice, output_config }: MessagesBody): Pick<ReadRequest, "tool" | "wants"> {
  const wanted = tools.find((tool) => tool.name === tool_choice?.name) ?? tools[0];
  if (wanted && tool_choice?.type !== "none") {
    const forced = tool_choice?.type === "tool" || tool_choice?.type === "any";
    return { tool: { name: wanted.name, forced }, wants: { name: wanted.name, schema: wanted.input_schema } };
  }
  const format = output_config?.format;
  return { tool: null, wants: format ? { name: "output", schema: format.schema } : null };
}

/** Tools, system, messages: the order in which the cache sees them. What is changed invalidates all that follows it. */
function promptOf(body: MessagesBody): PromptPart[] {
  const format = body.output_config?.format;
  const settings = JSON.stringify([body.tool_choice, body.thinking]);
  const parts: PromptPart[] = [
    ...(format ? [{ identity: "format", text: JSON.stringify(format.schema), marked: false }] : []),
    ...(body.tools ?? []).map(({ cache_control, ...tool }) => ({
      identity: "tool",
      text: JSON.stringify(tool),
      marked: Boolean(cache_control),
    })),
    ...(body.system ?? []).map((block) => partOf("system", block)),
    ...body.messages.flatMap(({ role, content }) => content.map((block) => partOf(`${role} ${settings}`, block))),
  ];
  const last = parts.at(-1);
  if (body.cache_control && last) last.marked = true;
  return parts;
}

function partOf(identity: string, block: { text: string; cache_control?: unknown }): PromptPart {
  return { identity, text: block.text, marked: Boolean(block.cache_control) };
}

function refuseWhatTheApiRefuses(
  body: MessagesBody,
  prompt: PromptPart[],
  version: string | string[] | undefined,
): void {
  const refuse = (message: string): never => {
    throw new RefusedRequest(message);
  };
  if (version !== "2023-06-01" && version !== "2026-10-21") refuse("anthropic-version: header is required");
  const marks = prompt.filter((part) => part.marked).length;
  if (marks > 4) refuse(`A maximum of 4 blocks with cache_control may be provided. Found ${marks}.`);
  if (body.messages[0]?.role !== "user") refuse('messages: first message must use the "user" role');
  const last = body.messages.at(-1);
  if (last?.role === "assistant" && /\s$/.test(last.content.at(-1)?.text ?? ""))
    refuse("messages: final assistant content cannot end with trailing whitespace");
  const { type, name } = body.tool_choice ?? {};
  if (type && !body.tools?.length) refuse("tool_choice may only be specified while providing tools");
  if (type === "tool" && !body.tools?.some((tool) => tool.name === name))
    refuse(`Tool '${name}' not found in provided tools`);
  for (const parameter of ["temperature", "top_p", "top_k"] as const)
    if (version === "2026-10-21" && body[parameter] !== undefined)
      refuse(`${parameter}: removed in API version 2026-10-21`);
}
