import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { KnownEnvironment, RecipeKey } from "../../src/recipes/recipe.ts";
import { createRecipeMemory } from "../../src/recipes/recipe-memory.ts";
import { makeFolder } from "../support/author-context.ts";

const key = (...requirements: string[]): RecipeKey => ({ requirements, system: "Debian 12", architecture: "x86_64" });
const set = key("numpy", "scipy");
const environment: KnownEnvironment = {
  python: "3.11",
  versions: { numpy: "1.26.4", scipy: "1.11.4", six: "1.16.0" },
  extras: ["six"],
  systemPackages: ["libgomp1"],
  indexes: ["https://download.pytorch.org/whl/cpu"],
};
const other: KnownEnvironment = { ...environment, python: "3.12" };
const alice = { name: "alice", repositoryIsPrivate: false };
const bob = { name: "bob", repositoryIsPrivate: true };

describe("the memory of recipes", () => {
  it("gives back what worked, with how often it did", async () => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({
      folder: join(folder.path, "recipes"),
      now: () => new Date("2026-11-22T12:00:00Z"),
    });
    expect(await memory.find(set, "alice")).toEqual([]);
    await memory.learn(set, environment, alice);
    await memory.learn(set, environment, alice);
    expect(await createRecipeMemory({ folder: join(folder.path, "recipes") }).find(set, "alice")).toEqual([
      {
        version: 1,
        ...set,
        tenant: "alice",
        isPrivate: false,
        environment,
        successes: 2,
        failures: 0,
        learnedAt: "2026-11-22T12:00:00.000Z",
        workedAt: "2026-11-22T12:00:00.000Z",
      },
    ]);
  });

  it("knows one set on one platform from any other", async () => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({ folder: folder.path });
    await memory.learn(set, environment, alice);
    for (const another of [
      key("numpy"),
      key("numpy", "scipy", "six"),
      { ...set, architecture: "aarch64" },
      { ...set, system: "Ubuntu 24.04" },
    ])
      expect(await memory.find(another, "alice")).toEqual([]);
  });

  it("takes what worked last for what works", async () => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({ folder: folder.path });
    await memory.learn(set, environment, alice);
    await memory.learn(set, environment, alice);
    await memory.learn(set, other, alice);
    expect(await memory.find(set, "alice")).toMatchObject([{ environment: { python: "3.12" }, successes: 1 }]);
  });

  it("shows what a private repository taught to nobody but its tenant, and that first", async () => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({ folder: folder.path });
    await memory.learn(set, environment, bob);
    expect(await memory.find(set, "alice")).toEqual([]);
    await memory.learn(set, other, alice);
    expect(await memory.find(set, "bob")).toMatchObject([{ tenant: "bob" }, { tenant: "alice" }]);
    expect(await memory.find(set, "alice")).toMatchObject([{ tenant: "alice" }]);
    expect(await memory.find(set, "carol")).toMatchObject([{ tenant: "alice" }]);

    // Whoever puts a file under another's name has not made it theirs.
    const files = await readdir(folder.path);
    const texts = await Promise.all(files.map((name) => readFile(join(folder.path, name), "utf8")));
    const [secret] = texts.filter((text) => text.includes('"bob"'));
    for (const name of files) await writeFile(join(folder.path, name), secret ?? "");
    expect(await memory.find(set, "alice")).toEqual([]);
  });

  it("forgets a recipe that failed three times since it worked", async () => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({ folder: folder.path });
    await memory.learn(set, environment, alice);
    const fail = async (): Promise<void> => {
      const [recipe] = await memory.find(set, "alice");
      if (!recipe) throw new Error("forgotten already");
      await memory.recordFailure(recipe);
    };
    await fail();
    await fail();
    await memory.learn(set, environment, alice);
    await fail();
    await fail();
    const [recipe] = await memory.find(set, "alice");
    expect(recipe).toMatchObject({ failures: 2, successes: 2 });
    await fail();
    expect(await memory.find(set, "alice")).toEqual([]);

    await memory.learn(set, other, alice);
    if (recipe) for (let times = 0; times < 3; times++) await memory.recordFailure(recipe);
    expect(await memory.find(set, "alice")).toMatchObject([{ failures: 0 }]);
  });

  it("stays small: those go that were unused for longest", async () => {
    await using folder = await makeFolder();
    let minutes = 0;
    const now = () => new Date(Date.UTC(2026, 10, 22, 12, minutes++));
    const memory = createRecipeMemory({ folder: folder.path, maxRecipes: 10, now });
    for (let index = 0; index < 10; index++) await memory.learn(key(`package${index}`), environment, alice);
    await memory.find(key("package0"), "alice");
    await memory.learn(key("package10"), environment, alice);
    const left: number[] = [];
    for (let index = 0; index <= 10; index++)
      if ((await memory.find(key(`package${index}`), "alice")).length > 0) left.push(index);
    expect(left).toEqual([0, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it.each(["", "{", "null", '{"version": 2}', "x".repeat(200_000), "[".repeat(50_000)])(
    "puts a damaged file aside and learns anew: %.20j",
    async (text) => {
      await using folder = await makeFolder();
      const memory = createRecipeMemory({ folder: folder.path });
      await memory.learn(set, environment, alice);
      const [name = ""] = await readdir(folder.path);
      await writeFile(join(folder.path, name), text);
      expect(await memory.find(set, "alice")).toEqual([]);
      expect(await readdir(folder.path)).toEqual([`${name}.damaged`]);
      await memory.learn(set, environment, alice);
      expect(await memory.find(set, "alice")).toHaveLength(1);
    },
  );

  it.each([
    { versions: { numpy: "1.26.4 --index-url https://evil.example" } },
    { versions: { "numpy\n--pre": "1.26.4" } },
    { systemPackages: ["-o Evil=1"] },
    { indexes: ["https://evil.example/simple"] },
    { indexes: ["https://user:secret@download.pytorch.org/whl/cpu"] },
    { indexes: ["https://download.pytorch.org/whl/../../evil"] },
    { python: "3.11/../x" },
  ])("does not keep what could lead a later run astray: %j", async (given) => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({ folder: folder.path });
    await memory.learn(set, { ...environment, ...given }, alice);
    expect(await memory.find(set, "alice")).toEqual([]);
  });

  it("is no error where its folder cannot be used", async () => {
    await using folder = await makeFolder({ file: "x" });
    const memory = createRecipeMemory({ folder: join(folder.path, "file", "recipes") });
    await memory.learn(set, environment, alice);
    expect(await memory.find(set, "alice")).toEqual([]);
    await mkdir(join(folder.path, "closed"));
    await chmod(join(folder.path, "closed"), 0o500);
    await createRecipeMemory({ folder: join(folder.path, "closed", "recipes") }).learn(set, environment, alice);
  });

  it("survives processes that write the same recipe at once and are killed", async () => {
    await using folder = await makeFolder();
    const memory = createRecipeMemory({ folder: folder.path });
    const module = fileURLToPath(new URL("../../src/recipes/recipe-memory.ts", import.meta.url));
    const script = `
      const { createRecipeMemory } = await import(${JSON.stringify(module)});
      const memory = createRecipeMemory({ folder: ${JSON.stringify(folder.path)}, maxRecipes: 50 });
      console.log("ready");
      for (;;) await memory.learn(${JSON.stringify(set)}, ${JSON.stringify(environment)}, ${JSON.stringify(alice)});`;
    for (let round = 0; round < 3; round++) {
      const writers = [1, 2, 3].map(() => spawn(process.execPath, ["--input-type=module", "--eval", script]));
      await Promise.all(writers.map(({ stdout }) => once(stdout, "data")));
      for (let reads = 0; reads < 30; reads++) await memory.find(set, "alice");
      for (const writer of writers) writer.kill("SIGKILL");
      await Promise.all(writers.map((writer) => once(writer, "close")));
    }
    const [recipe] = await memory.find(set, "alice");
    expect(recipe?.environment).toEqual(environment);
    expect((await readdir(folder.path)).filter((name) => name.endsWith(".damaged"))).toEqual([]);
  }, 30_000);
});
