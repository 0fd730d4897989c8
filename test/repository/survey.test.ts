import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { languageOf, typeOf } from "../../src/repository/file-types.ts";
import { findPythonModules } from "../../src/repository/modules.ts";
import { readPackaging } from "../../src/repository/packaging.ts";
import { Survey, surveyRepository } from "../../src/repository/survey.ts";
import { fixtureFolder, fixtureNames, makeFolder } from "../support/author-context.ts";
import { writeHostileRepository } from "../support/hostile-repository.ts";

const coreOf = (survey: Survey): string[] => survey.coreFunctions.map(({ qualifiedName }) => qualifiedName);

describe("surveyRepository", () => {
  it.each(["README.md", "readme.markdown", "ReadMe.rst", "README.TXT", "Readme", "README.adoc"])(
    "takes %s for the README",
    async (name) => {
      await using folder = await makeFolder({ [name]: "text\n", "docs/README.md": "x\n" });
      expect((await surveyRepository({ folder: folder.path })).readme).toBe(name);
    },
  );

  it("prefers Markdown to reStructuredText to the rest, and does without a README", async () => {
    await using several = await makeFolder({ "README.txt": "a", "README.rst": "a", "readme.md": "a" });
    await using none = await makeFolder({ "a.py": "x = 1\n" });
    expect((await surveyRepository({ folder: several.path })).readme).toBe("readme.md");
    expect((await surveyRepository({ folder: none.path })).readme).toBeNull();
  });

  it("sees toml, cfg, rst, environment and CI files, and never .git", async () => {
    const files = {
      "pyproject.toml": "",
      "setup.cfg": "",
      "docs/usage.rst": "",
      "environment.yml": "",
      ".github/workflows/ci.yml": "",
      ".git/config": "",
      "sub/.git/config": "",
    };
    await using folder = await makeFolder(files);
    const survey = await surveyRepository({ folder: folder.path });
    expect(survey.files.map(({ path, type }) => `${path} ${type}`)).toEqual([
      ".github/workflows/ci.yml continuous-integration",
      "docs/usage.rst documentation",
      "environment.yml packaging",
      "pyproject.toml packaging",
      "setup.cfg packaging",
    ]);
  });

  it("reads every notebook and deep file, not the shallowest ten", async () => {
    const cell = (name: string) => JSON.stringify({ cells: [{ cell_type: "code", source: `${name}()` }] });
    const notebooks = Array.from({ length: 20 }, (_, n) => [`a/b/c/n${n}.ipynb`, cell(`f${n}`)]);
    const sources = Array.from({ length: 60 }, (_, n) => [`pkg/deep/er/m${n}.py`, `def g${n}(): pass\n`]);
    await using folder = await makeFolder(Object.fromEntries([...notebooks, ...sources]));
    const survey = await surveyRepository({ folder: folder.path });
    expect(survey.snippets).toHaveLength(20);
    expect(survey.outlines).toHaveLength(60);
  });

  it("reads an empty folder", async () => {
    await using folder = await makeFolder();
    const survey = await surveyRepository({ folder: folder.path });
    expect(survey).toMatchObject({ files: [], readme: null, licence: null, snippets: [], coreFunctions: [] });
  });

  it("keeps to a subdirectory but reads the root's README", async () => {
    await using folder = await makeFolder({ "README.md": "a", "a/x.py": "", "b/y.py": "" });
    const survey = await surveyRepository({ folder: folder.path, subdirectory: "b" });
    expect(survey.files.map(({ path }) => path)).toEqual(["README.md", "b/y.py"]);
  });

  it("stops when it is cancelled", async () => {
    await using folder = await makeFolder({ "a.py": "" });
    const signal = AbortSignal.abort();
    await expect(surveyRepository({ folder: folder.path, signal })).rejects.toMatchObject({ code: "cancelled" });
  });

  it("lists as foreign imports neither the standard library nor the repository's own", async () => {
    await using folder = await makeFolder({
      "a.py": "import os, numpy\nimport b\ntry:\n    import fast\nexcept E: pass\n",
      "b.py": "",
    });
    const survey = await surveyRepository({ folder: folder.path });
    expect(survey.foreignImports).toEqual([
      { module: "numpy", path: "a.py", line: 1, conditional: false },
      { module: "fast", path: "a.py", line: 4, conditional: true },
    ]);
  });

  it("leaves out the examples that were put there before, unless they are what is asked for", async () => {
    const published = JSON.stringify({ distiller: { coreFunctions: [] } });
    await using folder = await makeFolder({
      "area.py": "def area(a):\n    return a * a\n",
      "examples/metadata.json": "{}",
      "examples/square.py": "from area import area\n\nprint(area(2))\n",
      "examples/area/metadata.json": published,
      "examples/area/main.py": "from area import area\n\nprint(area(3))\n",
      "examples/area/outputs/log.json": "[]",
    });
    const pathsOf = async (subdirectory: string | null) =>
      (await surveyRepository({ folder: folder.path, subdirectory })).files.map(({ path }) => path);
    expect(await pathsOf(null)).toEqual(["area.py", "examples/metadata.json", "examples/square.py"]);
    expect(await pathsOf("examples/area")).toContain("examples/area/main.py");
  });

  it("finds Python 2 files", async () => {
    await using folder = await makeFolder({
      "old.py": "print 'a'\n",
      "new.py": "print('a')\n",
      "broken.py": "x = (\n",
    });
    expect((await surveyRepository({ folder: folder.path })).python2).toEqual(["old.py"]);
    expect((await surveyRepository({ folder: fixtureFolder("legacy-lattice") })).python2).toContain("ising.py");
  });

  it("finds as core functions what a good example of each sample calls", async () => {
    const wanted = {
      "orbital-elements": ["solve_kepler", "OrbitalElements.from_degrees", "hohmann_transfer", "ground_track"],
      peakfinder: ["detect_peaks", "fit_gaussian", "gaussian", "asymmetric_baseline"],
      "legacy-lattice": ["Lattice", "block_error", "autocorrelation_time"],
      "reaction-diffusion-scripts": ["simulate", "read_parameters", "wavelength", "count_spots"],
      "gpu-diffusion-net": ["UNet", "sample"],
    };
    for (const name of fixtureNames) {
      const survey = await surveyRepository({ folder: fixtureFolder(name) });
      expect(coreOf(survey)).toEqual(expect.arrayContaining(wanted[name]));
    }
  });

  it("says of each core function where it stands and what uses it", async () => {
    const survey = await surveyRepository({ folder: fixtureFolder("orbital-elements") });
    expect(survey.coreFunctions[0]).toMatchObject({ name: "solve_kepler", path: "src/orbelem/kepler.py", line: 22 });
    expect(survey.coreFunctions[0]?.usedIn).toContain("README.md");
  });

  it("says that a repository needs a GPU, with file and line", async () => {
    const { needs } = await surveyRepository({ folder: fixtureFolder("gpu-diffusion-net") });
    expect(needs).toContainEqual({ kind: "gpu", path: "sample.py", line: 18, text: "net = UNet().cuda()" });
    expect(needs).toContainEqual(expect.objectContaining({ kind: "conda", path: "README.md", line: 13 }));
  });

  it("gives the same survey twice, and one that its own schema reads", async () => {
    for (const name of fixtureNames) {
      const first = await surveyRepository({ folder: fixtureFolder(name) });
      expect(await surveyRepository({ folder: fixtureFolder(name) })).toEqual(first);
      expect(Survey.parse(JSON.parse(JSON.stringify(first)))).toEqual(first);
    }
  });

  it("does not count names of other packages as uses", async () => {
    await using folder = await makeFolder({
      "pkg/__init__.py": "",
      "pkg/core.py": "def zeros(n): pass\ndef real(n): pass\n",
      "README.md": "```python\nimport numpy as np\nfrom pkg.core import real\nnp.zeros(3)\nreal(1)\n```\n",
    });
    expect(coreOf(await surveyRepository({ folder: folder.path }))).toEqual(["real"]);
  });

  it("surveys a hostile repository: no link followed, nothing leaked, bounded time and memory", async () => {
    await using folder = await makeFolder({ "outside.md": "```python\nleaked_from_outside()\n```\n" });
    const hostile = join(folder.path, "a/b/hostile");
    await writeHostileRepository(hostile);
    const started = performance.now();
    const before = process.memoryUsage().rss;
    const survey = await surveyRepository({ folder: hostile });
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20);
    const paths = survey.files.map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith("links/") || path === "CITATION.md")).toEqual([]);
    expect(paths.filter((path) => path.includes(".git/"))).toEqual([]);
    const text = JSON.stringify(survey);
    expect(text).not.toMatch(/root:x:0:0|leaked_from_outside/);
    expect(survey.packaging.dependencies.every(({ requirement }) => /^[\w.-]+$/.test(requirement.name))).toBe(true);
    expect(survey.packaging.refused.length).toBeGreaterThan(5);
    expect(survey.outlines.find(({ path }) => path === "tiny_stats.py")?.symbols).toHaveLength(2);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });
});

describe("typeOf and languageOf", () => {
  it.each([
    ["README", "readme"],
    ["docs/index.rst", "documentation"],
    ["LICENCE.txt", "licence"],
    ["environment-dev.yaml", "packaging"],
    ["examples/a.py", "example"],
    ["src/example_fit.py", "example"],
    ["tests/test_a.py", "test"],
    ["pkg/a.py", "source"],
    ["run.sh", "runscript"],
    ["data/a.csv", "data"],
    ["a.ipynb", "notebook"],
    [".travis.yml", "continuous-integration"],
  ])("takes %s for %s", (path, type) => expect(typeOf(path)).toBe(type));

  it("tells languages by suffix in any case", () => {
    expect(["a.PY", "a.f90", "a.R", "a.jl", "a.unknown", "py"].map(languageOf)).toEqual([
      "Python",
      "Fortran",
      "R",
      "Julia",
      null,
      null,
    ]);
  });
});

describe("findPythonModules", () => {
  it("names modules as they are imported, below src and in packages", async () => {
    const packaging = await readPackaging([], false);
    const modules = findPythonModules(
      [
        "src/pkg/__init__.py",
        "src/pkg/sub/__init__.py",
        "src/pkg/sub/a.py",
        "script.py",
        "setup.py",
        "tests/test_a.py",
      ],
      packaging,
    );
    expect(modules.nameOfPath.get("src/pkg/sub/a.py")).toBe("pkg.sub.a");
    expect(modules.nameOfPath.get("src/pkg/__init__.py")).toBe("pkg");
    expect([...modules.topLevel].sort()).toEqual(["pkg", "script"]);
    expect(modules.folderOfTopLevel.get("pkg")).toBe("src");
    expect(modules.folderOfTopLevel.get("script")).toBe("");
  });
});
