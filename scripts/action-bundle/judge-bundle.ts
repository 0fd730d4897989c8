import { relative } from "node:path";
import type { BundledCode } from "./bundle-code.ts";
import { packageNameOf } from "./find-package.ts";
import { findBrought } from "./trace-imports.ts";

/** The Action keeps no database and answers no webhooks. */
const unwanted = /^(probot|pg|pg-boss|@electric-sql\/pglite)$/;
/** They take long to evaluate, and most runs use none or one of them. */
const onlyWhenUsed = /^(modal|openai|@anthropic-ai\/sdk|web-tree-sitter|badge-maker)$/;

export interface BundleJudgement {
  /** What must be changed before it may be used, a sentence each. */
  faults: string[];
  /** Characters that are evaluated at the start, by package; ours under null. */
  atStart: Map<string | null, number>;
}

export function judgeBundle({ modules, imports, entryId }: BundledCode, root: string): BundleJudgement {
  const now = (id: string): readonly string[] => imports.get(id)?.now ?? [];
  const later = (id: string): readonly string[] => imports.get(id)?.later ?? [];
  const all = findBrought([entryId], (id) => [...now(id), ...later(id)]);
  // What the entry asks for when it has read its inputs is evaluated in every run.
  const inEveryRun = findBrought([entryId, ...later(entryId)], now);
  const faults = [
    ...nameEach(all, unwanted, root).map((path) => `It must not hold ${path}.`),
    ...nameEach(inEveryRun, onlyWhenUsed, root).map((path) => `It loads before it is used: ${path}.`),
  ];
  const atStart = new Map<string | null, number>();
  for (const id of findBrought([entryId], now).keys()) {
    const name = packageNameOf(id);
    atStart.set(name, (atStart.get(name) ?? 0) + (modules.get(id) ?? 0));
  }
  return { faults, atStart };
}

/** One module of each package like this, with who asked for it. */
function nameEach(brought: ReadonlyMap<string, string | null>, pattern: RegExp, root: string): string[] {
  const paths = new Map<string, string>();
  for (const id of brought.keys()) {
    const name = packageNameOf(id);
    if (name === null || !pattern.test(name) || paths.has(name)) continue;
    const path = [name];
    for (let by = brought.get(id); by; by = brought.get(by)) path.push(packageNameOf(by) ?? relative(root, by));
    paths.set(name, path.join(", which is imported by "));
  }
  return [...paths.values()];
}
