import type { Reproduction } from "./outcome.ts";

/** Relative difference up to which two numbers count as equal: sums in another order differ by less. */
const relativeTolerance = 1e-5;
const absoluteTolerance = 1e-9;
const maxReported = 50;

export type ResultComparison = Pick<Reproduction, "comparedValues" | "differences" | "ignored"> & { sameKeys: boolean };

/** Names and lines whose values no second run repeats: times, addresses, process numbers. */
const volatileName =
  /(^|[._ ])(time|times|timing|elapsed|duration|seconds|secs|runtime|wall|date|datetime|timestamp|start(ed)?|t0|tic|toc|pid|hostname|memory|speed|version)s?($|[._ \d])/i;
const volatileText =
  /\b(took|elapsed|seconds?|secs?|ms|minutes?|runtime|wall[- ]?time|timing|it\/s|\d\s?s\b)|\b\d{1,2}:\d{2}(:\d{2})?\b|\d{4}-\d{2}-\d{2}/i;

/** Compares two `results.json`: the same keys, and values equal within a tolerance, texts by their words and numbers. */
export function compareResults(first: unknown, second: unknown): ResultComparison {
  const left = flatten(first);
  const right = flatten(second);
  const comparison: ResultComparison = { sameKeys: true, comparedValues: 0, differences: [], ignored: [] };
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const a = left.get(key);
    const b = right.get(key);
    const isVolatile =
      volatileName.test(key) || [a, b].some((value) => typeof value === "string" && volatileText.test(value));
    if (left.has(key) !== right.has(key)) {
      if (isVolatile) continue;
      comparison.sameKeys = false;
      report(comparison, key, a, b);
      continue;
    }
    if (areEqual(a, b)) comparison.comparedValues++;
    else if (isVolatile) {
      if (comparison.ignored.length < maxReported) comparison.ignored.push(key);
    } else {
      comparison.comparedValues++;
      report(comparison, key, a, b);
    }
  }
  return comparison;
}

function report(comparison: ResultComparison, key: string, first: unknown, second: unknown): void {
  if (comparison.differences.length < maxReported)
    comparison.differences.push({ key, first: show(first), second: show(second) });
}

function show(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value).slice(0, 200);
}

/** Leaf values by dotted path. */
function flatten(value: unknown, path = "", leaves = new Map<string, unknown>()): Map<string, unknown> {
  if (leaves.size >= 20_000) return leaves;
  if (typeof value === "object" && value !== null) {
    for (const [key, each] of Object.entries(value)) flatten(each, path ? `${path}.${key}` : key, leaves);
  } else leaves.set(path, value);
  return leaves;
}

function areEqual(first: unknown, second: unknown): boolean {
  if (typeof first === "number" && typeof second === "number") return areClose(first, second);
  if (typeof first !== "string" || typeof second !== "string") return first === second;
  if (first === second) return true;
  const pattern = /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/g;
  if (first.replace(pattern, "#").replace(/\s+/g, " ") !== second.replace(pattern, "#").replace(/\s+/g, " "))
    return false;
  const numbers = second.match(pattern) ?? [];
  return (first.match(pattern) ?? []).every((number, index) => areClose(Number(number), Number(numbers[index])));
}

function areClose(first: number, second: number): boolean {
  return (
    Math.abs(first - second) <=
    Math.max(absoluteTolerance, relativeTolerance * Math.max(Math.abs(first), Math.abs(second)))
  );
}
