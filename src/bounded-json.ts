/** Deepest nesting accepted: what walks a value recurses, and a stack has an end. */
const maxDepth = 64;

/** Parses JSON that a model or a program wrote; null for what is no JSON, or is nested deeper than anything honest. */
export function parseBoundedJson(text: string): { value: unknown } | null {
  if (isTooDeep(text)) return null;
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** Strings are told apart as JSON has them: exact for JSON, a guess for what still has to be repaired. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (inString) {
      if (character === "\\") index++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "[" || character === "{") {
      depth++;
      if (depth > maxDepth) return true;
    } else if (character === "]" || character === "}") depth--;
  }
  return false;
}
