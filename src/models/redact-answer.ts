import { parseBoundedJson } from "../bounded-json.ts";

/**
 * An answer without secrets. JSON is redacted string by string, so that it stays JSON; what holds no secret keeps every
 * character, so that redacting twice changes nothing.
 */
export function redactAnswer(text: string, redact: (text: string) => string): string {
  if (redact(text) === text) return text;
  const parsed = /^\s*[[{]/.test(text) ? parseBoundedJson(text) : null;
  if (!parsed) return redact(text);
  const plain = JSON.stringify(parsed.value);
  const redacted = JSON.stringify(mapStrings(parsed.value, redact));
  return redacted === plain ? text : redacted;
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => mapStrings(each, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [change(key), mapStrings(inner, change)]));
}
