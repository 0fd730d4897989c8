import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { type Answer, type Ask, asRecord } from "./exchange.ts";

/** GitHub's own description of its API, cut by `scripts/cut-openapi.ts`. */
interface Description {
  operations: Operation[];
  components: { schemas: Record<string, unknown> };
}

interface Operation {
  method: string;
  path: string;
  parameters: Array<{ name: string; in: string; required: boolean; schema: object }>;
  body: Record<string, unknown> | null;
  responses: Record<string, object | null>;
}

/** GitHub's own redirects, which are nowhere described, and GraphQL, which is described elsewhere. */
const undescribed = [/^\/repositories\/\d+(\/|$)/, /^\/(api\/)?graphql$/];

const description = JSON.parse(readFileSync(new URL("openapi.json", import.meta.url), "utf8")) as Description;
const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
(addFormats as unknown as (ajv: Ajv) => void)(ajv);
ajv.addSchema({ $id: "github", components: description.components });
// The longest first: `/commits/{ref}` would take `/commits/{ref}/check-runs` as well.
const patterns = description.operations
  .map((operation) => ({ operation, pattern: toPattern(operation.path) }))
  .sort((left, right) => right.operation.path.length - left.operation.path.length);
const compiled = new Map<object, ValidateFunction>();

/** Where a request, or a 2xx answer to it, breaks the description. `path` is as the client sent it. */
export function checkDescription(ask: Ask, answer: Answer): string[] {
  if (undescribed.some((pattern) => pattern.test(ask.path))) return [];
  const place = `${ask.method} ${ask.path}`;
  const found = findOperation(ask);
  if (!found) return [`${place}: is not in the cut of GitHub's description`];
  const { operation, values } = found;
  const wrong = [
    ...checkParameters(operation, values, "path"),
    ...checkParameters(operation, Object.fromEntries(ask.query), "query"),
    ...checkBody(operation, ask.body),
    ...checkAnswer(operation, ask, answer),
  ];
  return wrong.map((one) => `${place}: ${one}`);
}

function findOperation(ask: Ask): { operation: Operation; values: Record<string, string> } | null {
  for (const { operation, pattern } of patterns) {
    const match = operation.method === ask.method ? pattern.exec(ask.path) : null;
    if (match) return { operation, values: { ...match.groups } };
  }
  return null;
}

/** Paths of files, names of branches and comparisons have slashes of their own; ids are numbers. */
function toPattern(path: string): RegExp {
  const parts = path.replace(/\/\{path\}$/, "(?:/(?<path>.*))?").replace(/\{(\w+)\}/g, (_, name: string) => {
    if (["ref", "basehead", "branch"].includes(name)) return `(?<${name}>.+?)`;
    return /_(number|id)$/.test(name) ? `(?<${name}>\\d+)` : `(?<${name}>[^/]+)`;
  });
  return new RegExp(`^${parts}$`);
}

function checkParameters(operation: Operation, values: Record<string, string>, place: "path" | "query"): string[] {
  const known = operation.parameters.filter((one) => one.in === place);
  const unknown = Object.keys(values).filter((name) => !known.some((one) => one.name === name));
  const missing = known.filter(({ name, required }) => required && !(name in values));
  const wrong = known.flatMap(({ name, schema }) => {
    const value = values[name];
    if (value === undefined) return [];
    return describeErrors(schema, readParameter(schema, value), `${place} parameter ${name}`);
  });
  return [
    ...unknown.map((name) => `there is no ${place} parameter ${name}`),
    ...missing.map(({ name }) => `${place} parameter ${name} is missing`),
    ...wrong,
  ];
}

function readParameter(schema: object, value: string): unknown {
  const { type } = schema as { type?: string };
  if (type === "integer" && /^-?\d+$/.test(value)) return Number(value);
  if (type === "boolean" && /^(true|false)$/.test(value)) return value === "true";
  return value;
}

/** Beside the schema: GitHub drops names that it does not know in silence, so one is a mistake. */
function checkBody({ body: schema }: Operation, body: unknown): string[] {
  if (schema === null) return body === undefined || isEmpty(body) ? [] : ["no body is described"];
  const known = Object.keys(asRecord(schema.properties));
  const unknown = known.length === 0 ? [] : Object.keys(asRecord(body)).filter((name) => !known.includes(name));
  return [
    ...unknown.map((name) => `the body's ${name} is not described`),
    ...(body === undefined ? [] : describeErrors(schema, body, "body")),
  ];
}

function isEmpty(body: unknown): boolean {
  return typeof body === "object" && body !== null && Object.keys(body).length === 0;
}

function checkAnswer({ responses }: Operation, { accept }: Ask, { status, body }: Answer): string[] {
  if (status < 200 || status >= 300 || /\.raw\b/.test(accept)) return [];
  const schema = responses[String(status)];
  if (schema === undefined) return [`answer ${status} is not described`];
  return schema === null ? [] : describeErrors(schema, body, `answer ${status}`);
}

function describeErrors(schema: object, value: unknown, what: string): string[] {
  const validate = compiled.get(schema) ?? ajv.compile(absolute(schema) as object);
  compiled.set(schema, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const more = Object.values(params).flat().join(", ");
    return `${what}${instancePath.replaceAll("/", ".")} ${message} (${more})`;
  });
}

/** With references that lead into the components of the whole. */
function absolute(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(absolute);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === "$ref" ? `github${value}` : absolute(value)]),
  );
}
