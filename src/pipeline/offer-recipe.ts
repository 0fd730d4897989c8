import { satisfies } from "@renovatebot/pep440";
import type { Author, ProvenEnvironment, WritingContext } from "../authors/author.ts";
import { systemPackagesOf } from "../example/apt.ts";
import type { Draft } from "../example/example.ts";
import { stepSucceeded } from "../example/execution.ts";
import { isKnownIndex, type Recipe, type RecipeKey } from "../recipes/recipe.ts";
import { normalizeName, parseRequirement, type Requirement } from "../repository/requirement.ts";
import type { SandboxDescription } from "../sandboxes/sandbox.ts";
import { readInstalledVersions } from "./pin-requirements.ts";
import type { Run } from "./run.ts";
import type { Iteration } from "./run-state.ts";

export interface Offer {
  draft: Draft;
  note: string;
  recipe: Recipe;
}

/**
 * The first draft in an environment that worked before for the same set of requirements, in any repository. What the
 * repository asks for stays: a recipe that contradicts it is passed over, and only open versions are filled.
 */
export async function offerRecipe(
  { recipes }: Pick<Run, "recipes">,
  author: Pick<Author, "adopt">,
  context: WritingContext,
  draft: Draft,
): Promise<Offer | null> {
  const key = keyOf(draft, context.sandbox);
  if (!recipes || !key) return null;
  for (const recipe of await recipes.memory.find(key, recipes.owner.name)) {
    const proven = fitRecipe(recipe, draft, context);
    const adopted = proven && (await author.adopt(context, draft, proven));
    if (adopted)
      return {
        recipe,
        draft: adopted,
        note: `${key.requirements.join(", ")}: versions that worked before, from the memory of recipes`,
      };
  }
  return null;
}

/**
 * Remembers what an iteration ran with, under what this run asked for first and under what it asked for in the end: the
 * next one that asks for either may begin with it.
 */
export async function learnRecipe(
  {
    recipes,
    state,
  }: Pick<Run, "recipes"> & { state: { distiller: Pick<Run["state"]["distiller"], "sandbox" | "iterations"> } },
  { draft, execution, index }: Iteration,
): Promise<void> {
  const { sandbox, iterations } = state.distiller;
  const first = iterations[0];
  if (!recipes || !sandbox || !first || !execution || !stepSucceeded(execution.program)) return;
  const installed = readInstalledVersions(execution.packages);
  const [, python] = /^(3\.\d+)/.exec(execution.evidence.python ?? "") ?? [];
  const last = namesOf(draft).filter((name) => installed.has(name));
  if (!python) return;
  const systemPackages = systemPackagesOf(draft.files);
  const indexes = indexesOf(draft);
  const learned = new Set<string>();
  // Where an earlier iteration ran, what was added since was wanted, not needed.
  const ranBefore = iterations.some((each) => each.index < index && stepSucceeded(each.execution?.program ?? null));
  const firstAsked = ranBefore ? [] : namesOf(first.recipe?.ownDraft ?? first.draft);
  for (const asked of [firstAsked, namesOf(draft)]) {
    const key = { requirements: asked, system: sandbox.system, architecture: sandbox.architecture };
    // What was given up on the way (it cannot be installed) makes it no recipe for those who ask for it.
    if (asked.length === 0 || learned.has(asked.join()) || asked.some((name) => !installed.has(name))) continue;
    learned.add(asked.join());
    const names = [...new Set([...asked, ...last])].sort();
    const versions = Object.fromEntries(names.map((name) => [name, installed.get(name) ?? ""]));
    const extras = names.filter((name) => !asked.includes(name));
    await recipes.memory.learn(key, { python, versions, extras, systemPackages, indexes }, recipes.owner);
  }
}

/**
 * Whether an iteration failed in a way that its recipe may be to blame for: the environment was not built, or a name was
 * missing that other versions may have. The author's own draft then runs next, and this one counts for nothing.
 */
export function recipeFailed({ recipe, execution }: Iteration): boolean {
  if (!recipe || !execution) return false;
  if (!stepSucceeded(execution.environment)) return true;
  if (stepSucceeded(execution.program)) return false;
  const errors = execution.log.map(({ error }) => error?.type ?? "").join("\n");
  return /\b(ImportError|ModuleNotFoundError|AttributeError|TypeError)\b/.test(
    `${errors}\n${execution.program?.stderr ?? ""}`,
  );
}

/** The author's own draft after a recipe that failed; the recipe is told where its environment was not even built. */
export async function leaveRecipe(
  { recipes }: Pick<Run, "recipes">,
  iteration: Iteration,
  sandbox: SandboxDescription,
): Promise<Draft | null> {
  const { recipe, execution } = iteration;
  if (!recipe || !execution || !recipeFailed(iteration)) return null;
  const { offered, ownDraft } = recipe;
  // Without its packages of the system it was not tried.
  const wasTried = sandbox.systemPackages || offered.environment.systemPackages.length === 0;
  if (wasTried && !stepSucceeded(execution.environment)) await recipes?.memory.recordFailure(offered);
  return ownDraft;
}

/** What of a recipe is new to a draft; null where it contradicts it, cannot be had here, or brings nothing. */
function fitRecipe(
  { environment }: Recipe,
  draft: Draft,
  { sandbox, survey }: WritingContext,
): ProvenEnvironment | null {
  const { versions, extras, systemPackages, indexes } = environment;
  const drafted = sandbox.pythons.find(({ path }) => path === draft.python);
  const python = [...(drafted ? [drafted] : []), ...sandbox.pythons].find(({ version }) =>
    version.startsWith(`${environment.python}.`),
  );
  if (!python || !allows(survey.packaging.pythonRequires ?? "", python.version)) return null;
  const asked = requirementsOf(draft);
  const fits = asked.every(({ name, specifier }) => allows(specifier, versions[normalizeName(name)] ?? null));
  if (!fits) return null;
  const pins = asked.flatMap(({ name, extras: options, specifier }) => {
    const version = versions[normalizeName(name)];
    return version === undefined || /^===?[^*]+$/.test(specifier) ? [] : [{ name, extras: options, version }];
  });
  const additions = extras.flatMap((name) => {
    const version = versions[name];
    return version === undefined ? [] : [{ name, extras: "", version }];
  });
  const known = systemPackagesOf(draft.files);
  const missing = sandbox.systemPackages ? systemPackages.filter((name) => !known.includes(name)) : [];
  const isNew = pins.length + additions.length + missing.length > 0 || python.path !== draft.python;
  return isNew ? { python, pins, additions, systemPackages: missing, indexes } : null;
}

/** A specifier that is no PEP 440 allows nothing: nobody can tell what it asks for. */
function allows(specifier: string, version: string | null): boolean {
  if (specifier === "" || version === null) return true;
  try {
    return satisfies(version, specifier, { prereleases: true });
  } catch {
    return false;
  }
}

function keyOf(draft: Draft, { system, architecture }: SandboxDescription): RecipeKey | null {
  const requirements = namesOf(draft);
  return requirements.length > 0 ? { requirements, system, architecture } : null;
}

function namesOf(draft: Draft): string[] {
  return [...new Set(requirementsOf(draft).map(({ name }) => normalizeName(name)))].sort();
}

function requirementsOf({ files }: Draft): Requirement[] {
  return linesOf(files).flatMap((line) => parseRequirement(line) ?? []);
}

function indexesOf({ files }: Draft): string[] {
  return linesOf(files).flatMap((line) => {
    const [, url = ""] = /^(?:-i|--index-url|--extra-index-url)[\s=]+(\S+)$/.exec(line) ?? [];
    return isKnownIndex(url) ? [url] : [];
  });
}

function linesOf(files: Draft["files"]): string[] {
  return (files["requirements.txt"] ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
