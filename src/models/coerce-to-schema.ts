type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * Changes what models get wrong about types, where a JSON Schema says what is wanted: `"true"` for true, `"3"` for 3,
 * one string for a list of strings, null for a list. Whatever else does not fit is left as it is.
 */
export function coerceToSchema(value: unknown, schema: JsonSchema, root: JsonSchema = schema): unknown {
  const wanted = chooseBranch(value, resolve(schema, root), root);
  if (!wanted) return value;
  if (wanted.type === "boolean") return value === "true" ? true : value === "false" ? false : value;
  if (wanted.type === "number" || wanted.type === "integer") return toNumber(value);
  if (wanted.type === "array") return coerceList(value, wanted, root);
  if (wanted.type === "object" && isObject(value)) return coerceObject(value, wanted, root);
  return value;
}

function toNumber(value: unknown): unknown {
  return typeof value === "string" && /^\s*-?\d+(\.\d+)?(e[+-]?\d+)?\s*$/i.test(value) ? Number(value) : value;
}

function coerceList(value: unknown, { items }: JsonSchema, root: JsonSchema): unknown {
  if (value === null) return [];
  if (typeof value === "string" && isObject(items) && resolve(items, root).type === "string") return [value];
  if (!Array.isArray(value) || !isObject(items)) return value;
  return value.map((each) => coerceToSchema(each, items, root));
}

function coerceObject(value: JsonSchema, { properties, additionalProperties }: JsonSchema, root: JsonSchema): unknown {
  const entries = Object.entries(value).map(([key, inner]) => {
    const known = isObject(properties) && Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    return [key, isObject(known) ? coerceToSchema(inner, known, root) : inner];
  });
  return Object.fromEntries(entries);
}

/** Of several forms the only one that is not null, or the one whose constants the value has; null where none is meant. */
function chooseBranch(value: unknown, schema: JsonSchema, root: JsonSchema): JsonSchema | null {
  const types = Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : null;
  const branches = schema.anyOf ?? schema.oneOf ?? types;
  if (!Array.isArray(branches)) return schema;
  const forms = branches.filter(isObject).map((branch) => resolve(branch, root));
  if (value === null && forms.some(({ type }) => type === "null")) return null;
  const others = forms.filter(({ type }) => type !== "null");
  const meant = others.length === 1 ? others : others.filter((form) => hasConstants(value, form));
  return meant.length === 1 ? (meant[0] ?? null) : null;
}

function hasConstants(value: unknown, { properties }: JsonSchema): boolean {
  if (!isObject(value) || !isObject(properties)) return false;
  const constants = Object.entries(properties).filter(([, property]) => isObject(property) && "const" in property);
  return (
    constants.length > 0 && constants.every(([key, property]) => isObject(property) && value[key] === property.const)
  );
}

/** Follows references into the schema's own definitions, which is all that zod writes. */
function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (schema.$ref === "#") return root;
  const [, name] = /^#\/\$defs\/(.+)$/.exec(typeof schema.$ref === "string" ? schema.$ref : "") ?? [];
  const found = name !== undefined && isObject(root.$defs) ? root.$defs[name] : undefined;
  return isObject(found) ? found : schema;
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
