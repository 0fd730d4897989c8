/** An HTML comment that GitHub does not show: it says which of our texts this is, and a hash of it where there is one. */
export function markerOf(key: string, seal = ""): string {
  const name = key.replace(/[^\w.:/@#-]/g, "_").replace(/-{2,}/g, "-");
  return `<!-- codedistiller:${name}${seal && ` body=${seal}`} -->`;
}

/** Only the last line counts: above it there may be words of anybody. */
export function endsWithMarker(body: string | null, key: string): boolean {
  return body !== null && lastLineOf(body).replace(sealed, " -->") === markerOf(key);
}

/** The key in the last line, as a marker can hold it; null where there is none. */
export function keyOf(body: string): string | null {
  return /^<!-- codedistiller:(\S+)(?: body=[0-9a-f]+)? -->$/.exec(lastLineOf(body))?.[1] ?? null;
}

/** The hash in the last line; null where it has none. */
export function sealOf(body: string): string | null {
  return sealed.exec(lastLineOf(body))?.[1] ?? null;
}

const sealed = / body=([0-9a-f]+) -->$/;

function lastLineOf(body: string): string {
  return body.trimEnd().split(/\r?\n/).at(-1) ?? "";
}
