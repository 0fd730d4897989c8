import { describe, expect, it } from "vitest";
import { readSnippets } from "../../src/repository/snippets.ts";

const fence = "```";

describe("readSnippets", () => {
  it("reads the fences of Markdown in order, with heading, prose and lines", async () => {
    const text = `# Title\n\nFirst **words**.\n\n${fence}python\nimport a\na.f()\n${fence}\n\n## More\n\n${fence}bash\npython run.py\n${fence}\n\n    indented()\n`;
    expect(await readSnippets("README.md", text)).toEqual([
      {
        path: "README.md",
        startLine: 6,
        endLine: 7,
        cell: null,
        kind: "python",
        heading: "Title",
        prose: "First words.",
        code: "import a\na.f()",
      },
      expect.objectContaining({ startLine: 13, endLine: 13, kind: "console", heading: "More", code: "python run.py" }),
      expect.objectContaining({ startLine: 16, kind: "python", code: "indented()" }),
    ]);
  });

  it("keeps a fence line inside a longer fence, and a command between back-ticks", async () => {
    const text = `${fence}\`python\ntext = """\n${fence}\n"""\n${fence}\`\n\nRun \`python go.py 3\`.\n`;
    const [code, command] = await readSnippets("README.md", text);
    expect(code?.code).toContain(fence);
    expect(command).toMatchObject({ kind: "console", code: "python go.py 3" });
  });

  it("tells doctests, consoles, Python and other text apart without a declared language", async () => {
    const blocks = [">>> 1 + 1\n2", "$ pip install x", "import x\nx.f()", "a  b  c\n1  2  3", "int main() {}"];
    const text = blocks.map((block) => `${fence}\n${block}\n${fence}\n`).join("\n");
    const kinds = (await readSnippets("README.md", text)).map(({ kind }) => kind);
    expect(kinds).toEqual(["doctest", "console", "python", "other", "other"]);
  });

  it("reads directives, literal blocks and doctests of reStructuredText", async () => {
    const text = `Title\n=====\n\n.. code-block:: python\n   :linenos:\n\n   import a\n\n   a.f()\n\nLike this::\n\n    $ python x.py\n\n>>> 1\n1\n`;
    expect(await readSnippets("README.rst", text)).toEqual([
      expect.objectContaining({
        startLine: 7,
        endLine: 9,
        kind: "python",
        heading: "Title",
        code: "import a\n\na.f()",
      }),
      expect.objectContaining({ startLine: 13, kind: "console", code: "$ python x.py" }),
      expect.objectContaining({ startLine: 15, endLine: 16, kind: "doctest" }),
    ]);
  });

  it("reads a README without a suffix as plain text", async () => {
    const [snippet] = await readSnippets("README", "Usage::\n\n  import a\n  a.f()\n");
    expect(snippet).toMatchObject({ kind: "python", code: "import a\na.f()" });
  });

  it("reads notebooks of format 4 with magics as comments and the text above as heading", async () => {
    const cells = [
      { cell_type: "markdown", source: ["# Fit\n", "Two peaks."] },
      {
        cell_type: "code",
        source: ["%matplotlib inline\n", "!pip install x\n", "import a\n", "a.f?\n", "  %time a.f()"],
      },
      { cell_type: "code", source: "%%bash\nls" },
      { cell_type: "raw", source: "x" },
    ];
    const [first, second, ...rest] = await readSnippets(
      "n.ipynb",
      JSON.stringify({ nbformat: 4, metadata: {}, cells }),
    );
    expect(first).toMatchObject({ cell: 2, kind: "python", heading: "Fit", prose: "Two peaks." });
    expect(first?.code).toBe("# %matplotlib inline\n# !pip install x\nimport a\n# a.f?\n  # %time a.f()");
    expect(second?.code).toBe("# %%bash\n# ls");
    expect(rest).toEqual([]);
  });

  it("reads notebooks of format 3", async () => {
    const text = JSON.stringify({ nbformat: 3, worksheets: [{ cells: [{ cell_type: "code", input: ["x = 1"] }] }] });
    expect(await readSnippets("old.ipynb", text)).toMatchObject([{ cell: 1, kind: "python", code: "x = 1" }]);
  });

  it("does not take another kernel's cells for Python", async () => {
    const metadata = { kernelspec: { language: "R", name: "ir" } };
    const text = JSON.stringify({ metadata, cells: [{ cell_type: "code", source: "x <- 1" }] });
    expect(await readSnippets("r.ipynb", text)).toMatchObject([{ kind: "other" }]);
  });

  it.each([
    ["broken JSON", '{"cells": ['],
    ["cells of wrong types", '{"cells": [null, 7, {"cell_type": "code", "source": 42}]}'],
    ["100,000 nested lists", `{"cells": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["no object", "[]"],
    ["nothing", ""],
  ])("finds nothing in a notebook of %s", async (_what, text) => {
    expect(await readSnippets("bad.ipynb", text)).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["fences that grow", "a.md", Array.from({ length: 600 }, (_, n) => `${"`".repeat(n + 3)}python\nx\n`).join("")],
    ["quotes in quotes", "a.md", ">".repeat(300_000)],
    ["quotes just below the bound", "a.md", `${"> ".repeat(18)}a\n`.repeat(500)],
    ["emphasis without end", "a.md", "*a_ ".repeat(90_000)],
    ["images without end", "a.md", "![](".repeat(40_000)],
    ["lists in lists", "a.md", "- ".repeat(100_000)],
    ["a fence of blank lines", "a.md", `${fence}\n${"\n".repeat(100_000)}x\n${fence}\n`],
    ["a line of blanks", "a.rst", `${" ".repeat(390_000)}x`],
    ["a line of colons", "a.rst", ":".repeat(390_000)],
    ["lists of colons", "a.rst", "x::\n".repeat(90_000)],
    [
      "a notebook of blanks",
      "a.ipynb",
      JSON.stringify({ cells: [{ cell_type: "code", source: `${" ".repeat(300_000)}x` }] }),
    ],
    [
      "a notebook of blank lines",
      "a.ipynb",
      JSON.stringify({ cells: [{ cell_type: "code", source: `${"\n".repeat(100_000)}x` }] }),
    ],
    ["50 MB in one line", "a.md", "word ".repeat(10_000_000)],
  ])("reads %s in bounded time", async (_what, path, text) => {
    const started = performance.now();
    await readSnippets(path, text);
    expect(performance.now() - started).toBeLessThan(6000);
  });

  it("takes a token of a language model for text", async () => {
    const [snippet] = await readSnippets("README.md", `<|endoftext|>\n\n${fence}python\nf("<|im_end|>")\n${fence}\n`);
    expect(snippet).toMatchObject({ kind: "python", code: 'f("<|im_end|>")' });
  });
});
