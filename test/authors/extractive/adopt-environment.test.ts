import { describe, expect, it } from "vitest";
import type { ProvenEnvironment, WritingContext } from "../../../src/authors/author.ts";
import { Decisions } from "../../../src/authors/extractive/decisions.ts";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { createLlmAuthor } from "../../../src/authors/llm/llm-author.ts";
import { Memory } from "../../../src/authors/llm/memory.ts";
import type { Draft } from "../../../src/example/example.ts";
import { createContext, fixtureFolder, makeStep } from "../../support/author-context.ts";
import { failed, makeAttempt, makeDraft, makeExecution, makeMemory } from "../llm/sample-attempt.ts";
import { createScriptedModel } from "../llm/scripted-model.ts";

const extractive = createExtractiveAuthor();
const context: WritingContext = await createContext(fixtureFolder("peakfinder"));
context.sandbox = { ...context.sandbox, systemPackages: true };
const proven: ProvenEnvironment = {
  python: { path: "/usr/bin/python3.8", version: "3.8.18", hasHeaders: true },
  pins: [{ name: "numpy", extras: "", version: "1.23.5" }],
  additions: [
    { name: "six", extras: "", version: "1.16.0" },
    { name: "evil-package", extras: "", version: "6.6.6" },
  ],
  systemPackages: ["libgomp1"],
  indexes: ["https://download.pytorch.org/whl/cpu"],
};

async function firstDraft(): Promise<Draft> {
  const outcome = await extractive.draft(context);
  if (outcome.kind === "gave-up") throw new Error(outcome.explanation);
  return outcome.draft;
}

describe("an environment that worked before", () => {
  it("is taken over by decision, and nothing else changes", async () => {
    const draft = await firstDraft();
    const adopted = await extractive.adopt(context, draft, proven);
    if (!adopted) throw new Error("not adopted");
    expect(adopted.files["main.py"]).toBe(draft.files["main.py"]);
    expect(adopted.python).toBe("/usr/bin/python3.8");
    const requirements = adopted.files["requirements.txt"] ?? "";
    expect(requirements).toMatch(/^numpy==1\.23\.5$/m);
    expect(requirements).toMatch(/^six==1\.16\.0$/m);
    expect(requirements).toMatch(/^--extra-index-url https:\/\/download\.pytorch\.org\/whl\/cpu$/m);
    expect(adopted.files["apt.txt"]).toBe("libgomp1\n");
    expect(adopted.files["runscript.sh"]).toContain("python3.8");
  });

  it("brings no package of another repository's that only its name speaks for", async () => {
    const adopted = await extractive.adopt(context, await firstDraft(), proven);
    expect(JSON.stringify(adopted)).not.toContain("evil");
  });

  it("is what the rules go on from", async () => {
    const adopted = await extractive.adopt(context, await firstDraft(), proven);
    if (!adopted) throw new Error("not adopted");
    const execution = makeExecution({
      program: makeStep({ exitCode: 1 }),
      results: null,
      log: [failed("example1", "AttributeError", "module 'numpy' has no attribute 'in1d'")],
    });
    const revision = await extractive.revise(context, makeAttempt({ draft: adopted, execution }));
    if (revision.kind === "gave-up") throw new Error(revision.explanation);
    expect(Decisions.parse(revision.draft.memory)).toMatchObject({
      python: "/usr/bin/python3.8",
      systemPackages: ["libgomp1"],
    });
    expect(revision.draft.files["requirements.txt"]).toMatch(/^six==1\.16\.0$/m);
    expect(revision.draft.files["apt.txt"]).toBe("libgomp1\n");
  });

  it("is taken over by the author that asks models: while the rules write, and afterwards", async () => {
    const author = createLlmAuthor({
      models: { code: createScriptedModel([]), fast: null, judge: null },
      extractive,
      contextTokens: 1000,
      spending: () => [],
      dispose: async () => undefined,
    });
    const first = await author.draft(context);
    if (first.kind === "gave-up") throw new Error(first.explanation);
    const adopted = await author.adopt(context, first.draft, proven);
    expect(adopted).toMatchObject({ preliminary: true, python: "/usr/bin/python3.8" });
    expect(Memory.parse(adopted?.memory)).toMatchObject({
      phase: "groundwork",
      runs: 1,
      decisions: { systemPackages: ["libgomp1"] },
    });

    const written = makeDraft({
      files: { "main.py": "x", "requirements.txt": "numpy\n", "runscript.sh": "" },
      memory: makeMemory(),
    });
    const later = await author.adopt(context, written, proven);
    expect(later?.files).toMatchObject({
      "main.py": "x",
      "requirements.txt": "--extra-index-url https://download.pytorch.org/whl/cpu\nnumpy==1.23.5\nsix==1.16.0\n",
      "apt.txt": "libgomp1\n",
      "runscript.sh": expect.stringContaining("apt-get"),
    });
    expect(Memory.parse(later?.memory)).toMatchObject({ decisions: { pythonVersion: "3.8.18" } });
  });
});
