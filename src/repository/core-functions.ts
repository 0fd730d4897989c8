import { z } from "zod";
import type { PythonModules } from "./modules.ts";
import type { CodeSymbol, FileOutline } from "./outline.ts";
import type { PythonCall, PythonSource } from "./python-source.ts";

/** A function or class that the repository's own documents, examples and tests use most. */
export const CoreFunction = z.object({
  name: z.string(),
  qualifiedName: z.string(),
  kind: z.enum(["function", "class", "method"]),
  signature: z.string(),
  doc: z.string(),
  path: z.string(),
  line: z.number().int(),
  /** Weighted uses; only the order and the ratios mean something. */
  score: z.number(),
  usedIn: z.array(z.string()),
});
export type CoreFunction = z.infer<typeof CoreFunction>;

/** A text that uses the repository, with how much it says about what matters. */
export interface UsageText {
  path: string;
  weight: number;
  source: PythonSource;
}

/** README and what it tells to run say most, tests least, calls between the repository's own files next to nothing. */
export const usageWeights = {
  readme: 5,
  documentation: 3,
  notebook: 3,
  example: 3,
  script: 2,
  test: 1,
  internal: 0.3,
} as const;

const maxCoreFunctions = 8;
/** Functions with less than this share of the first one's score are not core. */
const leastShare = 0.12;
/** Method names of built-in types and of numpy arrays: a call of one on an unknown object says nothing. */
const commonMethods = new Set(
  "append extend insert pop remove sort get items keys values update copy format join split strip replace read write close open add clear count index lower upper startswith endswith encode decode reshape sum mean max min std var dot transpose astype flatten ravel tolist item fill all any round plot show save load run main init call print".split(
    " ",
  ),
);

export function findCoreFunctions(
  outlines: readonly FileOutline[],
  usages: readonly UsageText[],
  modules: PythonModules,
): CoreFunction[] {
  const byName = new Map<string, Array<{ symbol: CodeSymbol; path: string }>>();
  for (const { path, language, symbols } of outlines) {
    if (language !== "Python" && language !== "Cython") continue;
    for (const symbol of symbols) {
      if (symbol.name.startsWith("_")) continue;
      const list = byName.get(symbol.name) ?? [];
      list.push({ symbol, path });
      byName.set(symbol.name, list);
    }
  }
  const scores = new Map<string, CoreFunction>();
  const targets = new Set(outlines.map(({ path }) => path));
  for (const usage of usages) {
    const resolve = createResolver(usage.source, modules, (module, level, name) =>
      leadsTo(targets, usage.path, module, level, name),
    );
    const counts = new Map<string, { entry: { symbol: CodeSymbol; path: string }; count: number; sure: number }>();
    const used = new Set(usage.source.calls.map(({ name }) => name));
    for (const call of usage.source.calls) {
      const candidates = byName.get(call.name);
      if (!candidates) continue;
      const origin = resolve(call);
      if (origin === "foreign" || (call.reference && origin.module === null)) continue;
      const entry = chooseSymbol(candidates, call, origin, used, usage.path);
      if (!entry) continue;
      const key = `${entry.path}:${entry.symbol.qualifiedName}`;
      const known = counts.get(key) ?? { entry, count: 0, sure: 0 };
      known.count++;
      known.sure = Math.max(known.sure, origin.module !== null || origin.self ? 1 : 0.6);
      counts.set(key, known);
    }
    for (const [key, { entry, count, sure }] of counts) {
      const core = scores.get(key) ?? { ...pick(entry.symbol), path: entry.path, score: 0, usedIn: [] };
      core.score += usage.weight * sure * Math.min(1 + Math.log2(count), 3);
      if (usage.weight >= usageWeights.test && core.usedIn.length < 12) core.usedIn.push(usage.path);
      scores.set(key, core);
    }
  }
  const ordered = [...scores.values()].sort(
    (a, b) => b.score - a.score || a.path.localeCompare(b.path) || a.line - b.line,
  );
  const best = ordered[0]?.score ?? 0;
  return ordered
    .filter(({ score }) => score >= best * leastShare)
    .slice(0, maxCoreFunctions)
    .map((core) => ({ ...core, score: Math.round(core.score * 100) / 100 }));
}

function pick({
  name,
  qualifiedName,
  kind,
  signature,
  doc,
  line,
}: CodeSymbol): Omit<CoreFunction, "path" | "score" | "usedIn"> {
  return { name, qualifiedName, kind, signature, doc, line };
}

interface Origin {
  /** Dotted module the callee's first name was imported from; null for an object of unknown type. */
  module: string | null;
  /** Called by its bare name, without an import: defined in the text itself or star-imported. */
  self: boolean;
}

/** Whether a relative import of a file is one of the given files, and not a helper that lies beside the tests. */
function leadsTo(targets: ReadonlySet<string>, from: string, module: string, level: number, name: string): boolean {
  const folder = from.split("/").slice(0, -level);
  const base = [...folder, ...(module ? module.split(".") : [])].join("/");
  const places = module ? [base] : [base ? `${base}/${name}` : name, base];
  return places.some((place) =>
    [`${place}.py`, `${place}.pyx`, place ? `${place}/__init__.py` : "__init__.py"].some((path) => targets.has(path)),
  );
}

/**
 * Tells where a call's first name comes from; `foreign` for other packages. Relative imports are the repository's own
 * unless told otherwise.
 */
export function createResolver(
  source: PythonSource,
  modules: PythonModules,
  isOwnRelative: (module: string, level: number, name: string) => boolean = () => true,
): (call: PythonCall) => Origin | "foreign" {
  const imported = new Map<string, string | null>();
  let star = false;
  for (const { module, level, names, alias, star: isStar } of source.imports) {
    const isOwn = (name: string): boolean =>
      level > 0 ? isOwnRelative(module, level, name) : modules.topLevel.has(module.split(".")[0] ?? "");
    const own = isOwn("");
    if (isStar && own) star = true;
    if (names) for (const name of names) imported.set(name.alias, isOwn(name.name) ? module : null);
    else imported.set(alias ?? module.split(".")[0] ?? module, own ? module : null);
  }
  return (call) => {
    if (call.root === null) return { module: null, self: false };
    const module = imported.get(call.root);
    if (module === null) return "foreign";
    if (module !== undefined) return { module, self: false };
    const bare = call.path === call.root;
    return { module: null, self: bare && (star || source.bound.has(call.root) || source.free.has(call.root)) };
  };
}

function chooseSymbol(
  candidates: ReadonlyArray<{ symbol: CodeSymbol; path: string }>,
  call: PythonCall,
  origin: Origin,
  used: ReadonlySet<string>,
  usagePath: string,
): { symbol: CodeSymbol; path: string } | null {
  const bare = call.path === call.root;
  if (bare || origin.module !== null) {
    const plain = candidates.filter(({ symbol }) => symbol.kind !== "method");
    const here = plain.find(({ path }) => path === usagePath);
    if (bare && origin.self && here) return here;
    const last = origin.module?.split(".").at(-1);
    const near = plain.find(
      ({ path }) => last !== undefined && new RegExp(`(^|/)${escapePattern(last)}(\\.pyx?|/)`).test(path),
    );
    return near ?? plain[0] ?? (bare ? null : (candidates[0] ?? null));
  }
  const methods = candidates.filter(({ symbol }) => symbol.kind === "method");
  if (methods.length === 0) return null;
  const ofUsedClass = methods.find(({ symbol }) => used.has(symbol.qualifiedName.split(".").at(-2) ?? ""));
  if (ofUsedClass) return ofUsedClass;
  return commonMethods.has(call.name) || methods.length > 3 ? null : (methods[0] ?? null);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
