/** The names that somebody may have meant, best first: those that hold or begin alike, then those a few letters away. */
export function nearestNames(wanted: string, names: readonly string[], count = 4): string[] {
  const lower = wanted.toLowerCase();
  return names
    .slice(0, maxCompared)
    .map((name) => ({ name, distance: distanceOf(lower, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, count)
    .map(({ name }) => name);
}

const maxCompared = 5_000;
const maxLength = 100;

function distanceOf(a: string, b: string): number {
  if (a === b) return 0;
  if (b.length > 2 && a.length > 2 && (a.includes(b) || b.includes(a))) return 0.5;
  return editDistance(a.slice(0, maxLength), b.slice(0, maxLength));
}

/** Levenshtein's, with one row kept. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
