import { describe, expect, it } from "vitest";
import { outlineFile } from "../../src/repository/outline.ts";
import { parsePython } from "../../src/repository/python-source.ts";

const namesOf = async (path: string, language: string, text: string): Promise<string[]> =>
  ((await outlineFile(path, language, text))?.symbols ?? []).map(
    ({ kind, qualifiedName }) => `${kind} ${qualifiedName}`,
  );

describe("outlineFile", () => {
  it("outlines Python: nested classes, methods, decorators, doc strings, lines", async () => {
    const text = `"""Module text.\n\nMore."""\nimport x\n\n@x.cache\ndef area(a, *, b: int = 1) -> float:\n    """Area of it.\n\n    More.\n    """\n    def inner(): pass\n\nclass Shape(Base):\n    class Edge:\n        def length(self): return 1\n    async def draw(self): "Draws."\n\nif x:\n    def late(): pass\n`;
    const outline = await outlineFile("a.py", "Python", text);
    expect(outline?.doc).toBe("Module text.");
    expect(outline?.symbols.map(({ qualifiedName }) => qualifiedName)).toEqual([
      "area",
      "Shape",
      "Shape.Edge",
      "Shape.Edge.length",
      "Shape.draw",
      "late",
    ]);
    expect(outline?.symbols[0]).toMatchObject({
      kind: "function",
      signature: "area(a, *, b: int = 1)",
      doc: "Area of it.",
      line: 7,
      endLine: 12,
    });
    expect(outline?.symbols[4]).toMatchObject({ kind: "method", doc: "Draws." });
  });

  it("outlines R, Julia and C++ by their grammars", async () => {
    expect(await namesOf("a.R", "R", "fit <- function(x, y = 2) {\n  x\n}\nz <- 3\n")).toEqual(["function fit"]);
    expect(
      await namesOf("a.jl", "Julia", "function solve(x)\n x\nend\nhalf(x) = x / 2\nstruct Grid\n n\nend\n"),
    ).toEqual(expect.arrayContaining(["function solve", "function half", "class Grid"]));
    const cpp =
      "// Sums.\ndouble sum(const double *x, int n) { return 0; }\nclass Mesh { public: void refine() {} };\nvoid Mesh::refine2() {}\n";
    expect(await namesOf("a.cpp", "C++", cpp)).toEqual(
      expect.arrayContaining(["function sum", "class Mesh", "method Mesh.refine2"]),
    );
    expect((await outlineFile("a.cpp", "C++", cpp))?.symbols[0]?.doc).toBe("Sums.");
  });

  it("says nothing about a language without a grammar", async () => {
    expect(await outlineFile("a.f90", "Fortran", "subroutine x\nend")).toBeNull();
  });

  it.each([
    ["Python", "(".repeat(20_000) + ")".repeat(20_000)],
    ["Python", `x = ${"[".repeat(50_000)}`],
    ["Python", "x = 1; ".repeat(50_000)],
    ["C++", "{".repeat(50_000)],
    ["C++", "int f(){} ".repeat(20_000)],
    ["Julia", "f(x)=(".repeat(5_000)],
    ["R", "f<-function(x){".repeat(3_000)],
  ])("reads hostile %s in bounded time", async (language, text) => {
    const started = performance.now();
    const outline = await outlineFile("a", language, text);
    expect(performance.now() - started).toBeLessThan(6000);
    expect(outline?.symbols.length ?? 0).toBeLessThanOrEqual(2000);
  });
});

describe("parsePython", () => {
  it("tells imports, calls, names bound and names free", async () => {
    const source = await parsePython(
      "import numpy as np\nfrom .sub import f as g, h\nfrom m import *\ntry:\n    import fast\nexcept ImportError:\n    fast = None\ny = g(np.ones(3), key=z)\nsquares = [i * i for i in range(y)]\n",
    );
    expect(source.imports).toMatchObject([
      { module: "numpy", alias: "np", level: 0, conditional: false },
      {
        module: "sub",
        level: 1,
        names: [
          { name: "f", alias: "g" },
          { name: "h", alias: "h" },
        ],
      },
      { module: "m", star: true },
      { module: "fast", conditional: true },
    ]);
    expect(source.calls.map(({ path }) => path)).toEqual(["g", "np.ones", "range"]);
    expect([...source.free]).toEqual(["z"]);
    expect(source.bound.has("i")).toBe(false);
    expect(source.errorLine).toBeNull();
  });

  it("finds Python 2 by its statements, and the line", async () => {
    expect(await parsePython("x = 1\nprint 'a'\n")).toMatchObject({ python2: true, errorLine: 2 });
    expect(await parsePython("exec 'x = 1'\n")).toMatchObject({ python2: true });
    expect(await parsePython("print('a')\n")).toMatchObject({ python2: false, errorLine: null });
  });

  it("names the first line that is no Python", async () => {
    expect((await parsePython("x = 1\ny = (\n")).errorLine).toBe(2);
  });

  it("knows which lines lie inside a string of several lines", async () => {
    const source = await parsePython('x = """a\n  b\nc"""\ny = 1\n');
    expect([...source.stringLines]).toEqual([2, 3]);
  });

  it("sees a main guard, a command line and __file__", async () => {
    const source = await parsePython("import sys\nprint(sys.argv, __file__)\nif __name__ == '__main__':\n    main()\n");
    expect(source).toMatchObject({ hasMainGuard: true, usesArguments: true, usesDunderFile: true });
  });

  it("gives up on texts that are too long or too deep instead of failing", async () => {
    expect((await parsePython("x = 1; ".repeat(200_000))).errorLine).toBe(1);
    await expect(parsePython("[".repeat(30_000) + "]".repeat(30_000))).resolves.toHaveProperty("errorLine");
    await expect(parsePython(`x = a${"()".repeat(20_000)}`)).resolves.toHaveProperty("errorLine");
  });
});
