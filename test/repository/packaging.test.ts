import { describe, expect, it } from "vitest";
import { readPackaging } from "../../src/repository/packaging.ts";

const namesOf = (packaging: Awaited<ReturnType<typeof readPackaging>>): string[] =>
  packaging.dependencies.map(({ requirement }) => requirement.name + requirement.specifier);

describe("readPackaging", () => {
  it("reads pyproject.toml: identity, dependencies, build, scripts and the source folder", async () => {
    const text = `[build-system]
requires = ["setuptools>=61", "cython"]
[project]
name = "wavelets"
version = "1.2"
description = "Fast\\nwavelets"
requires-python = ">=3.8"
dependencies = ["numpy>=1.20", "scipy<2"]
[project.scripts]
wavelets = "wavelets.cli:main"
[tool.setuptools]
package-dir = { "" = "src" }
py-modules = ["wavelets_compat"]
`;
    const packaging = await readPackaging([{ path: "pyproject.toml", text }], true);
    expect(packaging).toMatchObject({
      name: "wavelets",
      version: "1.2",
      description: "Fast wavelets",
      pythonRequires: ">=3.8",
      packageRoot: "src",
      installable: true,
      compiled: true,
      entryPoints: [{ name: "wavelets", target: "wavelets.cli:main" }],
      declaredModules: ["wavelets_compat"],
      refused: [],
    });
    expect(namesOf(packaging)).toEqual(["numpy>=1.20", "scipy<2"]);
    expect(packaging.buildRequires.map(({ name }) => name)).toEqual(["setuptools", "cython"]);
  });

  it("reads Poetry's table, without Python itself", async () => {
    const text = `[tool.poetry]\nname = "p"\n[tool.poetry.dependencies]\npython = "^3.9"\nnumpy = "^1.2"\n`;
    const packaging = await readPackaging([{ path: "pyproject.toml", text }], false);
    expect(packaging).toMatchObject({ name: "p", installable: true });
    expect(namesOf(packaging)).toEqual(["numpy"]);
  });

  it("reads the literals of a setup.py without running it", async () => {
    const text = `import os
from setuptools import setup, Extension
NAME = "spec" + str(os.getpid())
REQUIRES = ["numpy>=1.17", "h5py"]
os.system("touch PWNED")
setup(name="specpy", version=open("VERSION").read(), install_requires=REQUIRES, python_requires=">=3.7",
      py_modules=["specpy"], ext_modules=[Extension("fast", ["fast.c"])], package_dir={"": "lib"},
      entry_points={"console_scripts": ["spec = specpy:main"]}, description="a " "b")
`;
    const packaging = await readPackaging([{ path: "setup.py", text }], true);
    expect(packaging).toMatchObject({
      name: "specpy",
      version: null,
      description: "a b",
      pythonRequires: ">=3.7",
      compiled: true,
      packageRoot: "lib",
      declaredModules: ["specpy"],
      entryPoints: [{ name: "spec", target: "specpy:main" }],
    });
    expect(namesOf(packaging)).toEqual(["numpy>=1.17", "h5py"]);
  });

  it("reads setup.cfg with its indented lists", async () => {
    const text = `[metadata]\nname = lattice\nversion = 0.3\n[options]\npython_requires = >=3.6\npackage_dir =\n    = src\ninstall_requires =\n    numpy\n    tqdm>=4\n[options.extras_require]\ntest = pytest\n`;
    const packaging = await readPackaging([{ path: "setup.cfg", text }], false);
    expect(packaging).toMatchObject({ name: "lattice", version: "0.3", packageRoot: "src", pythonRequires: ">=3.6" });
    expect(namesOf(packaging)).toEqual(["numpy", "tqdm>=4"]);
  });

  it("keeps the first declaration of a name and passes over lists for developers", async () => {
    const packaging = await readPackaging(
      [
        { path: "requirements-dev.txt", text: "black\n" },
        { path: "docs/requirements.txt", text: "sphinx\n" },
        { path: "requirements.txt", text: "NumPy<2\n# a comment\n\nh5py  # for files\n" },
        { path: "setup.py", text: "from setuptools import setup\nsetup(install_requires=['numpy>=1'])\n" },
      ],
      false,
    );
    expect(namesOf(packaging)).toEqual(["numpy>=1", "h5py"]);
  });

  it("refuses options, URLs and paths in requirements.txt and names them", async () => {
    const lines = ["-e .", "--index-url http://evil.invalid", "file:///etc/passwd", "x @ http://evil.invalid/x.whl"];
    const packaging = await readPackaging([{ path: "requirements.txt", text: [...lines, "numpy"].join("\n") }], false);
    expect(namesOf(packaging)).toEqual(["numpy"]);
    expect(packaging.refused.map(({ line }) => line)).toEqual(lines);
  });

  it("takes pip's part of a conda environment as requirements and the rest as conda's names", async () => {
    const text = `dependencies:\n  - python=3.9\n  - conda-forge::rdkit=2022.9\n  - numpy<1.24\n  - pip:\n      - einops==0.4.1\n      - -e .\n`;
    const packaging = await readPackaging([{ path: "environment.yml", text }], false);
    expect(packaging.condaOnly).toEqual(["python", "rdkit", "numpy"]);
    expect(namesOf(packaging)).toEqual(["einops==0.4.1"]);
    expect(packaging.refused).toEqual([{ line: "-e .", path: "environment.yml" }]);
  });

  it("is not blown up by a YAML file of aliases of aliases", async () => {
    const laughs = Array.from("bcdefghi", (name, index) => {
      const before = String.fromCharCode("a".charCodeAt(0) + index);
      return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]\n`;
    });
    const text = `a: &a ["lol"]\n${laughs.join("")}dependencies: *i\n`;
    const started = performance.now();
    const packaging = await readPackaging([{ path: "environment.yml", text }], false);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(packaging.dependencies).toEqual([]);
    expect(packaging.refused).toHaveLength(1);
  });

  it("names a file that cannot be parsed and still reads the others", async () => {
    const packaging = await readPackaging(
      [
        { path: "pyproject.toml", text: '[project\nname = "x\n' },
        { path: "requirements.txt", text: "numpy\n" },
        { path: "environment.yml", text: "a: [1\nb: }" },
      ],
      false,
    );
    expect(namesOf(packaging)).toEqual(["numpy"]);
    expect(packaging.refused.map(({ path }) => path)).toEqual(["pyproject.toml", "environment.yml"]);
    for (const { line } of packaging.refused) expect(line).toMatch(/^cannot be parsed/);
  });

  it("survives values of the wrong type", async () => {
    const packaging = await readPackaging(
      [
        { path: "pyproject.toml", text: 'project = 4\n[tool.poetry]\nname = 3\ndependencies = "x"\n' },
        { path: "environment.yml", text: "dependencies: {a: 1}\n" },
        { path: "setup.cfg", text: "[metadata]\nname[] = 1\n[__proto__]\npolluted = 1\n" },
      ],
      false,
    );
    expect(packaging.dependencies).toEqual([]);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("is not slowed by a setup.cfg of blanks", async () => {
    const started = performance.now();
    for (const blank of ["\n", " "])
      await readPackaging([{ path: "setup.cfg", text: `[metadata]\nname=a\n${blank.repeat(400_000)}x` }], false);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
