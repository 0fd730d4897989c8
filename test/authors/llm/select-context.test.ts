import { describe, expect, it } from "vitest";
import type { WritingContext } from "../../../src/authors/author.ts";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { cleanReadme, cutToTokens, selectContext, showOutline } from "../../../src/authors/llm/select-context.ts";
import { estimateTokens } from "../../../src/models/tokens.ts";
import { createContext, fixtureFolder, fixtureNames, makeFolder } from "../../support/author-context.ts";
import { ownWordsOf } from "./scripted-model.ts";
import { createRandom, pick, shuffle } from "./seeded-random.ts";

const mark = "4f1c09";
const budgets = [1000, 4000, 24_000];

/** With what the first two steps come to by rule. */
async function read(folder: string): Promise<WritingContext> {
  const context = await createContext(folder);
  const author = createExtractiveAuthor();
  const summary = await author.summarize(context);
  return { ...context, summary, classification: await author.classify(context, summary) };
}

interface Shown {
  path: string;
  kind: string;
  text: string;
}

function blocksOf(selected: string): Shown[] {
  return [...selected.matchAll(/<data-4f1c09 path="([^"]*)" kind="([^"]*)">\n([\s\S]*?)\n<\/data-4f1c09>/g)].map(
    ([, path = "", kind = "", text = ""]) => ({ path, kind, text }),
  );
}

describe.each(fixtureNames.map((name) => [name]))("the text of %s", (name) => {
  it("fits every budget, and stands in blocks of data", async () => {
    const context = await read(fixtureFolder(name));
    for (const budget of budgets) {
      const selected = await selectContext(context, mark, budget);
      expect(estimateTokens(selected)).toBeLessThanOrEqual(budget);
      expect(blocksOf(selected).length).toBeGreaterThan(0);
      expect(ownWordsOf(selected).trim()).toBe("");
    }
  });

  it("is the same every time, in whatever order its files were classified", async () => {
    const random = createRandom(8);
    const context = await read(fixtureFolder(name));
    const first = await selectContext(context, mark, 4000);
    for (let round = 0; round < 5; round++) {
      const again = await read(fixtureFolder(name));
      again.classification = shuffle(random, again.classification);
      again.summary.highlyRelevantFiles = shuffle(random, again.summary.highlyRelevantFiles);
      expect(await selectContext(again, mark, 4000)).toBe(first);
    }
  });

  it("begins with the README, and goes on with core functions", async () => {
    const context = await read(fixtureFolder(name));
    const [readme, ...others] = blocksOf(await selectContext(context, mark, 24_000));
    expect(readme).toMatchObject({ path: context.survey.readme, kind: "readme" });
    const core = context.survey.coreFunctions[0];
    expect(others.slice(0, 4).map(({ path }) => path)).toContain(core?.path);
  });
});

describe("what is shown of a file", () => {
  it("is all of it where there is room, and core functions with an outline where there is not", async () => {
    const context = await read(fixtureFolder("orbital-elements"));
    const { path, name } = context.survey.coreFunctions[0] ?? { path: "", name: "" };
    const whole = (await context.readText(path)) ?? "";
    const find = async (budget: number) =>
      blocksOf(await selectContext(context, mark, budget)).find((block) => block.path === path);
    expect(await find(24_000)).toMatchObject({ kind: "source", text: whole.trimEnd() });
    const excerpt = await find(1500);
    expect(excerpt?.kind).toMatch(/^excerpt/);
    expect(excerpt?.text).toContain(name);
    expect(excerpt?.text.length).toBeLessThan(whole.length);
  });

  it("is an outline for files that the shown ones import", async () => {
    await using folder = await makeFolder({
      "README.md": "# Tool\n\n```python\nfrom tool import solve\nsolve(1)\n```\n",
      "tool/__init__.py": "from .core import solve\n",
      "tool/core.py": "from .grid import make_grid\n\n\ndef solve(x):\n    return make_grid(x)\n",
      "tool/grid.py": `def make_grid(x):\n    """Makes a grid."""\n    return x\n\n\ndef _hidden():\n    pass\n\n\nTABLE = [\n${"    1.0,\n".repeat(3000)}]\n`,
    });
    const blocks = blocksOf(await selectContext(await createContext(folder.path), mark, 3000));
    expect(blocks.find(({ path }) => path === "tool/core.py")?.kind).toBe("source");
    const outline = blocks.find(({ path }) => path === "tool/grid.py");
    expect(outline).toMatchObject({
      kind: "outline",
      text: expect.stringContaining("def make_grid(x)  # Makes a grid."),
    });
    expect(outline?.text).not.toMatch(/_hidden|1\.0/);
  });

  it("is its cells for a notebook, and none of its JSON", async () => {
    const context = await read(fixtureFolder("reaction-diffusion-scripts"));
    const notebook = blocksOf(await selectContext(context, mark, 24_000)).find(({ path }) => path === "demo.ipynb");
    expect(notebook?.kind).toBe("notebook cells");
    expect(notebook?.text).toMatch(/^# cell \d+/);
    expect(notebook?.text).not.toMatch(/"cell_type"|\\n"/);
  });

  it("is the first lines of data", async () => {
    const context = await read(fixtureFolder("reaction-diffusion-scripts"));
    const data = blocksOf(await selectContext(context, mark, 24_000)).find(({ path }) => path === "params.dat");
    expect(data?.kind).toBe("first lines");
    expect(await context.readText("params.dat")).toContain(data?.text);
  });

  it("is nothing for what is binary, and little for what is huge", async () => {
    await using folder = await makeFolder({
      "README.md": `# Tool\n\n${"All about the tool, at length. ".repeat(20_000)}`,
      "tool.py": `def solve(x):\n    return x\n\n\nTEXT = "${"ä1,".repeat(150_000)}"\n`,
      "example.py": "from tool import solve\n\nprint(solve(1))\n",
      "grid.npy": Buffer.from([0x93, 0x4e, 0x00, 0x01]),
      "table.csv": `a,b\n${"1,2\n".repeat(200_000)}`,
      "empty.csv": "",
      "line.csv": "1".repeat(900_000),
    });
    const context = await read(folder.path);
    for (const budget of budgets) {
      const selected = await selectContext(context, mark, budget);
      expect(estimateTokens(selected)).toBeLessThanOrEqual(budget);
      const paths = blocksOf(selected).map(({ path }) => path);
      expect(paths).not.toContain("grid.npy");
      expect(paths).not.toContain("empty.csv");
      expect(paths).toEqual(expect.arrayContaining(["README.md", "example.py"]));
    }
  });

  it("is nothing where there is nothing to show", async () => {
    await using folder = await makeFolder({ LICENSE: "MIT\n", "a.bin": Buffer.from([0, 1, 2]) });
    expect(await selectContext(await read(folder.path), mark, 4000)).toBe("");
  });

  it("is what was rated, without a README and without core functions", async () => {
    await using folder = await makeFolder({ "run.py": "x = 1\nprint(x)\n", "other.py": "y = 2\nprint(y)\n" });
    const context = await read(folder.path);
    expect(context.survey.coreFunctions).toEqual([]);
    expect(blocksOf(await selectContext(context, mark, 1000)).map(({ path }) => path)).toEqual(["other.py", "run.py"]);
  });
});

describe("a README", () => {
  it("is shown without badges, pictures and HTML, and with its text and code", () => {
    const text = [
      "[![build](https://ci.example/badge.svg)](https://ci.example)",
      "![picture](a.png)",
      '<p align="center"><img src="logo.png"></p>',
      "# Tool <!-- shown by quoting -->",
      "",
      "",
      "",
      "",
      "It solves [equations](https://example.org).",
      "```python",
      "if a < b and c > d: solve(List[int])",
      "```",
      ".. image:: a.png",
      "   :width: 3",
      "Text.",
    ].join("\n");
    const clean = cleanReadme(text);
    expect(clean).not.toMatch(/badge|picture|logo|:width:|<p|\n\n\n/);
    for (const kept of ["# Tool", "[equations](https://example.org)", "if a < b and c > d: solve(List[int])", "Text."])
      expect(clean).toContain(kept);
    expect(cleanReadme(null)).toBe("");
  });

  it("is cut to its share", async () => {
    await using folder = await makeFolder({
      "README.md": `# Tool\n\n${"It does much.\n\n".repeat(3000)}`,
      "tool.py": "def solve(x):\n    return x\n",
    });
    const [readme] = blocksOf(await selectContext(await createContext(folder.path), mark, 4000));
    expect(readme?.text).toMatch(/\[\.\.\. \d+ more lines \.\.\.\]$/);
    expect(estimateTokens(readme?.text ?? "")).toBeLessThanOrEqual(1000);
  });
});

describe("cutting to tokens", () => {
  it("keeps whole lines from the beginning, and never more than asked", () => {
    const random = createRandom(9);
    const words = ["alpha", " ", "x1,", "漢字", "🪐", "\n", "  ", "==", "a.b.c", "A1B2", "12345"];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: 400 }, () => pick(random, words)).join("");
      const limit = 20 + Math.floor(random() * 600);
      const cut = cutToTokens(text, limit);
      expect(estimateTokens(cut)).toBeLessThanOrEqual(limit);
      const kept = cut.replace(/\n?\[\.\.\. \d+ more lines \.\.\.\]$/, "");
      expect(text.startsWith(kept)).toBe(true);
    }
    for (const line of ["a,", "1", "x ", "漢", "Aa", "=", "\t"])
      for (const limit of [1, 40, 1000]) {
        const cut = cutToTokens(line.repeat(50_000), limit);
        expect(estimateTokens(cut)).toBeLessThanOrEqual(limit);
        expect(cut.length).toBeGreaterThan(limit / 4);
      }
    expect(cutToTokens("abc", 100)).toBe("abc");
    expect(cutToTokens("abc", -5)).toBe("");
  });
});

describe("an outline", () => {
  it("has constructors and public names, with where they stand", async () => {
    await using folder = await makeFolder({
      "tool.py":
        '"""Solves."""\n\n\nclass Solver:\n    """A solver."""\n\n    def __init__(self, n):\n        self.n = n\n\n    def run(self):\n        pass\n\n    def _step(self):\n        pass\n\n\ndef _private():\n    pass\n',
    });
    const [outline] = (await createContext(folder.path)).survey.outlines;
    if (!outline) throw new Error("The file has no outline.");
    const text = showOutline(outline);
    expect(text).toContain('"""Solves."""');
    expect(text).toMatch(/class Solver.*# A solver\..*\(line 4\)/);
    expect(text).toContain("__init__(self, n)");
    expect(text).toContain("run(self)");
    expect(text).not.toMatch(/_step|_private/);
  });
});
