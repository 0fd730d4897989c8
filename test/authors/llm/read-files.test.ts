import { describe, expect, it } from "vitest";
import type { WritingContext } from "../../../src/authors/author.ts";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { classifyFiles, summarizeRepository } from "../../../src/authors/llm/read-files.ts";
import { BudgetError } from "../../../src/errors.ts";
import { createContext, fixtureFolder, makeFolder } from "../../support/author-context.ts";
import { createScriptedModel, type Scripted, textOf, value } from "./scripted-model.ts";

const extractive = createExtractiveAuthor();
const orbits = await createContext(fixtureFolder("orbital-elements"));

const summarize = (answer: Scripted, context: WritingContext = orbits) =>
  summarizeRepository(context, createScriptedModel([answer]), extractive);

describe("the summary", () => {
  it("has the model's words, and of the files that it names those that are there", async () => {
    const named = ["src/orbelem/bodies.py", "no/such/file.py", "../secret", "src/orbelem/bodies.py"];
    const summary = await summarize(value({ description: "  Orbits.  ", highlyRelevantFiles: named }));
    const byRule = await extractive.summarize(orbits);
    expect(summary.description).toBe("Orbits.");
    expect(summary.highlyRelevantFiles[0]).toBe("src/orbelem/bodies.py");
    const paths = orbits.survey.files.map(({ path }) => path);
    for (const path of summary.highlyRelevantFiles) expect(paths).toContain(path);
    expect(new Set(summary.highlyRelevantFiles).size).toBe(summary.highlyRelevantFiles.length);
    expect(summary.highlyRelevantFiles).toEqual(expect.arrayContaining(byRule.highlyRelevantFiles.slice(0, 5)));
  });

  it("is by rule where the model has nothing to say", async () => {
    const byRule = await extractive.summarize(orbits);
    for (const answer of [
      { kind: "unusable", why: "no JSON" } as const,
      { kind: "refused", why: "policy" } as const,
      value({ description: " \n", highlyRelevantFiles: ["README.md"] }),
    ])
      expect(await summarize(answer)).toEqual(byRule);
  });

  it("is of a bounded length", async () => {
    const summary = await summarize(value({ description: "long ".repeat(5000), highlyRelevantFiles: [] }));
    expect(summary.description.length).toBeLessThanOrEqual(2000);
  });

  it("can be asked for without a README", async () => {
    await using folder = await makeFolder({ "tool.py": "def solve(x):\n    return x\n" });
    const context = await createContext(folder.path);
    const model = createScriptedModel([value({ description: "Solves.", highlyRelevantFiles: [] })]);
    expect(await summarizeRepository(context, model, extractive)).toMatchObject({ description: "Solves." });
    expect(model.questions[0] && textOf(model.questions[0])).toContain("It has no README.");
  });
});

interface Entry {
  number: number;
  how_relevant_rating: number;
}

const entry = (number: number, given: object = {}): Entry & Record<string, unknown> => ({
  number,
  classification: "code_main_entry_point",
  description: `said of ${number}`,
  important_information: "",
  computational_requirements: "",
  how_relevant_rating: 2,
  stand_alone_example: false,
  ...given,
});

describe("the classification", () => {
  const summary = { description: "Orbits.", highlyRelevantFiles: [] };

  /** Thirty files, twenty-four of which a model is asked about, in two batches. */
  async function classifyMany(answers: readonly Scripted[]) {
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`mod${String(index).padStart(2, "0")}.py`, `def f${index}(): pass\n`]),
    );
    await using folder = await makeFolder({ ...files, "README.md": "# Tool\n", "setup.py": "" });
    const context = await createContext(folder.path);
    const model = createScriptedModel(answers);
    const classified = await classifyFiles(context, { summary, model, extractive });
    return { classified, model, byRule: await extractive.classify(context, summary) };
  }

  const all = (given: object = {}): Scripted =>
    value({ files: Array.from({ length: 12 }, (_, n) => entry(n + 1, given)) });

  it("asks in few calls, and nothing of what needs no opinion", async () => {
    const { classified, model, byRule } = await classifyMany([all(), all()]);
    const text = model.questions.map(textOf).join("\n");
    expect(text.match(/^File \d+: /gm)).toHaveLength(24);
    expect(text).not.toMatch(/^File \d+: (README|setup)/m);
    expect(classified.map(({ path }) => path).sort()).toEqual(byRule.map(({ path }) => path).sort());
    expect(classified.filter(({ description }) => description.startsWith("said of"))).toHaveLength(24);
  });

  it("costs a bad batch its own files only, and rules stand for them", async () => {
    const { classified, model, byRule } = await classifyMany([{ kind: "unusable", why: "no JSON" }, all()]);
    expect(classified.filter(({ description }) => description.startsWith("said of"))).toHaveLength(12);
    const bad = [...(model.questions.map(textOf)[0] ?? "").matchAll(/^File \d+: (\S+)/gm)];
    expect(bad).toHaveLength(12);
    for (const [, path] of bad)
      expect(classified.find((each) => each.path === path)).toEqual(byRule.find((each) => each.path === path));
  });

  it("passes over numbers that were not asked, takes the first of two, and holds ratings within their bounds", async () => {
    const odd = value({
      files: [
        entry(0),
        entry(-1),
        entry(99),
        entry(1, { how_relevant_rating: 50, description: "first" }),
        entry(1, { description: "second" }),
        entry(2, { how_relevant_rating: -3, description: "x".repeat(5000), important_information: "y".repeat(5000) }),
      ],
    });
    const { classified, byRule } = await classifyMany([odd, value({ files: [] })]);
    expect(classified).toHaveLength(byRule.length);
    expect(classified.find(({ description }) => description === "first")?.how_relevant_rating).toBe(5);
    const low = classified.find(({ description }) => description.startsWith("x"));
    expect(low?.how_relevant_rating).toBe(1);
    expect(low?.description.length).toBe(500);
    expect(low?.important_information.length).toBe(1000);
    expect(classified.filter(({ description }) => description.startsWith("said of"))).toEqual([]);
  });

  it("puts the most relevant first, the same way every time", async () => {
    const mixed = value({
      files: Array.from({ length: 12 }, (_, n) => entry(n + 1, { how_relevant_rating: (n % 5) + 1 })),
    });
    const { classified } = await classifyMany([mixed, mixed]);
    const ratings = classified.map(({ how_relevant_rating }) => how_relevant_rating);
    expect(ratings).toEqual([...ratings].sort((a, b) => b - a));
    expect((await classifyMany([mixed, mixed])).classified).toEqual(classified);
  });

  it("ends with the money", async () => {
    const error = new BudgetError({ code: "budget", userMessage: "No money is left." });
    await expect(classifyMany([error, all()])).rejects.toBe(error);
  });

  it("asks nobody where there is nothing to ask", async () => {
    await using folder = await makeFolder({ "README.md": "# Tool\n", LICENSE: "MIT\n" });
    const classified = await classifyFiles(await createContext(folder.path), {
      summary,
      model: createScriptedModel([]),
      extractive,
    });
    expect(classified.map(({ path }) => path)).toEqual(["README.md"]);
  });
});
