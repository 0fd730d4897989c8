/** A file's name as text; null where its bytes are not UTF-8, which no tool after this one could name. */
export function decodeName(bytes: Buffer): string | null {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : null;
}
