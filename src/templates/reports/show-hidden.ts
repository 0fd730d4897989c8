/**
 * Makes visible what a reader cannot see and what can lie to one: control characters as their pictures (␀), everything
 * else without a glyph (bidirectional overrides, zero-width characters, tags, lone surrogates) as `\u202e`. Line ends become
 * `\n`; tabs, the variation selectors of emoji and joiners between emoji stay.
 */
export function showHidden(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(unseen, (character, offset: number, whole: string) => {
    if (kept.has(character)) return character;
    if (character === "\u200d" && isBetweenEmoji(whole, offset)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    const digits = code.toString(16).padStart(4, "0");
    return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits}`;
  });
}

/** The same for every text in a value, keys included; what is nested deeper than anything honest is cut off. */
export function showHiddenIn<T>(value: T): T {
  return showIn(value, 0) as T;
}

const maxDepth = 60;
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}]/gu;
const kept = new Set(["\n", "\t", "\ufe0e", "\ufe0f"]);

function isBetweenEmoji(text: string, offset: number): boolean {
  return (
    /[\p{Extended_Pictographic}\p{Emoji_Modifier}]\ufe0f?$/u.test(text.slice(Math.max(0, offset - 3), offset)) &&
    /^\p{Extended_Pictographic}/u.test(text.slice(offset + 1, offset + 3))
  );
}

function showIn(value: unknown, depth: number): unknown {
  if (typeof value === "string") return showHidden(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) return "…";
  if (Array.isArray(value)) return value.map((each) => showIn(each, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [showHidden(key), showIn(each, depth + 1)]));
}
