import { redactSecrets } from "../log.ts";
import { showHiddenIn } from "../templates/reports/show-hidden.ts";

/** Every text of a value without what looks like a key, and with everything unseen in it made visible. */
export function cleanTexts<Value>(value: Value): Value {
  return showHiddenIn(redactIn(value) as Value);
}

function redactIn(value: unknown): unknown {
  if (typeof value === "string") return redactSecrets(value);
  if (Array.isArray(value)) return value.map(redactIn);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, redactIn(each)]));
}
