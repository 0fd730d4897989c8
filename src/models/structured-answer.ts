import { jsonrepair } from "jsonrepair";
import { z } from "zod";
import { isTooDeep, parseBoundedJson } from "../bounded-json.ts";
import { coerceToSchema } from "./coerce-to-schema.ts";

/** JSON Schema that an answer is asked for by; objects are closed, and what has a default is asked for all the same. */
export function answerSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    override({ jsonSchema }) {
      if (jsonSchema.type === "object" && jsonSchema.properties) {
        jsonSchema.additionalProperties ??= false;
        const required = new Set(jsonSchema.required);
        jsonSchema.required = Object.entries(jsonSchema.properties).flatMap(([key, property]) =>
          required.has(key) || (typeof property === "object" && "default" in property) ? [key] : [],
        );
      }
      // What zod adds to every integer says nothing to a model.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return rest;
}

/** A value, or in words what keeps the text from being one. */
export type ParsedAnswer<T> = { kind: "fits"; value: T } | { kind: "problems"; problems: string[] };

/** Characters; beyond, nothing is looked for in an answer. */
const longestAnswer = 2_000_000;
const mostProblems = 10;

/**
 * Reads the value out of an answer: its JSON, also between fences or prose, mended where it is nearly JSON, and with
 * light changes of type (`"true"` for true, one string for a list of them). Never throws for what a model wrote.
 */
export function parseAnswer<T>(text: string, schema: z.ZodType<T>): ParsedAnswer<T> {
  if (text.length > longestAnswer)
    return { kind: "problems", problems: [`The answer has more than ${longestAnswer} characters.`] };
  const wanted = answerSchema(schema);
  let problems: string[] | null = null;
  for (const value of readValues(text)) {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { kind: "fits", value: parsed.data };
    const coerced = schema.safeParse(coerceToSchema(value, wanted));
    if (coerced.success) return { kind: "fits", value: coerced.data };
    problems ??= describeProblems(coerced.error);
  }
  return { kind: "problems", problems: problems ?? ["The answer holds no JSON, or JSON nested too deeply."] };
}

/** What the text may mean, the likeliest first: the whole of it, then the longest objects and lists in it. */
function* readValues(text: string): Generator<unknown> {
  const whole = parseBoundedJson(text);
  if (whole) {
    yield whole.value;
    // Some models put the JSON of the answer into a JSON string.
    if (typeof whole.value === "string") yield* readValues(whole.value);
    return;
  }
  const segments = findSegments(text).sort((a, b) => b.length - a.length);
  for (const segment of segments.slice(0, mostSegments)) {
    const parsed = parseBoundedJson(segment) ?? repairJson(segment.replace(/\s*```\s*$/, ""));
    if (parsed) yield parsed.value;
  }
}

const mostSegments = 8;

/** Objects and lists that lie in no other one; from a bracket that nothing closes, all the rest. */
function findSegments(text: string): string[] {
  const segments: string[] = [];
  let unclosed = 0;
  for (let index = 0; index < text.length && unclosed < mostSegments; index++) {
    if (text[index] !== "{" && text[index] !== "[") continue;
    const end = findEnd(text, index);
    segments.push(text.slice(index, end ?? undefined));
    if (end === null) unclosed++;
    else index = end - 1;
  }
  return segments;
}

/** After the bracket that closes the one at `start`; null where none does. */
function findEnd(text: string, start: number): number | null {
  let depth = 0;
  let inString = false;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (inString) {
      if (character === "\\") index++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "[" || character === "{") depth++;
    else if ((character === "]" || character === "}") && --depth === 0) return index + 1;
  }
  return null;
}

function repairJson(text: string): { value: unknown } | null {
  if (isTooDeep(text)) return null;
  try {
    return parseBoundedJson(jsonrepair(text));
  } catch {
    return null;
  }
}

function describeProblems(error: z.ZodError): string[] {
  const problems = error.issues.flatMap((issue) => describeIssue(issue, []));
  const shown = problems.slice(0, mostProblems);
  return problems.length > shown.length ? [...shown, `and ${problems.length - shown.length} more`] : shown;
}

type Issue = z.core.$ZodIssue;

/** Of the forms that a value may have, the one it comes nearest to is described. */
function describeIssue(issue: Issue, above: readonly PropertyKey[]): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.reduce((best, each) => (each.length < best.length ? each : best));
    return nearest.flatMap((inner) => describeIssue(inner, path));
  }
  return [`${showPath(path)}: ${issue.message}`.replace(/\p{Cc}+/gu, " ").slice(0, 200)];
}

function showPath(path: readonly PropertyKey[]): string {
  const shown = path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : `${text}${text && "."}${String(key)}`),
    "",
  );
  return shown || "the answer";
}
