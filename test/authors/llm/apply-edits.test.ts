import { describe, expect, it } from "vitest";
import { applyEdits } from "../../../src/authors/llm/apply-edits.ts";
import { createRandom, pick, pickLines } from "./seeded-random.ts";

const main = "import a\n\n\ndef example1():\n    x = a.f(1)\n    return {'x': x}\n";

/** `main.py` after the edits, and what could not be done. */
function edit(text: string, ...edits: Array<[find: string, replace: string]>): [string | undefined, string[]] {
  const { files, problems } = applyEdits(
    new Map([["main.py", text]]),
    edits.map(([find, replace]) => ({ path: "main.py", find, replace })),
  );
  return [files.get("main.py"), problems];
}

describe("an edit", () => {
  it("changes the one place where its text stands, and nothing else", () => {
    const random = createRandom(3);
    for (let round = 0; round < 300; round++) {
      const before = pickLines(random, ["a = 1", "", "    b()", "# c"], 8);
      const after = pickLines(random, ["a = 1", "", "    b()", "# c"], 8);
      const replace = pick(random, ["", "$&", "$1$'$`", "two\nlines", "$$"]);
      expect(edit(`${before}\nhere = 1\n${after}`, ["here = 1", replace])).toEqual([
        `${before}\n${replace}\n${after}`,
        [],
      ]);
    }
  });

  it("may be a part of a line, or several lines", () => {
    expect(edit(main, ["a.f(1)", "a.g(2)"])[0]).toContain("    x = a.g(2)\n");
    expect(edit(main, ["\n    x = a.f(1)\n    return", "\n    return"])[0]).toContain(
      "def example1():\n    return {'x': x}\n",
    );
  });

  it("is refused where its text is not in the file, or in it twice", () => {
    expect(edit(main, ["y = 2", "y = 3"])).toEqual([
      main,
      ["Edit 1 of main.py: the text to find is not in the file. It begins with: y = 2"],
    ]);
    expect(edit(main, ["a", "b"])[1][0]).toMatch(/is in the file \d+ times/);
    expect(edit("x = 1\nx = 1\nx = 1\n", ["x = 1\nx = 1", "y"])).toEqual([
      "x = 1\nx = 1\nx = 1\n",
      [expect.stringContaining("is in the file 2 times")],
    ]);
    expect(edit(main, [" \n", "y"])[0]).toBe(main);
  });

  it("is refused for a file that is not there", () => {
    const { files, problems } = applyEdits(new Map([["main.py", main]]), [
      { path: "other.py", find: "a", replace: "b" },
    ]);
    expect([...files.keys()]).toEqual(["main.py"]);
    expect(problems).toEqual(["Edit 1 of other.py: there is no such file."]);
  });

  it("forgives blanks at line ends, on either side, and blank lines around its text", () => {
    expect(edit("a = 1   \nb = 2\t\nc = 3\n", ["a = 1\nb = 2", "d = 4"])).toEqual(["d = 4\nc = 3\n", []]);
    expect(edit("a = 1\nb = 2\nc = 3\n", ["\n \na = 1  \nb = 2 \n\n", "d = 4"])).toEqual(["d = 4\nc = 3\n", []]);
    expect(edit("a = 1\nb = 2 ", ["b = 2  ", ""])).toEqual(["a = 1\n", []]);
  });

  it("does not forgive margins, for they mean something in Python", () => {
    expect(edit("    a = 1\n", ["  a = 1  ", "b"])[1]).toHaveLength(1);
  });

  it("is refused where only blanks tell two places apart", () => {
    const text = "a = 1 \nb = 2\na = 1\t\nb = 2\n";
    expect(edit(text, ["a = 1\nb = 2", "c"])).toEqual([text, [expect.stringContaining("is in the file 2 times")]]);
    expect(edit("a \na\t\na \n", ["a\na", "c"])[1]).toEqual([expect.stringContaining("is in the file 2 times")]);
  });
});

describe("edits", () => {
  it("are made in order, each on what the one before it left", () => {
    expect(edit("a\n", ["a", "b"], ["b", "c\nd"], ["d", "e"])).toEqual(["c\ne\n", []]);
    expect(edit("a\n", ["a", "b"], ["a", "c"])).toEqual(["b\n", [expect.stringContaining("Edit 2 of main.py")]]);
  });

  it("leave the files that they were given as they were", () => {
    const files = new Map([["main.py", main]]);
    applyEdits(files, [{ path: "main.py", find: "import a", replace: "import b" }]);
    expect(files).toEqual(new Map([["main.py", main]]));
  });

  it("are quick on long files that are made to be slow", () => {
    const before = performance.now();
    const lines = "a\n".repeat(100_000);
    expect(edit(lines, [`${"a\n".repeat(5000)}b`, "c"])[1]).toHaveLength(1);
    expect(edit(lines, ["a \n".repeat(5000), "c"])[1]).toHaveLength(1);
    expect(edit(`${lines}b \n`, [`a${"\n".repeat(100_000)}b`, "c"])[1]).toHaveLength(1);
    expect(edit(`${lines}b \n`, ["a\nb\t", "c"])[0]).toBe(`${lines.slice(0, -2)}c\n`);
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});
