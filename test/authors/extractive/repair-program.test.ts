import { describe, expect, it } from "vitest";
import type { AuthorContext } from "../../../src/authors/author.ts";
import type { Candidate } from "../../../src/authors/extractive/candidate.ts";
import { searchOf } from "../../../src/authors/extractive/candidate.ts";
import type { Decisions } from "../../../src/authors/extractive/decisions.ts";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { findCandidates } from "../../../src/authors/extractive/find-candidates.ts";
import { type Proposal, proposeRepair } from "../../../src/authors/extractive/repair-program.ts";
import { resolveSession } from "../../../src/authors/extractive/resolve-session.ts";
import type { Execution } from "../../../src/example/execution.ts";
import { createContext, makeDecisions, makeFolder, makeStep } from "../../support/author-context.ts";
import { iteration } from "../../templates/sample/sample-iteration.ts";

const files = {
  "pkg.py": "import sys\ndef load(path):\n    return open(path).read()\n\ndef double(x):\n    return 2 * x\n",
  "old.py": "print 'a'\n",
  "data/Table.csv": "1\n",
  "requirements.txt": "labtools>=2\n",
  "README.md":
    '```python\nfrom pkg import load, double\ntable = load("table.csv")\n```\n\n```python\nwide = double(table)\n```\n\n```python\nother = double(3)\n```\n',
  "run.py": "from pkg import double\nn = input('Size [8]: ')\nprint(double(n))\n",
};

interface Given {
  type: string;
  message: string;
  traceback?: string;
  decisions?: Partial<Decisions>;
  candidate?: string;
  main?: string;
  more?: Record<string, string>;
}

async function setUp(more: Record<string, string> = {}): Promise<{ context: AuthorContext; candidates: Candidate[] }> {
  await using folder = await makeFolder({ ...files, ...more });
  const context = await createContext(folder.path);
  const candidates = await findCandidates(searchOf(context));
  return { context, candidates };
}

async function propose(given: Given): Promise<{ proposal: Proposal; decisions: Decisions }> {
  const { context, candidates } = await setUp(given.more);
  const candidate = candidates.find(({ id }) => id === (given.candidate ?? "README.md#1"));
  if (!candidate) throw new Error(`no such candidate: ${candidates.map(({ id }) => id).join(", ")}`);
  const decisions = makeDecisions(given.decisions);
  const { type, message, traceback = "", main = "" } = given;
  const failure = { candidate, error: { type, message, traceback }, main };
  const proposal = proposeRepair(failure, decisions, context, searchOf(context), "");
  return { proposal, decisions: proposal.kind === "change" ? proposal.apply(decisions) : decisions };
}

describe("a missing module", () => {
  const missing = (module: string, given: Partial<Given> = {}) =>
    propose({ type: "ModuleNotFoundError", message: `No module named '${module}'`, ...given });

  it("is added where its distribution is known or declared", async () => {
    expect((await missing("sklearn.svm")).decisions.requirements).toMatchObject([{ line: "scikit-learn" }]);
    expect((await missing("labtools")).decisions.requirements).toMatchObject([{ line: "labtools>=2" }]);
  });

  it("ends the example where nothing says what provides it, or adding it did not help", async () => {
    expect((await missing("quarkware")).proposal).toMatchObject({ kind: "reject", reasonCode: "missing-module" });
    const decisions = { requirements: [{ line: "scikit-learn", why: "x" }] };
    expect((await missing("sklearn", { decisions })).proposal).toMatchObject({ reasonCode: "missing-module" });
  });

  it("of the repository itself is looked for in its folder", async () => {
    expect((await missing("pkg", { decisions: { install: "pip" } })).decisions.install).toBe("path");
  });
});

describe("a missing file", () => {
  const missing = (name: string) =>
    propose({ type: "FileNotFoundError", message: `[Errno 2] No such file or directory: '${name}'` });

  it("is read from where the repository holds it", async () => {
    const { decisions, proposal } = await missing("table.csv");
    expect(decisions.replacements).toMatchObject([
      { block: "README.md:2", from: '"table.csv"', to: 'str(SOURCE / "data/Table.csv")' },
    ]);
    expect(proposal).toMatchObject({ change: "table.csv is read from data/Table.csv in the repository" });
  });

  it("ends the example where the repository does not hold it, or where its name is computed", async () => {
    expect((await missing("absent.csv")).proposal).toMatchObject({ kind: "reject", reasonCode: "needs-data" });
    expect((await missing("data/Table.csv")).proposal).toMatchObject({ kind: "reject", reasonCode: "needs-data" });
  });

  it("outside of the repository is never given", async () => {
    expect((await missing("/etc/passwd")).proposal).toMatchObject({ kind: "reject" });
    expect((await missing("../../etc/passwd")).proposal).toMatchObject({ kind: "reject" });
  });
});

describe("a name that a library removed", () => {
  it.each([
    ["AttributeError", "module 'numpy' has no attribute 'int'", "numpy<1.24"],
    ["AttributeError", "`np.in1d` was removed in the NumPy 2.0 release", "numpy<2"],
    ["ImportError", "cannot import name 'simps' from 'scipy.integrate'", "scipy<1.12"],
    ["ModuleNotFoundError", "No module named 'scipy.misc'", "scipy<1.12"],
    ["AttributeError", "'DataFrame' object has no attribute 'append'", "pandas<2"],
    ["ModuleNotFoundError", "No module named 'pkg_resources'", "setuptools<81"],
  ])("%s: %s is answered with %s", async (type, message, requirement) => {
    const { decisions } = await propose({ type, message });
    expect(decisions.requirements).toMatchObject([{ line: requirement }]);
    expect(decisions.requirements[0]?.why).not.toBe("");
  });

  it("replaces an earlier line about the same library, and is not tried twice", async () => {
    const given = { type: "AttributeError", message: "module 'numpy' has no attribute 'int'" };
    const requirements = [{ line: "numpy<2", why: "x" }];
    const { decisions } = await propose({ ...given, decisions: { requirements } });
    expect(decisions.requirements.map(({ line }) => line)).toEqual(["numpy<1.24"]);
  });

  it("takes an older Python where Python itself moved on, if there is one", async () => {
    const given = { type: "ImportError", message: "cannot import name 'Mapping' from 'collections'" };
    expect((await propose(given)).decisions).toMatchObject({ python: "/usr/bin/python3.8", pythonVersion: "3.8.18" });
    const clock = { type: "AttributeError", message: "module 'time' has no attribute 'clock'" };
    expect((await propose(clock)).proposal).toMatchObject({ kind: "reject", reasonCode: "examples-fail" });
  });
});

describe("Python 2", () => {
  it("is ported, once, where the repository holds some", async () => {
    const given = { type: "SyntaxError", message: "Missing parentheses in call to 'print'" };
    expect((await propose(given)).decisions).toMatchObject({ port: true, install: "path" });
    expect((await propose({ ...given, decisions: { port: true } })).proposal.kind).not.toBe("change");
  });
});

describe("a question", () => {
  const asked = (traceback: string, given: Partial<Given> = {}) =>
    propose({ type: "EOFError", message: "EOF when reading a line", traceback, candidate: "run.py", ...given });

  it("that offers a default is answered with it", async () => {
    const { decisions } = await asked("    n = input('Size [8]: ')\n");
    expect(decisions.standardInput[0]?.lines[0]).toBe("8");
  });

  it("without a default, or asked again, ends the example", async () => {
    expect((await asked("    n = input('Name: ')\n")).proposal).toMatchObject({ kind: "reject" });
    const again = { decisions: { standardInput: [{ id: "run.py", lines: ["8"] }] } };
    expect((await asked("    n = input('Size [8]: ')\n", again)).proposal).toMatchObject({ kind: "reject" });
  });
});

describe("what no repair cures", () => {
  it("tells a program that is not there from a file, and what would bring it", async () => {
    const type = "FileNotFoundError";
    const message = "[Errno 2] No such file or directory: 'dot'";
    const traceback = `  File "/usr/lib/python3.11/subprocess.py", line 1955, in _execute_child\n${type}: ${message}`;
    const { proposal } = await propose({ type, message, traceback, candidate: "run.py" });
    expect(proposal).toMatchObject({ kind: "reject", reasonCode: "needs-program" });
    expect(proposal).toMatchObject({ why: expect.stringContaining("needs the system package graphviz") });
  });

  it.each([
    ["RuntimeError", "Found no NVIDIA driver on your system", "needs-gpu"],
    ["TclError", "no display name and no $DISPLAY environment variable", "needs-gui"],
    ["URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>", "needs-data"],
    ["AuthenticationError", "You did not provide an API key", "needs-api-key"],
    ["ZeroDivisionError", "division by zero", "examples-fail"],
  ])("%s: %s ends the example as %s", async (type, message, reasonCode) => {
    expect((await propose({ type, message, candidate: "run.py" })).proposal).toMatchObject({
      kind: "reject",
      reasonCode,
      why: expect.stringContaining(type),
    });
  });
});

describe("a block of a session that fails", () => {
  it("is left out, and with it what needs its names", async () => {
    const main =
      "def example1():\n    # README.md, lines 2-3\n    from pkg import load, double\n    table = load('table.csv')\n    # README.md, lines 7-7\n    wide = double(table)\n";
    const traceback = '  File "/work/example/main.py", line 4, in example1\n  File "/x/pkg.py", line 3, in load\n';
    const { decisions, proposal } = await propose({ type: "ValueError", message: "bad", traceback, main });
    expect(decisions.droppedBlocks).toEqual([{ id: "README.md:2", why: "ValueError: bad" }]);
    expect(proposal).toMatchObject({ change: expect.stringContaining("README.md, lines 2-3 left out") });
    const { context, candidates } = await setUp();
    const session = candidates.find(({ id }) => id === "README.md#1");
    if (!session) throw new Error("no session");
    const left = await resolveSession(session, decisions, context.survey, searchOf(context).modules);
    expect(left.blocks.map(({ block }) => block.code)).toEqual(["other = double(3)"]);
    expect(left.addedImports).toEqual(["from pkg import double"]);
    expect(left.changes.join("\n")).toContain("it uses table, which nothing before it defines");
  });
});

describe("a revision", () => {
  async function revise(given: Partial<Execution>) {
    await using folder = await makeFolder(files);
    const context = await createContext(folder.path);
    const author = createExtractiveAuthor();
    const first = await author.draft(context);
    const { execution } = iteration(0, {});
    if (first.kind !== "drafted" || !execution) throw new Error("nothing was drafted");
    const attempt = { draft: first.draft, execution: { ...execution, ...given }, shortcomings: [], differences: [] };
    return { first: first.draft, revision: await author.revise(context, attempt) };
  }

  it("drops an example that did not end in time, and says so", async () => {
    const { first, revision } = await revise({
      program: makeStep({ status: "timed-out", exitCode: null }),
      log: [{ level: "info", message: "started", example: "example1" }],
    });
    if (revision.kind !== "revised") throw new Error(revision.explanation);
    expect(revision.changesMade[0]).toContain("dropped: it did not end within 60 seconds");
    expect(revision.draft.provenance[0]?.path).not.toBe(first.provenance[0]?.path);
  });

  it("gives up in words where the environment cannot be built", async () => {
    const { revision } = await revise({
      environment: makeStep({ exitCode: 1, stderr: "error: disk on fire" }),
      program: null,
    });
    expect(revision).toMatchObject({
      kind: "gave-up",
      outcome: "failed",
      reasonCode: "environment-not-buildable",
      explanation: expect.stringContaining("disk on fire"),
    });
  });
});
