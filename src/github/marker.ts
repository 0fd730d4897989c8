/** An HTML comment that GitHub does not show: it says which of our texts this is, and nothing else. */
export function markerOf(key: string): string {
  return `<!-- codedistiller:${key.replace(/[^\w.:/@#-]/g, "_").replace(/-{2,}/g, "-")} -->`;
}

/** Only the last line counts: above it there may be words of anybody. */
export function endsWithMarker(body: string | null, key: string): boolean {
  return body?.trimEnd().split(/\r?\n/).at(-1) === markerOf(key);
}
