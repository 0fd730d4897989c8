import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type KnownEnvironment, type Owner, Recipe, type RecipeKey, type RecipeMemory } from "./recipe.ts";

export interface RecipeMemoryOptions {
  /** Host folder of the recipes; made when the first is learned. */
  folder: string;
  /** Beyond it the ones that were unused for longest go. */
  maxRecipes?: number;
  now?: () => Date;
}

/** Builds that may fail in a row before a recipe goes. */
const maxFailures = 3;
/** Longest file that is read, in bytes. */
const maxFileBytes = 100_000;

/**
 * Recipes as files of a folder, one each, named after what they are for: processes share them without locks, a write
 * that a kill cuts off leaves the old one, and a damaged one takes no other with it. A file's time of change is when it
 * was used last.
 */
export function createRecipeMemory({
  folder,
  maxRecipes = 5000,
  now = () => new Date(),
}: RecipeMemoryOptions): RecipeMemory {
  const pathOf = (key: RecipeKey, privateTo: string | null): string => join(folder, `${hashOf(key, privateTo)}.json`);
  const pathOfRecipe = (recipe: Recipe): string => pathOf(recipe, recipe.isPrivate ? recipe.tenant : null);

  return {
    async find(key, tenant) {
      const found: Recipe[] = [];
      for (const privateTo of [tenant, null]) {
        const path = pathOf(key, privateTo);
        const recipe = await read(path);
        // A file that was copied to another name is nobody's recipe.
        if (!recipe || pathOfRecipe(recipe) !== path) continue;
        await unlessItFails(() => utimes(path, now(), now()));
        found.push(recipe);
      }
      return found;
    },

    learn: (key, environment, owner) => unlessItFails(() => learn(key, environment, owner)),

    recordFailure: (recipe) =>
      unlessItFails(async () => {
        const path = pathOfRecipe(recipe);
        const known = await read(path);
        // Another run may have learned something better meanwhile.
        if (!known || !isDeepStrictEqual(known.environment, recipe.environment)) return;
        const failures = known.failures + 1;
        if (failures >= maxFailures) await rm(path, { force: true });
        else await write(path, { ...known, failures });
      }),
  };

  async function learn(key: RecipeKey, environment: KnownEnvironment, owner: Owner): Promise<void> {
    const workedAt = now().toISOString();
    const { requirements, system, architecture } = key;
    const learned = Recipe.safeParse({
      version: 1,
      requirements,
      system,
      architecture,
      tenant: owner.name,
      isPrivate: owner.repositoryIsPrivate,
      environment,
      successes: 1,
      failures: 0,
      learnedAt: workedAt,
      workedAt,
    });
    if (!learned.success) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = pathOfRecipe(learned.data);
    const known = await read(path);
    const same = known && isDeepStrictEqual(known.environment, learned.data.environment) ? known : null;
    await write(path, same ? { ...same, successes: same.successes + 1, failures: 0, workedAt } : learned.data);
    if (!known) await forgetOldest();
  }

  async function write(path: string, recipe: Recipe): Promise<void> {
    const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
    try {
      await writeFile(temporary, `${JSON.stringify(recipe)}\n`, { mode: 0o600 });
      await utimes(temporary, now(), now());
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** A tenth more than has to go, so that not every new recipe looks at all the others. What kills left goes as well. */
  async function forgetOldest(): Promise<void> {
    const names = await readdir(folder);
    if (names.length <= maxRecipes) return;
    const files = await Promise.all(
      names.map(async (name) => ({ name, time: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
    );
    files.sort((a, b) => a.time - b.time);
    for (const { name } of files.slice(0, names.length - Math.floor(maxRecipes * 0.9)))
      await rm(join(folder, name), { force: true });
  }
}

/** Null where there is none; a damaged file is put aside, where it can be looked at. */
async function read(path: string): Promise<Recipe | null> {
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return null;
  const recipe = text.length <= maxFileBytes ? parse(text) : null;
  if (!recipe) await unlessItFails(() => rename(path, `${path}.damaged`));
  return recipe;
}

function parse(text: string): Recipe | null {
  try {
    return Recipe.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function hashOf({ requirements, system, architecture }: RecipeKey, privateTo: string | null): string {
  const parts = [privateTo, system, architecture, requirements];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);
}

/** A memory that cannot be used (a full disk, a folder of somebody else's) must not end a run. */
async function unlessItFails(work: () => Promise<void>): Promise<void> {
  await work().catch(() => undefined);
}
