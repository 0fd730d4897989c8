import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Draft } from "../../src/example/example.ts";
import type { Evidence } from "../../src/example/execution.ts";
import { type DependsOn, findChangedDependencies, listDependencies } from "../../src/pipeline/depends-on.ts";
import { surveyRepository } from "../../src/repository/survey.ts";
import type { TreeContent } from "../repository/make-repository.ts";
import { makeFolder, type TemporaryFolder } from "../support/author-context.ts";

const site = "/work/example/.venv/lib/python3.11/site-packages";

const repository: TreeContent = {
  "README.md": "# Waves\n",
  LICENSE: "MIT\n",
  "CHANGELOG.md": "waves.csv is new\n",
  "pyproject.toml": '[project]\nname = "waves"\nversion = "1"\n',
  "tox.ini": "[tox]\n",
  "poetry.lock": "",
  "requirements-dev.txt": "pytest\n",
  "docs/requirements.txt": "sphinx\n",
  "docs/waves.rst": "Waves\n",
  "src/waves/__init__.py": "from .core import speed\n",
  "src/waves/core.py": 'import os\nTABLE = os.path.join("..", "depths.txt")\ndef speed(): return 1\n',
  "src/waves/lazy.py": "def other(): return 2\n",
  "src/waves/tables/water.csv": "1\n",
  "src/waves/tests/case.csv": "1\n",
  "depths.txt": "7\n",
  "measured/2019/first run.csv": "1\n",
  "measured/2020/second.csv": "1\n",
  "unrelated/other.csv": "1\n",
  "examples/demo.py": "from waves import speed\nprint(speed())\n",
  "examples/requirements.txt": "matplotlib\n",
};

const draft: Pick<Draft, "files" | "provenance"> = {
  files: {
    "main.py": 'import waves\nfor year in years:\n    read(SOURCE / "measured" / str(year))\n',
    "requirements.txt": "numpy\n",
    "runscript.sh": "python -m pip install -r requirements.txt ./source\n",
  },
  provenance: [{ example: "example1", title: "Demo", path: "examples/demo.py", place: "", changes: [] }],
};

const called = (path: string, given: Partial<Evidence["functions"][number]> = {}): Evidence["functions"][number] => ({
  file: `${site}/${path}`,
  path,
  sha256: null,
  module: "waves.core",
  qualname: "speed",
  line: 1,
  count: 1,
  compiled: false,
  ...given,
});

const evidence: Evidence = {
  processes: 1,
  python: "3.11.2",
  functions: [called("src/waves/core.py")],
  impostors: [],
  modules: [
    { name: "waves", file: `${site}/waves/__init__.py` },
    { name: "numpy", file: `${site}/numpy/__init__.py` },
    { name: "mock", file: null },
  ],
  swallowed: [],
  errors: [],
};

async function list(
  { path }: TemporaryFolder,
  given: { draft?: Partial<typeof draft>; evidence?: Partial<Evidence> } = {},
): Promise<DependsOn> {
  return listDependencies({
    draft: { ...draft, ...given.draft },
    execution: { evidence: { ...evidence, ...given.evidence } },
    repositoryFolder: path,
    survey: await surveyRepository({ folder: path }),
  });
}

const pathsOf = (dependsOn: DependsOn): string[] | undefined => dependsOn?.map(({ path }) => path);

describe("listDependencies", () => {
  it("takes what ran, what it was taken from, what builds it, and the data that these name", async () => {
    await using folder = await makeFolder(repository);
    expect(pathsOf(await list(folder))).toEqual([
      "depths.txt",
      "examples/demo.py",
      "examples/requirements.txt",
      "measured/2019/first run.csv",
      "measured/2020/second.csv",
      "pyproject.toml",
      "src/waves/__init__.py",
      "src/waves/core.py",
      "src/waves/tables/water.csv",
    ]);
  });

  it("takes files that main.py or the run script name, code among them", async () => {
    await using folder = await makeFolder({ ...repository, "tools/prepare.py": "x = 1\n", "main.py": "y = 1\n" });
    const files = {
      ...draft.files,
      "runscript.sh": "python source/tools/prepare.py\nhead 'source/unrelated/other.csv'\n",
    };
    const paths = pathsOf(await list(folder, { draft: { files } }));
    expect(paths).toEqual(expect.arrayContaining(["tools/prepare.py", "unrelated/other.csv"]));
    expect(paths).not.toContain("main.py");
  });

  it("takes every compiled source where something compiled ran", async () => {
    await using folder = await makeFolder({
      ...repository,
      "src/waves/fast.pyx": "def f(): pass\n",
      "src/waves/fast.pxd": "\n",
      "vendor/fft.c": "int x;\n",
      "vendor/fft.h.in": "int x;\n",
      "CMakeLists.txt": "project(waves)\n",
    });
    const compiled = ["CMakeLists.txt", "src/waves/fast.pxd", "src/waves/fast.pyx", "vendor/fft.c", "vendor/fft.h.in"];
    const fast = called("waves/fast.cpython-311-x86_64-linux-gnu.so", { compiled: true, module: "waves.fast" });
    expect(pathsOf(await list(folder, { evidence: { functions: [fast] } }))).toEqual(expect.arrayContaining(compiled));
    expect(pathsOf(await list(folder))).not.toContain("vendor/fft.c");
  });

  it.each([
    ["nothing was seen to run", { functions: [] }],
    [
      "more was loaded than is kept",
      { modules: Array.from({ length: 1000 }, (_, index) => ({ name: `m${index}`, file: null })) },
    ],
  ])("is everything where %s", async (_what, given) => {
    await using folder = await makeFolder(repository);
    expect(await list(folder, { evidence: given })).toBeNull();
  });

  it("is everything where it would be more than 2,000 files", async () => {
    const tables = Array.from({ length: 2000 }, (_, index) => [`measured/${index}.csv`, ""]);
    await using folder = await makeFolder({ ...repository, ...Object.fromEntries(tables) });
    expect(await list(folder)).toBeNull();
  });

  it("reads nothing outside of the repository, and follows no link", async () => {
    await using outside = await makeFolder({ "secret.py": "x\n" });
    await using folder = await makeFolder({ ...repository, "linked.py": { link: join(outside.path, "secret.py") } });
    const functions = ["../secret.py", "/etc/passwd", "linked.py"].map((path) => called(path));
    expect(pathsOf(await list(folder, { evidence: { functions } }))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/secret|passwd|linked/)]),
    );
  });
});

describe("findChangedDependencies", () => {
  const change = async (work: (path: (name: string) => string) => void) => {
    await using folder = await makeFolder(repository);
    const dependsOn = await list(folder);
    work((name) => join(folder.path, name));
    return await findChangedDependencies({ dependsOn, repositoryFolder: folder.path });
  };

  it("says nothing of files that the example does not depend on", async () => {
    const found = await change((path) => {
      writeFileSync(path("README.md"), "# More about waves\n");
      writeFileSync(path("src/waves/lazy.py"), "");
      writeFileSync(path("new.py"), "");
      writeFileSync(path("requirements-dev.txt"), "ruff\n");
    });
    expect(found).toEqual({ changed: [], everything: false });
  });

  it("names what is gone, holds other bytes, is a link now, or is new and decides the environment", async () => {
    const found = await change((path) => {
      writeFileSync(path("src/waves/core.py"), "def speed(): return 2\n");
      rmSync(path("depths.txt"));
      rmSync(path("examples/demo.py"));
      writeFileSync(path("same.py"), String(repository["examples/demo.py"]));
      symlinkSync(path("same.py"), path("examples/demo.py"));
      writeFileSync(path("setup.cfg"), "[metadata]\n");
    });
    const changed = ["depths.txt", "examples/demo.py", "setup.cfg", "src/waves/core.py"];
    expect(found).toEqual({ changed, everything: false });
  });

  it("says that anything may matter where nobody knows", async () => {
    await using folder = await makeFolder();
    const found = await findChangedDependencies({ dependsOn: null, repositoryFolder: folder.path });
    expect(found).toEqual({ changed: [], everything: true });
  });
});
