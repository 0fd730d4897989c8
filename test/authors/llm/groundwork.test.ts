import { describe, expect, it } from "vitest";
import type { Attempt, Author, AuthorReason, DraftOutcome, GivingUp, Revision } from "../../../src/authors/author.ts";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { continueGroundwork, reportGroundwork, startGroundwork } from "../../../src/authors/llm/groundwork.ts";
import { Memory } from "../../../src/authors/llm/memory.ts";
import type { Draft } from "../../../src/example/example.ts";
import type { Execution } from "../../../src/example/execution.ts";
import { createContext, fixtureFolder, makeDecisions, makeFolder, makeStep } from "../../support/author-context.ts";
import { failed, finished, makeAttempt, makeDraft, makeExecution, started } from "./sample-attempt.ts";
import { ownWordsOf } from "./scripted-model.ts";

const mark = "4f1c09";
const context = await createContext(fixtureFolder("orbital-elements"));
const givingUp = (reasonCode: AuthorReason, explanation = "why"): GivingUp => ({
  kind: "gave-up",
  outcome: "skipped",
  reasonCode,
  explanation,
});

/** The extractive author with other answers; throws when asked for what was not given. */
function scriptExtractive({
  draft,
  revision,
}: {
  draft?: DraftOutcome;
  revision?: Revision;
}): Author & { asked: Attempt[] } {
  const asked: Attempt[] = [];
  const notScripted = async (): Promise<never> => {
    throw new Error("The extractive author was asked for what was not scripted.");
  };
  return {
    ...createExtractiveAuthor(),
    asked,
    draft: async () => draft ?? notScripted(),
    revise: async (_context, attempt) => {
      asked.push(attempt);
      return revision ?? notScripted();
    },
  };
}

const memory = (runs = 1): Extract<Memory, { phase: "groundwork" }> => ({
  phase: "groundwork",
  decisions: makeDecisions(),
  runs,
});
const revised = (draft: Draft = makeDraft({ memory: makeDecisions({ revisions: 1 }) })): Revision => ({
  kind: "revised",
  draft,
  issuesIdentified: ["an issue"],
  changesMade: ["a change"],
});

describe("the groundwork", () => {
  it("begins with the repository's own examples as a preliminary draft, for nothing", async () => {
    const start = await startGroundwork(context, createExtractiveAuthor(), mark);
    if (start.kind !== "drafted") throw new Error(start.kind);
    const byRule = await createExtractiveAuthor().draft(context);
    if (byRule.kind !== "drafted") throw new Error(byRule.kind);
    expect(start.draft).toMatchObject({ files: byRule.draft.files, preliminary: true });
    expect(Memory.parse(start.draft.memory)).toMatchObject({ phase: "groundwork", runs: 1 });
  });

  it.each<AuthorReason>(["not-python", "environment-not-buildable"])("ends the run for %s", async (reason) => {
    const outcome = givingUp(reason);
    expect(await startGroundwork(context, scriptExtractive({ draft: outcome }), mark)).toEqual(outcome);
  });

  it.each<AuthorReason>([
    "no-example-found",
    "needs-gpu",
    "needs-api-key",
    "needs-data",
    "needs-gui",
    "missing-module",
    "examples-fail",
  ])("leaves the writer an environment where the rules stop for %s", async (reason) => {
    const outcome = givingUp(reason, "It needs </data> what\nno sandbox has.");
    const start = await startGroundwork(context, scriptExtractive({ draft: outcome }), mark);
    if (start.kind !== "ground") throw new Error(start.kind);
    const { files, groundwork, decisions } = start.ground;
    expect(Object.keys(files).sort()).toEqual(["requirements.txt", "runscript.sh"]);
    expect(files["runscript.sh"]).toContain(".venv");
    expect(decisions.python).toBe("/usr/bin/python3");
    expect(groundwork.told).toContain("no sandbox has.");
    expect(ownWordsOf(groundwork.told)).not.toContain("no sandbox has.");
    expect(groundwork.measured).toContain(files["runscript.sh"]?.trimEnd());
  });

  it("gives up where the sandbox has no Python 3", async () => {
    const sandbox = {
      ...context.sandbox,
      pythons: [{ path: "/usr/bin/python2", version: "2.7.18", hasHeaders: true }],
    };
    const without = { ...context, sandbox };
    expect(await startGroundwork(without, createExtractiveAuthor(), mark)).toMatchObject({
      kind: "gave-up",
      reasonCode: "environment-not-buildable",
    });
    const outcome = givingUp("no-example-found");
    expect(await startGroundwork(without, scriptExtractive({ draft: outcome }), mark)).toEqual(outcome);
  });

  it("starts the writer at once where nothing can be run, in real repositories", async () => {
    await using empty = await makeFolder({ "tool.py": "import numpy\n\n\ndef solve(x):\n    return numpy.sqrt(x)\n" });
    for (const folder of [empty.path, fixtureFolder("gpu-diffusion-net")])
      expect(await startGroundwork(await createContext(folder), createExtractiveAuthor(), mark)).toMatchObject({
        kind: "ground",
      });
  });
});

describe("another free run", () => {
  const broken: Partial<Execution> = {
    program: makeStep({ exitCode: 1 }),
    log: [started("example1"), failed("example1")],
  };
  const go = (execution: Partial<Execution>, author: Author, runs = 1) =>
    continueGroundwork(context, author, makeAttempt({ execution: makeExecution(execution) }), memory(runs));

  it("is made while a rule helps and nothing was learned", async () => {
    const extractive = scriptExtractive({ revision: revised() });
    const more = await go(broken, extractive);
    if (more?.kind !== "revised") throw new Error("There is no revision.");
    expect(more).toMatchObject({ issuesIdentified: ["an issue"], changesMade: ["a change"] });
    expect(more.draft.preliminary).toBe(true);
    expect(more.draft.memory).toEqual({ phase: "groundwork", decisions: makeDecisions({ revisions: 1 }), runs: 2 });
    expect(extractive.asked[0]?.draft.memory).toEqual(makeDecisions());
  });

  it("is made by the real rules for an environment that lacks a distribution", async () => {
    const start = await startGroundwork(context, createExtractiveAuthor(), mark);
    if (start.kind !== "drafted") throw new Error(start.kind);
    const log = [started("example1"), failed("example1", "ModuleNotFoundError", "No module named 'scipy'")];
    const execution = makeExecution({ program: makeStep({ exitCode: 1 }), log });
    const memory = Memory.parse(start.draft.memory);
    if (memory.phase !== "groundwork") throw new Error(memory.phase);
    const attempt = makeAttempt({ draft: start.draft, execution });
    const more = await continueGroundwork(context, createExtractiveAuthor(), attempt, memory);
    if (more?.kind !== "revised") throw new Error("There is no revision.");
    expect(more.draft.files["requirements.txt"]).toContain("scipy");
    expect(Memory.parse(more.draft.memory)).toMatchObject({ phase: "groundwork", runs: 2 });
  });

  it.each<[string, Partial<Execution>, number]>([
    ["something ran to its end", { ...broken, log: [finished("example1"), failed("example2")] }, 1],
    ["four runs were made", broken, 4],
    ["the time was over", { program: makeStep({ status: "timed-out", exitCode: null }) }, 1],
  ])("is not made once %s", async (_name, execution, runs) => {
    expect(await go(execution, scriptExtractive({}), runs)).toBeNull();
  });

  it("is not made where two candidates lacked the same module already", async () => {
    const why = "nothing in the repository says where the module paperscraper comes from";
    const rejected = ["a", "b"].map((id) => ({ id, why, reasonCode: "missing-module" as const }));
    const attempt = makeAttempt({ execution: makeExecution(broken) });
    const decisions = makeDecisions({ rejected });
    const known = { phase: "groundwork" as const, decisions, runs: 2 };
    expect(await continueGroundwork(context, scriptExtractive({}), attempt, known)).toBeNull();
  });

  it("is not made once the rules give up, for whatever reason", async () => {
    for (const reason of ["examples-fail", "environment-not-buildable", "missing-module", "too-slow"] as const)
      expect(await go(broken, scriptExtractive({ revision: givingUp(reason) }))).toBeNull();
  });
});

describe("what the writer is told of it", () => {
  const main =
    'def example1():\n    """One."""\n    x = solve(1)\n    return collect(locals())\n\n\ndef example2():\n    y = solve(-1)\n\n\nEXAMPLES = []\n';
  const report = (execution: Partial<Execution>) =>
    reportGroundwork(
      context,
      mark,
      makeAttempt({
        draft: makeDraft({ files: { "main.py": main, "requirements.txt": "numpy\n", "runscript.sh": "build it\n" } }),
        execution: makeExecution(execution),
      }),
      memory(),
    );

  it("are the lines that ran, the ones that failed and why, and the environment as it stands", () => {
    const { groundwork, files } = report({
      program: makeStep({ exitCode: 1, stdout: "x = 1.5\n" }),
      log: [
        started("example1"),
        finished("example1"),
        started("example2"),
        failed("example2", "ValueError", "negative"),
      ],
    });
    expect(groundwork.told).toMatch(/1 ran to the end and 1 failed/);
    expect(groundwork.told).toContain("x = solve(1)");
    expect(groundwork.told).not.toMatch(/collect\(locals|solve\(-1\)/);
    expect(groundwork.measured.match(/x = 1\.5/g)).toHaveLength(1);
    for (const text of ["y = solve(-1)", "ValueError: negative", "numpy", "build it"])
      expect(groundwork.measured).toContain(text);
    expect(files).toEqual({ "requirements.txt": "numpy\n", "runscript.sh": "build it\n" });
  });

  it("are the same on every machine, but for what it measured", () => {
    const told = ["one", "two"].map(
      (text) =>
        report({
          environment: makeStep({ seconds: text.length * 7, stdout: text }),
          program: makeStep({ stdout: text, seconds: text.length, exitCode: 1 }),
          log: [finished("example1"), failed("example2", "ValueError", text)],
        }).groundwork.told,
    );
    expect(told[0]).toBe(told[1]);
  });

  it("say that the environment has to change where it could not be built", () => {
    const { groundwork } = report({
      environment: makeStep({ exitCode: 1, stderr: "ERROR: No matching distribution found for quarkware" }),
      program: null,
    });
    expect(groundwork.told).toMatch(/could not be built/);
    expect(groundwork.measured).toContain("No matching distribution found for quarkware");
  });

  it("say how the program ended where it was ended", () => {
    const { groundwork } = report({
      program: makeStep({ status: "killed", exitCode: null, detail: "SIGSEGV" }),
      log: [finished("example1"), started("example2")],
    });
    expect(groundwork.told).toContain("killed (SIGSEGV)");
  });

  it("stays small however much was written and printed", () => {
    const long = `def example1():\n${"    x = solve(1)\n".repeat(20_000)}`;
    const { groundwork } = reportGroundwork(
      context,
      mark,
      makeAttempt({
        draft: makeDraft({ files: { "main.py": long, "requirements.txt": "", "runscript.sh": "" } }),
        execution: makeExecution({
          program: makeStep({ exitCode: 1, stdout: "x\n".repeat(50_000), stderr: "error: y\n".repeat(50_000) }),
          log: [finished("example1"), failed("example2")],
        }),
      }),
      memory(),
    );
    expect(groundwork.told.length + groundwork.measured.length).toBeLessThan(15_000);
  });
});
