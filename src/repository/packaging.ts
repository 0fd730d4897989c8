import { parse as parseIni } from "ini";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { normalizeName, parseRequirement, Requirement } from "./requirement.ts";
import { readSetupCall } from "./setup-call.ts";

/** How a repository says it is built and what it needs, gathered from every file that says so. */
export const Packaging = z.object({
  /** Distribution name; null for plain scripts. */
  name: z.string().nullable(),
  version: z.string().nullable(),
  description: z.string().nullable(),
  pythonRequires: z.string().nullable(),
  dependencies: z.array(z.object({ requirement: Requirement, path: z.string() })),
  /** What building it needs: `build-system.requires` and the like. */
  buildRequires: z.array(Requirement),
  /** Lines that are not plain requirements and were left out, with their file. */
  refused: z.array(z.object({ line: z.string(), path: z.string() })),
  entryPoints: z.array(z.object({ name: z.string(), target: z.string() })),
  /** Modules and packages that `setup()` names itself: `py_modules`, `packages`. */
  declaredModules: z.array(z.string()),
  /** Where packages lie below the root: `src` or empty. */
  packageRoot: z.string(),
  /** Whether pip can install it: a `pyproject.toml` with a build, or a `setup.py`/`setup.cfg`. */
  installable: z.boolean(),
  /** Whether building it compiles something. */
  compiled: z.boolean(),
  /** Packages that only conda files name. */
  condaOnly: z.array(z.string()),
  files: z.array(z.string()),
});
export type Packaging = z.infer<typeof Packaging>;

const Text = z.string().catch("");
const Texts = z.array(z.string()).catch([]);

/** The parts of pyproject.toml that are read. Source: PEP 517, 518, 621; Poetry's own table. */
const PyProject = z.object({
  project: z
    .object({
      name: Text.optional(),
      version: Text.optional(),
      description: Text.optional(),
      "requires-python": Text.optional(),
      dependencies: Texts.optional(),
      scripts: z.record(z.string(), Text).catch({}).optional(),
    })
    .optional()
    .catch(undefined),
  "build-system": z
    .object({ requires: Texts.optional(), "build-backend": Text.optional() })
    .optional()
    .catch(undefined),
  tool: z
    .object({
      poetry: z
        .object({
          name: Text.optional(),
          version: Text.optional(),
          description: Text.optional(),
          dependencies: z.record(z.string(), z.unknown()).optional(),
          scripts: z.record(z.string(), Text).catch({}).optional(),
        })
        .optional()
        .catch(undefined),
      setuptools: z
        .object({
          "package-dir": z.record(z.string(), z.string()).optional().catch(undefined),
          "py-modules": Texts.optional(),
        })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});

const CondaEnvironment = z.object({
  dependencies: z.array(z.union([z.string(), z.object({ pip: Texts })]).catch("")).catch([]),
});

/** Requirement files for developers, tests and documents say nothing about use. */
const auxiliaryFile = /(^|[/_.-])(dev|develop|test|tests|testing|doc|docs|lint|ci|build|optional|extra)([/_.-]|$)/i;

export interface PackagingFile {
  path: string;
  text: string;
}

/** Reads packaging files; a file that cannot be parsed is passed over and named in `refused`. */
export async function readPackaging(files: readonly PackagingFile[], hasCompiledSources: boolean): Promise<Packaging> {
  const packaging: Packaging = {
    name: null,
    version: null,
    description: null,
    pythonRequires: null,
    dependencies: [],
    buildRequires: [],
    refused: [],
    entryPoints: [],
    declaredModules: [],
    packageRoot: "",
    installable: false,
    compiled: false,
    condaOnly: [],
    files: files.map(({ path }) => path),
  };
  const ordered = [...files].sort((a, b) => rank(a.path) - rank(b.path) || a.path.localeCompare(b.path));
  for (const file of ordered) {
    try {
      await readFile(file, packaging);
    } catch (error) {
      packaging.refused.push({
        path: file.path,
        line: `cannot be parsed: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : "unknown"}`,
      });
    }
  }
  packaging.compiled ||=
    packaging.installable &&
    hasCompiledSources &&
    packaging.buildRequires.some(({ name }) =>
      /^(cython|scikit-build(-core)?|meson-python|pybind11|nanobind|maturin|setuptools-rust|f90wrap)$/i.test(name),
    );
  return packaging;
}

function rank(path: string): number {
  const depth = path.split("/").length * 10;
  const order = [/pyproject\.toml$/, /setup\.cfg$/, /setup\.py$/, /requirements[^/]*$/, /environment[^/]*$/];
  const at = order.findIndex((pattern) => pattern.test(path));
  return depth + (at === -1 ? 9 : at);
}

async function readFile({ path, text }: PackagingFile, packaging: Packaging): Promise<void> {
  const name = path.split("/").at(-1)?.toLowerCase() ?? "";
  const atRoot = !path.includes("/");
  if (name === "pyproject.toml" && atRoot) readPyProject(path, text, packaging);
  else if (name === "setup.cfg" && atRoot) readSetupCfg(path, text, packaging);
  else if (name === "setup.py" && atRoot) await readSetupPy(path, text, packaging);
  else if (/requirements[^/]*$/.test(name) && path.split("/").length <= 2 && !auxiliaryFile.test(path))
    addLines(text.split(/\r?\n/), path, packaging);
  else if (/^(environment|conda)[\w.-]*\.ya?ml$/.test(name) && path.split("/").length <= 2)
    readConda(path, text, packaging);
}

function readPyProject(path: string, text: string, packaging: Packaging): void {
  const { project, tool, "build-system": build } = PyProject.parse(parseToml(text));
  if (project) {
    setIdentity(packaging, project.name, project.version, project.description);
    packaging.pythonRequires ??= project["requires-python"] || null;
    addLines(project.dependencies ?? [], path, packaging);
    for (const [name, target] of Object.entries(project.scripts ?? {})) packaging.entryPoints.push({ name, target });
  }
  const poetry = tool?.poetry;
  if (poetry) {
    setIdentity(packaging, poetry.name, poetry.version, poetry.description);
    for (const [name, target] of Object.entries(poetry.scripts ?? {})) packaging.entryPoints.push({ name, target });
    addLines(
      Object.keys(poetry.dependencies ?? {}).filter((name) => name !== "python"),
      path,
      packaging,
    );
  }
  const sourceFolder = tool?.setuptools?.["package-dir"]?.[""];
  if (sourceFolder && /^[\w./-]+$/.test(sourceFolder) && !sourceFolder.includes(".."))
    packaging.packageRoot = sourceFolder.replace(/^\.\/?|\/$/g, "");
  packaging.declaredModules.push(...(tool?.setuptools?.["py-modules"] ?? []));
  packaging.buildRequires.push(...(build?.requires ?? []).flatMap((line) => parseRequirement(line) ?? []));
  if (project || poetry) packaging.installable = true;
}

function readSetupCfg(path: string, text: string, packaging: Packaging): void {
  const sections = z.record(z.string(), z.unknown()).parse(parseIni(text));
  const metadata = z
    .object({ name: Text, version: Text, description: Text })
    .partial()
    .catch({})
    .parse(sections.metadata ?? {});
  const options = z
    .record(z.string(), z.unknown())
    .catch({})
    .parse(sections.options ?? {});
  if (metadata.name) {
    setIdentity(packaging, metadata.name, metadata.version, metadata.description);
    packaging.installable = true;
  }
  if (typeof options.python_requires === "string") packaging.pythonRequires ??= options.python_requires;
  const block = /^[ \t]*install_requires[ \t]*=[ \t]*(.*(?:\n[ \t]+.*)*)/m.exec(text)?.[1] ?? "";
  addLines(block.split("\n"), path, packaging);
  if (/^[ \t]*=[ \t]*src[ \t]*$/m.test(text)) packaging.packageRoot = "src";
}

async function readSetupPy(path: string, text: string, packaging: Packaging): Promise<void> {
  packaging.installable = true;
  const call = await readSetupCall(text);
  if (/\b(ext_modules|Extension\(|cythonize|f2py|numpy_extension)/.test(text)) packaging.compiled = true;
  if (!call) return;
  setIdentity(packaging, call.text("name"), call.text("version"), call.text("description"));
  packaging.pythonRequires ??= call.text("python_requires") ?? null;
  addLines(call.texts("install_requires"), path, packaging);
  packaging.buildRequires.push(...call.texts("setup_requires").flatMap((line) => parseRequirement(line) ?? []));
  packaging.declaredModules.push(
    ...call.texts("py_modules"),
    ...call.texts("packages").map((name) => name.split(".")[0] ?? name),
  );
  for (const script of call.texts("scripts"))
    packaging.entryPoints.push({ name: script.split("/").at(-1) ?? script, target: script });
  for (const line of call.nestedTexts("entry_points", "console_scripts")) {
    const [name, target] = line.split("=").map((part) => part.trim());
    if (name && target) packaging.entryPoints.push({ name, target });
  }
  const sourceFolder = call.nestedText("package_dir", "");
  if (sourceFolder && /^[\w/-]+$/.test(sourceFolder)) packaging.packageRoot = sourceFolder;
}

function readConda(path: string, text: string, packaging: Packaging): void {
  const { dependencies } = CondaEnvironment.parse(parseYaml(text, { maxAliasCount: 20 }));
  for (const dependency of dependencies) {
    if (typeof dependency !== "string") addLines(dependency.pip, path, packaging);
    else if (dependency) packaging.condaOnly.push(dependency.replace(/^.*::/, "").split(/[ =<>]/)[0] ?? dependency);
  }
}

function setIdentity(
  packaging: Packaging,
  name: string | undefined,
  version: string | undefined,
  description: string | undefined,
): void {
  if (name && /^[A-Za-z0-9][\w.-]*$/.test(name)) packaging.name ??= name;
  if (version && /^[\w.+!-]+$/.test(version)) packaging.version ??= version;
  if (description) packaging.description ??= description.replace(/\s+/g, " ").slice(0, 500);
}

function addLines(lines: readonly string[], path: string, packaging: Packaging): void {
  for (const line of lines.slice(0, 500)) {
    const text = line.replace(/(^|\s)#.*$/, "").trim();
    if (text === "") continue;
    const requirement = parseRequirement(text);
    if (!requirement) {
      if (!text.startsWith("%(")) packaging.refused.push({ line: text.slice(0, 200), path });
      continue;
    }
    const known = packaging.dependencies.some(
      (other) => normalizeName(other.requirement.name) === normalizeName(requirement.name),
    );
    if (!known) packaging.dependencies.push({ requirement, path });
  }
}
