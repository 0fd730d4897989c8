import { describe, expect, it } from "vitest";
import type { Execution } from "../../src/example/execution.ts";
import { assessExecution } from "../../src/pipeline/assess-execution.ts";
import type { CoreFunction } from "../../src/repository/core-functions.ts";
import { makeStep } from "../support/author-context.ts";

const core = (qualifiedName: string, given: Partial<CoreFunction> = {}): CoreFunction => ({
  name: qualifiedName.split(".").at(-1) ?? qualifiedName,
  qualifiedName,
  kind: "function",
  signature: "",
  doc: "",
  path: "pkg/core.py",
  line: 1,
  score: 1,
  usedIn: [],
  ...given,
});

type Observed = Execution["evidence"]["functions"][number];
const ran = (qualname: string, given: Partial<Observed> = {}): Observed => ({
  file: "/work/example/source/pkg/core.py",
  path: "pkg/core.py",
  sha256: null,
  module: "pkg.core",
  qualname,
  line: 1,
  count: 2,
  compiled: false,
  ...given,
});

function executionOf(functions: Observed[], given: Partial<Execution> = {}): Execution {
  return {
    environment: makeStep(),
    program: makeStep(),
    results: { example1: { values: { a: 1 } } },
    resultsProblem: null,
    log: [],
    files: [],
    left: [],
    evidence: { processes: 1, python: "3.11", functions, impostors: [], modules: [], swallowed: [], errors: [] },
    packages: [],
    ...given,
  };
}

const cores = [core("f"), core("g"), core("h"), core("i")];

describe("assessExecution", () => {
  it("passes an example that ran and called most of the three first core functions", () => {
    const { executed, grounded, coverage } = assessExecution(executionOf([ran("f"), ran("h"), ran("other")]), cores);
    expect([executed.result, grounded.result]).toEqual(["passed", "passed"]);
    expect(coverage.called.map(({ qualifiedName, count }) => `${qualifiedName} ${count}`)).toEqual(["f 2", "h 2"]);
    expect(coverage.notCalled.map(({ qualifiedName }) => qualifiedName)).toEqual(["g", "i"]);
  });

  it("looks at exit statuses: neither step may fail", () => {
    const failing = [
      { program: makeStep({ exitCode: 1 }) },
      { program: makeStep({ status: "timed-out", exitCode: null }) },
      { program: makeStep({ status: "out-of-memory", exitCode: null }) },
      { program: null },
      { environment: makeStep({ exitCode: 1 }) },
      { results: null, resultsProblem: "main.py left no results.json" },
    ];
    for (const given of failing) {
      const { executed, grounded } = assessExecution(executionOf([ran("f"), ran("g")], given), cores);
      expect([executed.result, grounded.result]).toEqual(["failed", "not-made"]);
    }
  });

  it("does not take an environment script that ended early with 0 for a program that ran", () => {
    const { executed } = assessExecution(
      executionOf([], { results: null, resultsProblem: "main.py left no results.json" }),
      cores,
    );
    expect(executed.evidence).toBe("main.py exited with 0, but main.py left no results.json.");
  });

  it("does not ground an example that calls nothing of the repository, or only its edges", () => {
    expect(assessExecution(executionOf([]), cores).grounded.result).toBe("failed");
    const edges = assessExecution(executionOf([ran("i"), ran("other")]), cores).grounded;
    expect(edges).toMatchObject({ result: "failed", evidence: expect.stringContaining("f, g, h") });
  });

  it("does not ground an example beside which a module of the same name was written", () => {
    const execution = executionOf([ran("f"), ran("g"), ran("h")]);
    execution.evidence.impostors.push({ module: "pkg", file: "/work/example/pkg.py" });
    expect(assessExecution(execution, cores).grounded).toMatchObject({
      result: "failed",
      evidence: "The module pkg was loaded from /work/example/pkg.py, not from the repository.",
    });
  });

  it("counts a function of the same name in another file for nothing", () => {
    const { coverage } = assessExecution(executionOf([ran("f", { path: "tests/core.py" })]), cores);
    expect(coverage.called).toEqual([]);
  });

  it("counts a class through its methods, and sums them", () => {
    const shape = core("Shape", { kind: "class" });
    const { coverage } = assessExecution(executionOf([ran("Shape.area"), ran("Shape.draw"), ran("Shaped.x")]), [shape]);
    expect(coverage.called).toMatchObject([{ qualifiedName: "Shape", count: 4 }]);
    const inFunction = assessExecution(executionOf([ran("f.inner")]), [core("f")]).coverage;
    expect(inFunction.called).toEqual([]);
  });

  it("counts compiled functions by module and name", () => {
    const fast = core("solve", { path: "src/pkg/_fast.pyx" });
    const compiled = { compiled: true, path: "pkg/_fast.so", module: "pkg._fast" };
    expect(assessExecution(executionOf([ran("solve", compiled)]), [fast]).coverage.called).toHaveLength(1);
    const elsewhere = { ...compiled, module: "pkg.other" };
    expect(assessExecution(executionOf([ran("solve", elsewhere)]), [fast]).coverage.called).toEqual([]);
  });

  it("asks for any function of the repository where no core functions are known", () => {
    expect(assessExecution(executionOf([ran("f")]), []).grounded.result).toBe("passed");
    expect(assessExecution(executionOf([]), []).grounded.result).toBe("failed");
  });

  it("does not ask for what a compiled module calls unseen", () => {
    const compiled = core("Stats.rms", { path: "pkg/opt.pyx", kind: "method" });
    const cores = [compiled, core("load"), core("fetch")];
    expect(assessExecution(executionOf([ran("load")]), cores).grounded.result).toBe("passed");
    expect(assessExecution(executionOf([ran("other")]), cores).grounded.result).toBe("failed");
  });

  it("does not call ported files those of the commit", () => {
    const { grounded } = assessExecution(executionOf([ran("load")]), [core("load")], true);
    expect(grounded.evidence).toMatch(/as runscript\.sh ports them/);
  });
});
