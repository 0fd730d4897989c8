import { createHash } from "node:crypto";
import type { CompletionRequest, Message } from "./model.ts";

type JsonSchema = Record<string, unknown>;

/**
 * A schema as structured outputs take it: without the keywords that strict mode knows nothing of. `strict` is false
 * where it cannot hold, because a property may be left out or any property may be there.
 */
export function toStrictSchema(schema: JsonSchema): { schema: JsonSchema; strict: boolean } {
  const stripped = strip(schema);
  return { schema: stripped, strict: schema.type === "object" && isStrict(stripped) };
}

/** Tells a model without structured outputs how to answer. */
export function describeAnswer({ schema }: NonNullable<CompletionRequest["answer"]>): string {
  return [
    "Answer with a single JSON value that fits this JSON Schema, and with nothing else: no explanation, no code fence.",
    JSON.stringify(schema, null, 1),
  ].join("\n\n");
}

export function textOf(message: Message): string {
  return message.parts
    .map((part) => part.text)
    .filter((text) => text !== "")
    .join("\n\n");
}

/** The same for every question of one conversation. */
export function conversationKey({ system, messages }: CompletionRequest): string {
  const first = messages[0];
  return createHash("sha256")
    .update(JSON.stringify([system, first === undefined ? "" : textOf(first)]))
    .digest("hex")
    .slice(0, 32);
}

/** https://platform.openai.com/docs/guides/structured-outputs#supported-schemas */
const notInStrictMode = new Set([
  "$schema",
  "default",
  "examples",
  "format",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "propertyNames",
]);
/** Keywords whose value maps names, which may be any, to schemas. */
const maps = new Set(["properties", "$defs", "definitions"]);
/** Keywords whose value is data. */
const literals = new Set(["enum", "const", "required"]);
const neverStrict = ["allOf", "not", "if", "patternProperties", "prefixItems"];

function strip(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => !notInStrictMode.has(keyword))
      .map(([keyword, value]) => {
        if (literals.has(keyword)) return [keyword, value];
        if (maps.has(keyword) && isObject(value)) return [keyword, mapValues(value, stripValue)];
        // Strict mode has one word for both.
        return [keyword === "oneOf" ? "anyOf" : keyword, stripValue(value)];
      }),
  );
}

function stripValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripValue);
  return isObject(value) ? strip(value) : value;
}

function isStrict(schema: JsonSchema): boolean {
  if (neverStrict.some((keyword) => keyword in schema)) return false;
  if (schema.type === "object" && !isClosed(schema)) return false;
  return Object.entries(schema).every(([keyword, value]) => {
    if (literals.has(keyword)) return true;
    const inner = maps.has(keyword) && isObject(value) ? Object.values(value) : [value].flat();
    return inner.filter(isObject).every(isStrict);
  });
}

function isClosed({ properties, required, additionalProperties }: JsonSchema): boolean {
  const names = isObject(properties) ? Object.keys(properties) : [];
  const listed = Array.isArray(required) ? required : [];
  return additionalProperties === false && names.every((name) => listed.includes(name));
}

function mapValues(value: JsonSchema, change: (value: unknown) => unknown): JsonSchema {
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, change(each)]));
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
