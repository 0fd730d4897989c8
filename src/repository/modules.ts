import { languageOf, typeOf } from "./file-types.ts";
import type { Packaging } from "./packaging.ts";

/** How a repository's Python files are imported. */
export interface PythonModules {
  /** Dotted module name by path; a package's `__init__.py` has the package's name. */
  nameOfPath: Map<string, string>;
  /** First parts of module names that belong to the repository. */
  topLevel: Set<string>;
  /** Folders that have to be on `sys.path`, relative to the root (empty string: the root itself), by top-level name. */
  folderOfTopLevel: Map<string, string>;
}

const auxiliaryFolders = /^(tests?|testing|docs?|examples?|demos?|build|dist|\.[\w-]+)$/i;
const auxiliaryFiles = /^(setup|conftest|noxfile|fabfile|tasks|versioneer)\.pyx?$/;

export function findPythonModules(paths: readonly string[], packaging: Packaging): PythonModules {
  const python = paths.filter((path) => /\.pyx?$/.test(path));
  const packages = new Set(
    python.filter((path) => /(^|\/)__init__\.py$/.test(path)).map((path) => path.slice(0, -"/__init__.py".length)),
  );
  const modules: PythonModules = { nameOfPath: new Map(), topLevel: new Set(), folderOfTopLevel: new Map() };
  const shallowFirst = [...python].sort((a, b) => a.split("/").length - b.split("/").length || a.localeCompare(b));
  for (const path of shallowFirst) {
    const parts = path.replace(/\.pyx?$/, "").split("/");
    let start = parts.length - 1;
    while (start > 0 && packages.has(parts.slice(0, start).join("/"))) start--;
    const folder = parts.slice(0, start).join("/");
    const names = parts.slice(start);
    if (names.at(-1) === "__init__") names.pop();
    const top = names[0];
    if (!top) continue;
    modules.nameOfPath.set(path, names.join("."));
    const auxiliary =
      (parts.slice(0, -1).some((part) => auxiliaryFolders.test(part)) && !packages.has(parts[0] ?? "")) ||
      auxiliaryFiles.test(`${parts.at(-1)}.py`);
    if (auxiliary || typeOf(path) === "test" || !/^[A-Za-z_]\w*$/.test(top) || auxiliaryFolders.test(top)) continue;
    modules.topLevel.add(top);
    if (!modules.folderOfTopLevel.has(top)) modules.folderOfTopLevel.set(top, folder);
  }
  for (const name of packaging.declaredModules) if (/^[A-Za-z_]\w*$/.test(name)) modules.topLevel.add(name);
  return modules;
}

/** Files whose functions count as the repository's own: sources, not tests or examples. */
export function isTargetSource(path: string): boolean {
  const type = typeOf(path);
  return languageOf(path) !== null && type === "source" && !auxiliaryFiles.test(path.split("/").at(-1) ?? "");
}
