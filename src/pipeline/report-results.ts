import { cutText } from "./report-format.ts";

export interface ResultsDescription {
  /** The values of each example, where `results.json` has them in the form that examples write. */
  examples: Array<{ name: string; values: Array<{ name: string; value: string }>; left: number; printed: string }>;
  /** The whole of it as text. */
  json: string;
  note: string | null;
}

const maxValues = 40;
const longestValue = 160;
const longestJson = 12_000;

/** Null where there are no results. */
export function describeResults(results: unknown): ResultsDescription | null {
  if (results === null || results === undefined) return null;
  const { text, note } = cutText(JSON.stringify(results, null, 2), longestJson);
  const examples = isRecord(results) ? Object.entries(results) : [];
  return {
    examples: examples.slice(0, 20).flatMap(([name, example]) => {
      if (!isRecord(example) || !isRecord(example.values)) return [];
      const values = Object.entries(example.values);
      const printed = Array.isArray(example.printed) ? example.printed.filter((line) => typeof line === "string") : [];
      return {
        name,
        values: values.slice(0, maxValues).map(([key, value]) => ({ name: key, value: describeValue(value) })),
        left: Math.max(0, values.length - maxValues),
        printed: cutText(printed.join("\n"), 4000).text,
      };
    }),
    json: text,
    note,
  };
}

/** A recorded value on one line; a summary of an array says its shape, range and mean. */
function describeValue(value: unknown): string {
  if (isRecord(value) && value.type === "array") return describeArray(value);
  if (isRecord(value) && typeof value.type === "string" && isRecord(value.attributes))
    return cutLine(`${value.type} ${describePairs(value.attributes)}`);
  if (isRecord(value)) return cutLine(describePairs(value));
  return cutLine(JSON.stringify(value) ?? "null");
}

function describeArray(array: Record<string, unknown>): string {
  const shape = Array.isArray(array.shape) ? array.shape.join(" × ") : "";
  const range = "min" in array ? `, ${text(array.min)} to ${text(array.max)}, mean ${text(array.mean)}` : "";
  return cutLine(`array of ${shape || "one"} ${text(array.dtype)}${range}`);
}

function describePairs(record: Record<string, unknown>): string {
  return Object.entries(record)
    .slice(0, 12)
    .map(([key, value]) => `${key} = ${text(value)}`)
    .join(", ");
}

function text(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
}

function cutLine(line: string): string {
  return line.length > longestValue ? `${line.slice(0, longestValue).toWellFormed()}…` : line;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
