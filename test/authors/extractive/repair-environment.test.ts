import { describe, expect, it } from "vitest";
import type { Decisions } from "../../../src/authors/extractive/decisions.ts";
import {
  chooseInitialPython,
  lastErrorLine,
  type Repair,
  repairEnvironment,
} from "../../../src/authors/extractive/repair-environment.ts";
import type { StepResult } from "../../../src/example/execution.ts";
import { createContext, makeDecisions, makeFolder, makeStep } from "../../support/author-context.ts";

const pure = {
  "setup.py": 'from setuptools import setup\nsetup(name="tool", install_requires=["numpy<1.20", "labtools>=2"])\n',
  "tool.py": "def f(): pass\n",
};
const compiled = {
  "setup.py":
    'from setuptools import setup, Extension\nsetup(name="tool", ext_modules=[Extension("fast", ["fast.pyx"])])\n',
  "fast.pyx": "def f(): pass\n",
};

async function repair(
  files: Record<string, string>,
  output: string,
  given: Partial<Decisions> = {},
  step: Partial<StepResult> = {},
): Promise<Repair | null> {
  await using folder = await makeFolder(files);
  const context = await createContext(folder.path);
  const decisions = makeDecisions({ install: "pip", ...given });
  return repairEnvironment(makeStep({ exitCode: 1, stderr: output, ...step }), decisions, context, [decisions.python]);
}

describe("repairEnvironment", () => {
  it("leaves out a distribution that is nowhere to be had", async () => {
    const output =
      "ERROR: Could not find a version that satisfies the requirement quarkware (from versions: none)\nERROR: No matching distribution found for quarkware\n";
    const result = await repair(pure, output);
    expect(result?.decisions.leftOut).toMatchObject([{ id: "quarkware" }]);
    expect(result?.changes[0]).toContain("quarkware left out");
  });

  it("takes an older Python for an old pin", async () => {
    const output =
      "ERROR: Could not find a version that satisfies the requirement numpy<1.20 (from versions: 1.24.0, 1.26.4)\nERROR: No matching distribution found for numpy<1.20\n";
    expect((await repair(pure, output))?.decisions.pythonVersion).toBe("3.8.18");
  });

  it("leaves out a dependency whose wheel cannot be built", async () => {
    const output = "  error: command 'gcc' failed\nERROR: Failed building wheel for labtools\n";
    expect((await repair(pure, output))?.decisions.leftOut).toMatchObject([{ id: "labtools" }]);
  });

  it("builds the repository with Cython before 3 where its sources are of before", async () => {
    const output =
      "Cython.Compiler.Errors.CompileError: fast.pyx\nundeclared name not builtin: long\nERROR: Failed building wheel for tool\n";
    const result = await repair(compiled, output);
    expect(result?.decisions).toMatchObject({ install: "pip-no-isolation" });
    expect(result?.decisions.buildRequirements).toContain("cython<3");
  });

  it("builds against what is installed where an isolated build misses a module", async () => {
    const output = "ModuleNotFoundError: No module named 'numpy'\nERROR: Failed to build 'tool'\n";
    const result = await repair(compiled, output, {}, { stdout: "Processing ./source\n" });
    expect(result?.decisions.install).toBe("pip-no-isolation");
    expect(result?.decisions.buildRequirements).toEqual(expect.arrayContaining(["numpy", "cython"]));
  });

  it("uses a package of pure Python from its folder where it cannot be built", async () => {
    const output = "error: subprocess-exited-with-error\nERROR: Failed to build 'tool'\n";
    expect((await repair(pure, output, {}, { stdout: "Processing ./source\n" }))?.decisions.install).toBe("path");
  });

  it("has no rule for an environment that was ended, or for a Python without venv", async () => {
    expect(await repair(pure, "", {}, { status: "timed-out", exitCode: null })).toBeNull();
    expect(await repair(pure, "ensurepip is not available")).toBeNull();
    expect(await repair(pure, "something else")).toBeNull();
  });

  it("does not go round in circles: the same failure runs out of repairs", async () => {
    await using folder = await makeFolder(compiled);
    const context = await createContext(folder.path);
    const step = makeStep({
      exitCode: 1,
      stdout: "Processing ./source\n",
      stderr: "ERROR: Failed building wheel for tool\n",
    });
    let decisions = makeDecisions({ install: "pip" });
    const tried: string[] = [decisions.python];
    let rounds = 0;
    for (; rounds < 20; rounds++) {
      const result = repairEnvironment(step, decisions, context, tried);
      if (!result) break;
      decisions = result.decisions;
      tried.push(decisions.python);
    }
    expect(rounds).toBeLessThan(6);
  });
});

describe("lastErrorLine", () => {
  it("takes the last line that says what went wrong", () => {
    expect(lastErrorLine("error: first\nERROR: No matching distribution\nnote: see above\n")).toBe(
      "ERROR: No matching distribution",
    );
    expect(lastErrorLine("")).toBe("The environment could not be built.");
  });
});

describe("chooseInitialPython", () => {
  it("keeps to requires-python, and to the first Python 3 where none fits", async () => {
    const choose = async (requires: string) => {
      await using folder = await makeFolder({
        "pyproject.toml": `[project]\nname = "a"\nrequires-python = "${requires}"\n`,
      });
      return chooseInitialPython(await createContext(folder.path))?.version;
    };
    expect(await choose(">=3.7")).toBe("3.11.2");
    expect(await choose("<3.9")).toBe("3.8.18");
    expect(await choose(">=3.99")).toBe("3.11.2");
    expect(await choose("whatever")).toBe("3.11.2");
  });
});
