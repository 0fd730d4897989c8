import type { PythonSource } from "../../repository/python-source.ts";
import { formatRequirement, normalizeName, parseRequirement } from "../../repository/requirement.ts";
import { render } from "../../templates/render.ts";
import type { AuthorContext } from "../author.ts";
import { closeOverImports } from "../import-closure.ts";
import type { CandidateContext } from "./candidate.ts";
import type { Decisions } from "./decisions.ts";
import { distributionFor } from "./distributions.ts";

interface Group {
  title: string;
  lines: string[];
}

/** Packages that only building, testing or documenting a repository takes. */
const notForUse =
  /^(nose|pytest.*|coverage|codecov|tox|flake8|black|isort|mypy|sphinx.*|nbsphinx|twine|wheel|setuptools|build|pre-commit|pylint|pip|conda)$/i;

/** `requirements.txt` of an example: what the repository declares first, then what the example imports, then repairs. */
export async function findRequirements({
  context,
  search,
  decisions,
  sources,
}: {
  context: AuthorContext;
  search: CandidateContext;
  decisions: Decisions;
  sources: ReadonlyArray<{ path: string; source: PythonSource }>;
}): Promise<{ text: string; isEmpty: boolean }> {
  const { survey, readText } = context;
  const groups: Group[] = [];
  const notes: string[] = [];
  const known = new Set<string>();
  const replaced = new Map(
    decisions.requirements.flatMap(({ line }) => {
      const requirement = parseRequirement(line);
      return requirement ? [[normalizeName(requirement.name), line] as const] : [];
    }),
  );
  const add = (group: Group, line: string): void => {
    const requirement = parseRequirement(line);
    if (!requirement) return;
    const name = normalizeName(requirement.name);
    if (known.has(name)) return;
    known.add(name);
    if (!decisions.leftOut.some(({ id }) => id === name))
      group.lines.push(replaced.get(name) ?? formatRequirement(requirement));
  };

  const closure = await closeOverImports(sources, search.modules, readText);
  const prose = await projectProse(context);
  const imported = new Map(
    [...closure.needed].map(([module, path]) => [module, { path, ...distributionFor(module, survey, prose) }]),
  );
  const importedNames = new Set(
    [...imported.values()].flatMap(({ requirement }) =>
      requirement ? [normalizeName(parseRequirement(requirement)?.name ?? "")] : [],
    ),
  );

  const own = survey.packaging.dependencies.filter(({ path }) => /pyproject\.toml$|setup\.(py|cfg)$/.test(path));
  const listed = own.length > 0 ? own : survey.packaging.dependencies;
  for (const path of [...new Set(listed.map((each) => each.path))]) {
    const group: Group = { title: `Declared in ${path}`, lines: [] };
    for (const { requirement, path: from } of listed) {
      const name = normalizeName(requirement.name);
      if (from !== path || (notForUse.test(name) && !importedNames.has(name))) continue;
      add(group, formatRequirement(requirement));
    }
    groups.push(group);
  }
  const byExample: Group = { title: "Imported by the example or by the files it uses", lines: [] };
  for (const [module, { requirement, path, why }] of imported) {
    if (requirement) add(byExample, requirement);
    else notes.push(`The module ${module}, imported by ${path.replace(/[^\x20-\x7e]/g, "?")}, is not listed: ${why}.`);
  }
  groups.push(byExample);
  const repairs: Group = { title: "Found to be needed when the example was run", lines: [] };
  for (const { line } of decisions.requirements) add(repairs, line);
  groups.push(repairs);

  if (decisions.systemPackages.length > 0)
    notes.push(`Packages of the system: ${decisions.systemPackages.join(", ")} (apt.txt).`);
  for (const { id, why } of decisions.leftOut) notes.push(`${id} is left out: ${why}.`);
  const filled = groups.filter(({ lines }) => lines.length > 0);
  const indexes = {
    title: "Where packages are found",
    lines: decisions.indexes.map((url) => `--extra-index-url ${url}`),
  };
  const shown = indexes.lines.length > 0 ? [indexes, ...filled] : filled;
  return { text: render("example/requirements.txt", { groups: shown, notes }), isEmpty: filled.length === 0 };
}

/** Modules that the example needs and that no distribution is known for. */
export async function findUnknownModules(
  context: AuthorContext,
  search: CandidateContext,
  sources: ReadonlyArray<{ path: string; source: PythonSource }>,
): Promise<Array<{ module: string; path: string; why: string }>> {
  const closure = await closeOverImports(sources, search.modules, context.readText);
  const prose = await projectProse(context);
  const { installable, dependencies } = context.survey.packaging;
  return [...closure.needed].flatMap(([module, path]) => {
    // What a package's own files import comes with what it declares, under whatever name.
    const isDeclared = installable && dependencies.length > 0 && !sources.some((source) => source.path === path);
    if (isDeclared) return [];
    const { requirement, why } = distributionFor(module, context.survey, prose);
    return requirement === null ? [{ module, path, why }] : [];
  });
}

export async function projectProse({ survey, readText }: AuthorContext): Promise<string> {
  const readme = survey.readme ? ((await readText(survey.readme)) ?? "") : "";
  const installation = survey.files.filter(({ path }) => /^(docs?\/.*)?install[\w.-]*$/i.test(path)).slice(0, 3);
  const texts = await Promise.all(installation.map(({ path }) => readText(path)));
  return [readme, ...texts].join("\n").slice(0, 300_000);
}
