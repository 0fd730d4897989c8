import type { PythonModules } from "../repository/modules.ts";
import { standardLibraryModules } from "../repository/python-names.ts";
import { type PythonSource, parsePython } from "../repository/python-source.ts";

export interface ImportClosure {
  /** Foreign top-level modules that are imported without condition, with one file that does. */
  needed: Map<string, string>;
  /** Files of the repository that get imported. */
  files: Set<string>;
}

const maxFiles = 300;

/** What running some code imports, through the repository's own modules; nothing is run. */
export async function closeOverImports(
  sources: ReadonlyArray<{ path: string; source: PythonSource }>,
  modules: PythonModules,
  readText: (path: string) => Promise<string | null>,
): Promise<ImportClosure> {
  const pathOfName = new Map<string, string[]>();
  for (const [path, name] of modules.nameOfPath) pathOfName.set(name, [...(pathOfName.get(name) ?? []), path]);
  const closure: ImportClosure = { needed: new Map(), files: new Set() };
  const pending = [...sources];
  for (let next = pending.pop(); next && closure.files.size < maxFiles; next = pending.pop()) {
    for (const imported of next.source.imports) {
      const own = modules.nameOfPath.get(next.path) ?? "";
      const base =
        imported.level > 0
          ? own.split(".").slice(0, isPackage(next.path) ? own.split(".").length - imported.level + 1 : -imported.level)
          : [];
      const name = [...base, ...(imported.module ? imported.module.split(".") : [])].join(".");
      const prefixes = name.split(".").map((_, index, parts) => parts.slice(0, index + 1).join("."));
      const names = [...prefixes, ...(imported.names?.map((each) => `${name}.${each.name}`) ?? [])];
      const found = names.flatMap((each) => nearest(pathOfName.get(each) ?? [], next.path) ?? []);
      const top = name.split(".")[0] ?? "";
      if (found.length === 0 && top && !modules.topLevel.has(top)) {
        if (!imported.conditional && !standardLibraryModules.has(top) && !closure.needed.has(top))
          closure.needed.set(top, next.path);
        continue;
      }
      for (const path of found) {
        if (closure.files.has(path)) continue;
        closure.files.add(path);
        const text = await readText(path);
        if (text !== null && path.endsWith(".py")) pending.push({ path, source: await parsePython(text) });
      }
    }
  }
  return closure;
}

function isPackage(path: string): boolean {
  return /(^|\/)__init__\.py$/.test(path);
}

/** Among files of one module name, the one in the importing file's folder, or else the shallowest. */
function nearest(paths: readonly string[], from: string): string | null {
  const folder = from.split("/").slice(0, -1).join("/");
  const beside = paths.find((path) => path.split("/").slice(0, -1).join("/") === folder);
  return beside ?? [...paths].sort((a, b) => a.split("/").length - b.split("/").length)[0] ?? null;
}
