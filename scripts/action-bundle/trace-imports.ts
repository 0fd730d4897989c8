import type { Plugin } from "rolldown";

/** Who imports whom, by module ids. */
export type Imports = Map<string, { now: readonly string[]; later: readonly string[] }>;

/** Fills `imports` with the modules of a build: what each evaluates before itself, and what only when it asks for it. */
export function traceImports(imports: Imports): Plugin {
  return {
    name: "trace-imports",
    buildEnd() {
      for (const id of this.getModuleIds()) {
        const module = this.getModuleInfo(id);
        if (module) imports.set(id, { now: module.importedIds, later: module.dynamicallyImportedIds });
      }
    },
  };
}

/** What these modules bring, each with the one that asked for it; null for one of these. */
export function findBrought(
  roots: readonly string[],
  askedBy: (id: string) => readonly string[],
): Map<string, string | null> {
  const found = new Map<string, string | null>(roots.map((root) => [root, null]));
  // A map's iteration goes on with what is added to it meanwhile.
  for (const [id] of found) for (const next of askedBy(id)) if (!found.has(next)) found.set(next, id);
  return found;
}
