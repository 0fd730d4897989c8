/** Deepest nesting accepted: what walks a value recurses, and a stack has an end. */
const maxDepth = 64;

/** Parses JSON that a program wrote; undefined for what is no JSON, or is nested deeper than anything honest. */
export function parseUntrustedJson(text: string): unknown {
  if (isTooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTooDeep(text: string): boolean {
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
