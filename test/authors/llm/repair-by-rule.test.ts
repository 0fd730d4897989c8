import { describe, expect, it } from "vitest";
import { type Memory, Memory as MemorySchema } from "../../../src/authors/llm/memory.ts";
import { repairByRule } from "../../../src/authors/llm/repair-by-rule.ts";
import type { Execution } from "../../../src/example/execution.ts";
import type { TreeContent } from "../../repository/make-repository.ts";
import { createContext, makeFolder, makeStep } from "../../support/author-context.ts";
import { failed, makeAttempt, makeDraft, makeExecution, makeMemory } from "./sample-attempt.ts";

const tool = {
  "tool.py": "import numpy\n\n\ndef solve(x):\n    return x\n",
  "README.md": "# Tool\n\nIt uses quarkware.\n",
};

/** `requirements.txt` after the repair; null where no rule applies. */
async function repair(
  execution: Partial<Execution>,
  requirements: string,
  {
    files = tool,
    memory = {},
    systemPackages = false,
  }: { files?: TreeContent; memory?: Partial<ReturnType<typeof makeMemory>>; systemPackages?: boolean } = {},
): Promise<{
  requirements: string;
  runscript: string;
  apt: string | undefined;
  memory: Memory;
  issues: string[];
  changes: string[];
} | null> {
  await using folder = await makeFolder(files);
  const draft = makeDraft({
    files: { "main.py": "x", "requirements.txt": requirements, "runscript.sh": "# as it was\n" },
  });
  const attempt = makeAttempt({ draft, execution: makeExecution(execution) });
  const context = await createContext(folder.path);
  context.sandbox = { ...context.sandbox, systemPackages };
  const revision = await repairByRule(context, attempt, makeMemory(memory));
  if (!revision) return null;
  expect(revision.draft.files["main.py"]).toBe("x");
  return {
    requirements: revision.draft.files["requirements.txt"] ?? "",
    runscript: revision.draft.files["runscript.sh"] ?? "",
    apt: revision.draft.files["apt.txt"],
    memory: MemorySchema.parse(revision.draft.memory),
    issues: revision.issuesIdentified,
    changes: revision.changesMade,
  };
}

const raised = (type: string, message: string): Partial<Execution> => ({
  program: makeStep({ exitCode: 1 }),
  log: [failed("example1", type, message)],
});
const printed = (stderr: string): Partial<Execution> => ({ program: makeStep({ exitCode: 1, stderr }) });
const unbuilt = (stdout: string): Partial<Execution> => ({
  environment: makeStep({ exitCode: 1, stdout }),
  program: null,
});

describe("a repair by rule", () => {
  it("adds the distribution of a missing module, known or named by the repository, from the log or from what was printed", async () => {
    expect(await repair(raised("ModuleNotFoundError", "No module named 'sklearn'"), "numpy\n")).toMatchObject({
      requirements: "numpy\nscikit-learn\n",
      issues: ["No module named sklearn"],
    });
    expect((await repair(printed("ModuleNotFoundError: No module named 'yaml.reader'\n"), ""))?.requirements).toBe(
      "PyYAML\n",
    );
    expect((await repair(raised("ImportError", "No module named quarkware"), "# mine\nnumpy\n"))?.requirements).toBe(
      "# mine\nnumpy\nquarkware\n",
    );
  });

  it("takes the version that the repository declares", async () => {
    const files = { ...tool, "requirements.txt": "scipy>=1.5,<1.9\n" };
    const result = await repair(raised("ModuleNotFoundError", "No module named 'scipy'"), "", { files });
    expect(result?.requirements).toBe("scipy>=1.5,<1.9\n");
  });

  it("pins a library that has moved on, in place of its line", async () => {
    const gone = raised("AttributeError", "module 'numpy' has no attribute 'float'");
    expect((await repair(gone, "scipy\nNumPy >= 1.20\npandas\n"))?.requirements).toBe("scipy\npandas\nnumpy<1.24\n");
    expect(await repair(gone, "numpy<1.22\n")).toBeNull();
    expect(await repair(gone, "numpy==1.26.4\n")).toBeNull();
  });

  it("lets go of a version that is not to be had, where others are", async () => {
    const missing = (what: string, versions: string) =>
      unbuilt(
        `ERROR: Could not find a version that satisfies the requirement ${what} (from versions: ${versions})\nERROR: No matching distribution found for ${what}\n`,
      );
    expect((await repair(missing("numpy==99.0", "1.24.0, 2.0.1"), "scipy\nnumpy==99.0\n"))?.requirements).toBe(
      "scipy\nnumpy\n",
    );
    expect((await repair(missing("Uvicorn[standard]>=9", "0.1"), "uvicorn[standard] >= 9\n"))?.requirements).toBe(
      "uvicorn[standard]\n",
    );
    expect(await repair(missing("quarkware==1", "none"), "quarkware==1\n")).toBeNull();
    expect(await repair(missing("numpy==99.0", "1.24.0"), "scipy\n")).toBeNull();
    expect(await repair(missing("numpy", "1.24.0"), "numpy\n")).toBeNull();
  });

  it("has none for modules of the repository, of Python, of nobody, or that are asked for already", async () => {
    for (const module of ["tool", "tool.core", "json", "quirkware9"])
      expect(await repair(raised("ModuleNotFoundError", `No module named '${module}'`), "numpy\n"), module).toBeNull();
    expect(await repair(raised("ModuleNotFoundError", "No module named 'sklearn'"), "Scikit_Learn>1\n")).toBeNull();
    expect(await repair(raised("ValueError", "negative"), "numpy\n")).toBeNull();
    expect(await repair({}, "numpy\n")).toBeNull();
  });

  it("never puts another version of the repository in its place", async () => {
    const files = {
      "pyproject.toml": '[project]\nname = "networkx"\n',
      "networkx/__init__.py": "def f(): pass\n",
    };
    const wrong = raised("AttributeError", "module 'networkx' has no attribute 'solve'");
    expect(await repair(wrong, "numpy\n", { files })).toBeNull();
    expect(await repair(wrong, "numpy\n")).not.toBeNull();
  });

  it("is made three times in a row at most, and remembered for the writer", async () => {
    const missing = raised("ModuleNotFoundError", "No module named 'sklearn'");
    const third = await repair(missing, "", { memory: { byRule: ["one", "two"] } });
    expect(third?.memory).toMatchObject({ phase: "written", byRule: ["one", "two", third?.changes[0]] });
    expect(await repair(missing, "", { memory: { byRule: ["one", "two", "three"] } })).toBeNull();
  });

  it("writes the run script for the new requirements, and leaves one that the writer took over", async () => {
    const missing = raised("ModuleNotFoundError", "No module named 'sklearn'");
    expect((await repair(missing, ""))?.runscript).toContain("-r requirements.txt");
    expect((await repair(missing, "", { memory: { ownRunscript: true } }))?.runscript).toBe("# as it was\n");
  });

  it("installs what the system lacks, where the sandbox can, and keeps the writer's own commands", async () => {
    const lacking = raised("ImportError", "libGL.so.1: cannot open shared object file: No such file or directory");
    const repaired = await repair(lacking, "numpy\n", { systemPackages: true, memory: { ownRunscript: true } });
    expect(repaired).toMatchObject({
      requirements: "numpy\n",
      apt: "libgl1\n",
      memory: { decisions: { systemPackages: ["libgl1"] } },
      changes: ["system packages added: libgl1"],
    });
    expect(repaired?.runscript).toMatch(/apt-get[\s\S]*# as it was\n$/);
    const built = unbuilt("fatal error: fftw3.h: No such file or directory\n");
    expect((await repair(built, "numpy\n", { systemPackages: true }))?.apt).toBe("libfftw3-dev\n");
    expect(await repair(built, "numpy\n")).toBeNull();
    const passedOver = { program: makeStep({ stderr: "git: command not found\n" }) };
    expect(await repair(passedOver, "numpy\n", { systemPackages: true })).toBeNull();
  });
});
