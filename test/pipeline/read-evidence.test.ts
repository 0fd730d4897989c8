import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Evidence } from "../../src/example/execution.ts";
import { readEvidence } from "../../src/pipeline/read-evidence.ts";
import { makeFolder } from "../support/author-context.ts";

const code = "def f(): pass\n";
const sha256 = createHash("sha256").update(code).digest("hex");
const inSource = "/work/example/source/pkg/a.py";

const called = (file: string, given: object = {}): object => ({
  file,
  sha256,
  module: "pkg.a",
  qualname: "f",
  line: 1,
  count: 3,
  ...given,
});
const record = (given: object): object => ({ version: 1, pid: 1, python: "3.11.2", functions: [], ...given });

async function evidenceOf(records: Record<string, unknown>): Promise<Evidence> {
  await using folder = await makeFolder({ "repository/pkg/a.py": code, "repository/src/deep/b.py": code });
  await using observed = await makeFolder(
    Object.fromEntries(
      Object.entries(records).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  );
  return await readEvidence({
    folder: observed.path,
    exampleFolder: "/work/example",
    repositoryFolder: join(folder.path, "repository"),
    modules: ["pkg", "deep"],
  });
}

describe("readEvidence", () => {
  it("takes functions whose file is the repository's own, and adds up processes", async () => {
    const evidence = await evidenceOf({
      "1.json": record({ functions: [called(inSource)] }),
      "2.json": record({ pid: 2, functions: [called(inSource)] }),
    });
    expect(evidence).toMatchObject({
      processes: 2,
      python: "3.11.2",
      functions: [{ path: "pkg/a.py", qualname: "f", count: 6 }],
      impostors: [],
    });
  });

  it("takes what was installed from the repository, also from src", async () => {
    const site = "/work/example/.venv/lib/python3.11/site-packages";
    const functions = [called(`${site}/pkg/a.py`), called(`${site}/deep/b.py`)];
    const evidence = await evidenceOf({ "1.json": record({ functions }) });
    expect(evidence.functions.map(({ path }) => path).sort()).toEqual(["pkg/a.py", "src/deep/b.py"]);
  });

  it.each([
    ["other bytes than the commit's", called(inSource, { sha256: "0".repeat(64) })],
    ["no hash", called(inSource, { sha256: null })],
    ["a file beside main.py", called("/work/example/pkg/a.py")],
    ["a file elsewhere", called("/tmp/pkg/a.py")],
    ["a path that climbs out", called("/work/example/source/../pkg/a.py")],
    ["a file that the repository does not hold", called("/work/example/source/pkg/new.py")],
  ])("takes %s for an impostor", async (_what, functionCalled) => {
    const evidence = await evidenceOf({ "1.json": record({ functions: [functionCalled] }) });
    expect(evidence.functions).toEqual([]);
    expect(evidence.impostors).toHaveLength(1);
  });

  it("finds a module of the repository's name that was loaded from elsewhere", async () => {
    const modules = [
      { name: "pkg", file: "/work/example/pkg.py" },
      { name: "pkg.a", file: inSource },
      { name: "numpy", file: "/elsewhere/numpy.py" },
      { name: "pkg.c", file: null },
    ];
    const evidence = await evidenceOf({ "1.json": record({ modules }) });
    expect(evidence.impostors).toEqual([{ module: "pkg", file: "/work/example/pkg.py" }]);
  });

  it("takes compiled functions of the environment without a hash", async () => {
    const file = "/work/example/.venv/lib/python3.11/site-packages/pkg/_fast.so";
    const evidence = await evidenceOf({
      "1.json": record({ functions: [called(file, { sha256: null, compiled: true, module: "pkg._fast" })] }),
    });
    expect(evidence.functions).toMatchObject([{ path: "pkg/_fast.so", compiled: true }]);
  });

  it("passes over records that are no records", async () => {
    const evidence = await evidenceOf({
      "broken.json": "{",
      "null.json": "null",
      "wrong.json": JSON.stringify({ version: 2, pid: 1, python: "x" }),
      "deep.json": "[".repeat(100_000),
      "note.txt": JSON.stringify(record({})),
      "odd.json": record({ functions: "many", modules: 4, errors: [1] }),
    });
    expect(evidence).toMatchObject({ processes: 1, functions: [], impostors: [], errors: [] });
  });

  it("keeps swallowed exceptions of the example, not those that are raised again", async () => {
    const handled = (file: string, reraises: boolean) => ({ file, line: 1, type: "E", count: 1, reraises });
    const handledExceptions = [
      handled("/work/example/main.py", false),
      handled(inSource, true),
      handled("/usr/a", false),
    ];
    const evidence = await evidenceOf({ "1.json": record({ handledExceptions }) });
    expect(evidence.swallowed).toMatchObject([{ file: "/work/example/main.py" }]);
  });

  it("is empty where nothing was observed", async () => {
    const options = { exampleFolder: "/e", repositoryFolder: "/r", modules: [] };
    expect(await readEvidence({ folder: "/nonexistent/observer", ...options })).toMatchObject({
      processes: 0,
      functions: [],
    });
  });
});
