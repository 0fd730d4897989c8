/**
 * A copy of a value as PostgreSQL can keep it: JSON without U+0000 and without halves of surrogate pairs, which text
 * from outside may hold and a jsonb column refuses. Both become U+FFFD.
 */
export function makeStorable(value: unknown): unknown {
  return JSON.parse(toStorableJson(value));
}

export function toStorableJson(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  // JSON.stringify escapes a surrogate only where its other half is missing.
  return text.replace(/\\(?:u[0-9a-f]{4}|.)/g, (escaped) =>
    escaped === "\\u0000" || /^\\ud[89a-f]/.test(escaped) ? "\\ufffd" : escaped,
  );
}

export function makeStorableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
