/**
 * What OpenAI's strict structured outputs refuse of a JSON Schema, or null: every object must list all of its
 * properties as required and forbid others ("Structured model outputs", Supported schemas).
 */
export function strictSchemaFault(schema: unknown, path: readonly string[] = []): string | null {
  if (Array.isArray(schema)) return firstFault(Object.entries(schema), path);
  if (typeof schema !== "object" || schema === null) return null;
  const { type, properties, required, additionalProperties } = schema as Record<string, unknown>;
  if (type === "object") {
    const context = `In context=(${path.map((key) => `'${key}'`).join(", ")})`;
    if (additionalProperties !== false)
      return `${context}, 'additionalProperties' is required to be supplied and to be false.`;
    const missing = Object.keys(properties ?? {}).find((key) => !(Array.isArray(required) && required.includes(key)));
    if (missing)
      return `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
  }
  return firstFault(Object.entries(schema), path);
}

function firstFault(entries: Array<[string, unknown]>, path: readonly string[]): string | null {
  for (const [key, value] of entries) {
    const fault = key === "enum" || key === "const" ? null : strictSchemaFault(value, [...path, key]);
    if (fault) return fault;
  }
  return null;
}
