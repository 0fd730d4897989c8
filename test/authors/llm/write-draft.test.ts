import { describe, expect, it } from "vitest";
import { AuthorReason } from "../../../src/authors/author.ts";
import { markOf } from "../../../src/authors/llm/quoted-data.ts";
import { type WriteOptions, type Written, writeDraft } from "../../../src/authors/llm/write-draft.ts";
import { BudgetError, ModelError } from "../../../src/errors.ts";
import type { Question } from "../../../src/models/model.ts";
import { createContext, fixtureFolder, makeDecisions } from "../../support/author-context.ts";
import { makeMemory } from "./sample-attempt.ts";
import { createScriptedModel, type Scripted, type ScriptedModel, textOf } from "./scripted-model.ts";

const context = await createContext(fixtureFolder("orbital-elements"));
const mark = markOf(context.repository, context.survey);
const tag = (name: string, text: string, attributes = ""): string =>
  `<${name}-${mark}${attributes}>\n${text}\n</${name}-${mark}>\n`;
const file = (path: string, text: string): string => tag("file", text, ` path="${path}"`);
const good = `I chose this.\n${file("main.py", "def example1():\n    return {}")}`;
const nothing = "Here is what I would do.";
const tooLong = new ModelError({ code: "prompt-too-long", userMessage: "The prompt is too long." });

interface Asked {
  written: Written;
  model: ScriptedModel;
}

async function write(
  answers: readonly Scripted[],
  given: Partial<WriteOptions> & { contextTokens?: number } = {},
): Promise<Asked> {
  const model = createScriptedModel(answers, given.contextTokens ? { contextTokens: given.contextTokens } : {});
  const decisions = makeDecisions();
  const written = await writeDraft({
    context,
    model,
    stage: "draft",
    memory: makeMemory(),
    before: {
      files: { "requirements.txt": "", "runscript.sh": "# as it stands\n" },
      metadata: null,
      decisions,
      ownRunscript: false,
    },
    next: { question: "Write the example of orbits.", measured: "" },
    ...given,
  });
  return { written, model };
}

const lastOf = ({ messages }: Question): string =>
  messages
    .at(-1)
    ?.parts.map(({ text }) => text)
    .join("\n") ?? "";
/** Without what the cache is told, a question has to begin with the one before it. */
const wordsOf = (question: Question | undefined) =>
  question?.messages.map(({ role, parts }) => [role, parts.map(({ text }) => text)]);

describe("the writer", () => {
  it("is asked once where its answer can be used, and remembered with it", async () => {
    const notes = tag("issues", "1. a\n2) b\n\n- c") + tag("changes", "* d\nplain");
    const { written, model } = await write([good + notes]);
    if (written.kind !== "written") throw new Error(written.explanation);
    expect(written).toMatchObject({ issues: ["a", "b", "c"], changes: ["d", "plain"] });
    expect(written.draft.files["main.py"]).toContain("def example1():");
    expect(written.draft.memory).toMatchObject({
      phase: "written",
      turns: [{ question: "Write the example of orbits.", answer: good + notes }],
    });
    expect(model.questions[0]?.stage).toBe("draft");
  });

  it("is told what is wrong with its answer, in the same conversation, and what to send whole", async () => {
    const edit = tag("edit", tag("find", "no such line") + tag("replace", "x"), ' path="runscript.sh"');
    const { written, model } = await write([nothing, good + edit, good]);
    expect(written.kind).toBe("written");
    const [first, second, third] = model.questions;
    expect(wordsOf(second)?.slice(0, 1)).toEqual(wordsOf(first));
    expect(wordsOf(third)?.slice(0, 3)).toEqual(wordsOf(second));
    expect(second && lastOf(second)).toContain("no file and no edit block");
    expect(third && lastOf(third)).toMatch(/is not in the file[\s\S]*runscript\.sh whole/);
    if (written.kind !== "written") return;
    expect(written.draft.memory).toMatchObject({
      turns: [{ answer: nothing }, { answer: good + edit }, { answer: good }],
    });
  });

  it("is not asked a fourth time", async () => {
    const { written, model } = await write([nothing, "", file("run.sh", "x")]);
    expect(written).toMatchObject({ kind: "gave-up", outcome: "failed", reasonCode: "model-unusable" });
    expect(written.kind === "gave-up" && written.explanation).toMatch(/scripted-model gave 3 answers.*run\.sh/);
    expect(model.questions).toHaveLength(3);
  });

  it("uses nothing of an answer that has something wrong in it", async () => {
    const { written } = await write([file("data.csv", "1") + file("../x", "2"), good]);
    if (written.kind !== "written") throw new Error(written.explanation);
    expect(Object.keys(written.draft.files)).not.toContain("data.csv");
  });

  it("may refuse", async () => {
    expect((await write([{ kind: "refused", why: "policy" }])).written).toMatchObject({
      reasonCode: "model-refused",
      outcome: "failed",
      explanation: expect.stringContaining("policy"),
    });
    expect((await write([{ kind: "unusable", why: "cut five times" }])).written).toMatchObject({
      reasonCode: "model-unusable",
      explanation: expect.stringContaining("cut five times"),
    });
  });

  it.each(AuthorReason.options)("may give up for %s", async (reason) => {
    const { written } = await write([tag("give-up", `${reason}: it is so.`)]);
    expect(written).toMatchObject({
      kind: "gave-up",
      reasonCode: reason,
      explanation: "The writer gave up: it is so.",
    });
  });

  it("may give up for a reason of its own, at some length", async () => {
    const { written } = await write([tag("give-up", `the moon: ${"is far away ".repeat(200)}`)]);
    expect(written).toMatchObject({ reasonCode: "examples-fail" });
    expect(written.kind === "gave-up" && written.explanation).toMatch(/^The writer gave up: the moon: is far away/);
    expect(written.kind === "gave-up" && written.explanation.length).toBeLessThan(700);
    expect((await write([tag("give-up", "")])).written).toMatchObject({ reasonCode: "examples-fail" });
  });

  it("shows how far its answer is", async () => {
    const heard: string[] = [];
    await write([good], { context: { ...context, onProgress: (text) => heard.push(text) } });
    expect(heard.at(-1)).toMatch(/^\d+ characters: <\/file-/);
  });

  it("lets errors through that are none of its own", async () => {
    for (const error of [
      new BudgetError({ code: "budget", userMessage: "No money is left." }),
      new ModelError({ code: "model-unavailable", userMessage: "It is away." }),
    ])
      await expect(write([error])).rejects.toBe(error);
  });
});

describe("a conversation that has no room left", () => {
  const turns = [{ question: "Write the example of orbits.", measured: "", answer: `${"long ago ".repeat(20_000)}` }];
  const before = {
    files: { "main.py": "def example1():\n    return 1\n", "requirements.txt": "", "runscript.sh": "" },
    metadata: null,
    decisions: makeDecisions(),
    ownRunscript: false,
  };
  const next = { question: "How it ran.", measured: "KeyError: 'a'" };
  const edit = tag("edit", tag("find", "return 1") + tag("replace", "return {}"), ' path="main.py"');

  it("starts over with the files as they stand and what is asked", async () => {
    const { written, model } = await write([edit], {
      contextTokens: 40_000,
      memory: makeMemory({ turns }),
      before,
      next,
      stage: "revise",
    });
    const [question] = model.questions;
    expect(question?.messages).toHaveLength(1);
    const text = question ? lastOf(question) : "";
    for (const kept of [
      `<file-${mark} path="main.py">\ndef example1():`,
      "How it ran.",
      "KeyError: 'a'",
      "What was tried.",
    ])
      expect(text).toContain(kept);
    expect(text).not.toContain("long ago");
    if (written.kind !== "written") throw new Error(written.explanation);
    expect(written.draft.files["main.py"]).toContain("return {}");
    expect(written.draft.memory).toMatchObject({ turns: [{ measured: "KeyError: 'a'", answer: edit }] });
  });

  it("starts over where only the provider knows that it is too long", async () => {
    const { model } = await write([tooLong, edit], { memory: makeMemory({ turns }), before, next });
    expect(model.questions.map(({ messages }) => messages.length)).toEqual([3, 1]);
  });

  it("still knows its task when it starts over for an answer that could not be used", async () => {
    const { model } = await write([nothing, tooLong, edit], { before, next });
    const text = model.questions[2] ? lastOf(model.questions[2]) : "";
    for (const kept of ["How it ran.", "KeyError: 'a'", "no file and no edit block", "def example1():"])
      expect(text).toContain(kept);
  });
});

describe("a model with little room", () => {
  it("is shown half of the repository, and half of that, and then no less", async () => {
    const sizes = (model: ScriptedModel): number[] => model.questions.map((question) => textOf(question).length);
    const { model, written } = await write([tooLong, tooLong, good], { memory: makeMemory({ contextTokens: 8000 }) });
    const [whole = 0, half = 0, quarter = 0] = sizes(model);
    expect(half).toBeLessThan(whole);
    expect(quarter).toBeLessThan(half);
    expect(written.kind === "written" && written.draft.memory).toMatchObject({ contextTokens: 2000 });
    await expect(write(Array(10).fill(tooLong), { memory: makeMemory({ contextTokens: 8000 }) })).rejects.toBe(tooLong);
  });

  it("keeps its conversation afterwards: what it took once is asked again", async () => {
    const first = await write([tooLong, nothing, good], { memory: makeMemory({ contextTokens: 8000 }) });
    const [, second, third] = first.model.questions;
    expect(wordsOf(third)?.slice(0, 1)).toEqual(wordsOf(second));
    if (first.written.kind !== "written") throw new Error(first.written.explanation);
    const later = await write([good], {
      memory: first.written.draft.memory as ReturnType<typeof makeMemory>,
      next: { question: "How it ran.", measured: "" },
    });
    expect(wordsOf(later.model.questions[0])?.slice(0, 3)).toEqual(wordsOf(third));
  });
});
