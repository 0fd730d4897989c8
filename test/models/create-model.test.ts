import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { BudgetError, CancelledError, ConfigError, ModelError } from "../../src/errors.ts";
import { redactSecrets } from "../../src/log.ts";
import { type CallLimiter, createCallLimiter } from "../../src/models/call-limiter.ts";
import type { CallContext } from "../../src/models/call-model.ts";
import { createModel } from "../../src/models/create-model.ts";
import { createLedger, type Spending } from "../../src/models/ledger.ts";
import type { CompletionRequest, Model, ModelClient, Question } from "../../src/models/model.ts";
import { createPriceList } from "../../src/models/pricing.ts";
import type { RecordedCall } from "../../src/models/recorded-call.ts";
import { openRecording, readRecording } from "../../src/models/recording.ts";
import { createReplayClient } from "../../src/models/replay.ts";
import {
  createScriptedClient,
  type Scripted,
  type ScriptedClient,
  smallUsage,
  unavailable,
} from "./scripted-client.ts";

/** Of claude-haiku-4-5: 1,000 tokens in at 1 dollar a million, 100 out at 5. */
const smallCost = 0.0015;
const cut = { unified: "length", raw: "max_tokens" } as const;
const refusal = { unified: "refusal", raw: "refusal" } as const;
const Plan = z.object({ steps: z.array(z.string()), minutes: z.number() });
const plan = { steps: ["one"], minutes: 3 };
const good = JSON.stringify(plan);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "model-"));
});
afterEach(() => rm(folder, { recursive: true }));

const question = (text = "The task.", given: Partial<Question> = {}): Question => ({
  stage: "draft",
  system: "You write.",
  messages: [{ role: "user", parts: [{ text }] }],
  maxOutputTokens: 1000,
  ...given,
});
const forPlan = (text?: string): Question & { answer: { name: string; schema: typeof Plan } } => ({
  ...question(text),
  answer: { name: "plan", schema: Plan },
});

interface Process extends AsyncDisposable {
  model: Model;
  notes: string[];
  waits: number[];
  spending(): Spending;
  journal(): Promise<RecordedCall[]>;
}

/** One process of a run: what it wrote to its journal is what the next one finds. */
async function startProcess(
  client: ModelClient,
  given: Partial<CallContext> & { maxCostUsd?: number; record?: boolean } = {},
): Promise<Process> {
  const path = join(folder, "model-calls.jsonl");
  const journal = await openRecording(path, { redact: redactSecrets });
  const recordTo = given.record ? await openRecording(join(folder, "record.jsonl"), { redact: redactSecrets }) : null;
  const ledger = createLedger({ maxCostUsd: given.maxCostUsd ?? 5, calls: journal.calls });
  const notes: string[] = [];
  const waits: number[] = [];
  const model = createModel({
    client,
    job: "job",
    journal,
    recordTo,
    ledger,
    prices: createPriceList({ overrides: {} }),
    limiter: createCallLimiter({}),
    retry: { random: () => 0, sleep: async (milliseconds) => void waits.push(milliseconds) },
    redact: redactSecrets,
    notes: (text) => notes.push(text),
    ...given,
  });
  return {
    model,
    notes,
    waits,
    spending: () => ledger.spending(),
    journal: async () => (await readRecording(path)).calls,
    async [Symbol.asyncDispose]() {
      await journal[Symbol.asyncDispose]();
      await recordTo?.[Symbol.asyncDispose]();
    },
  };
}

const start = async (...answers: Scripted[]): Promise<Process & { client: ScriptedClient }> => {
  const client = createScriptedClient(answers);
  return Object.assign(await startProcess(client), { client });
};

const textsOf = (client: ScriptedClient, index: number): string[] =>
  client.requests[index]?.messages.map(({ role, parts }) => `${role}: ${parts.map(({ text }) => text).join("")}`) ?? [];

describe("ask", () => {
  it("answers, pays and writes down the call without its prompt", async () => {
    const pieces: string[] = [];
    await using run = await start("An answer.");
    const answer = await run.model.ask(question("A secret task.", { onText: (text) => pieces.push(text) }));
    expect(answer).toEqual({ kind: "answered", text: "An answer." });
    expect(pieces).toEqual(["An answer."]);
    expect(run.model).toMatchObject({ name: "claude-haiku-4-5", contextTokens: 200_000 });
    expect(run.spending().totalUsd).toBeCloseTo(smallCost, 10);
    expect(await run.journal()).toMatchObject([
      { stage: "draft", model: "claude-haiku-4-5", answer: { text: "An answer." }, usage: smallUsage },
    ]);
    expect(await readFile(join(folder, "model-calls.jsonl"), "utf8")).not.toContain("secret task");
  });

  it("continues an answer that was cut, and joins the pieces", async () => {
    await using run = await start({ text: "one, ", stop: cut }, { text: "two, ", stop: cut }, "three");
    expect(await run.model.ask(question())).toEqual({ kind: "answered", text: "one, two, three" });
    expect(textsOf(run.client, 2)).toEqual([
      "user: The task.",
      "assistant: one, ",
      "user: Continue exactly where you stopped; repeat nothing.",
      "assistant: two, ",
      "user: Continue exactly where you stopped; repeat nothing.",
    ]);
    expect(await run.journal()).toHaveLength(3);
  });

  it("gives up an answer that is cut again and again", async () => {
    await using run = await start(...Array.from({ length: 4 }, () => ({ text: "more ", stop: cut })));
    expect(await run.model.ask(question())).toEqual({
      kind: "unusable",
      why: "The answer was cut 4 times at 1000 tokens.",
    });
    expect(run.client.left).toBe(0);
  });

  it("takes a continuation that adds nothing for the end", async () => {
    await using run = await start({ text: "all of it", stop: cut }, "");
    expect(await run.model.ask(question())).toEqual({ kind: "answered", text: "all of it" });
  });

  it("asks once more where the answer is empty", async () => {
    await using run = await start(" \n", "There.", "", "");
    expect(await run.model.ask(question())).toEqual({ kind: "answered", text: "There." });
    expect(await run.model.ask(question("Another task."))).toEqual({ kind: "unusable", why: "The answer was empty." });
    expect(run.client.requests[0]).toEqual(run.client.requests[1]);
  });

  it("gives a model that used up its room without a word twice as much, at most twice", async () => {
    const silent = { text: "", stop: cut };
    await using run = await start(silent, silent, "There.", silent, silent, silent);
    expect(await run.model.ask(question())).toEqual({ kind: "answered", text: "There." });
    expect(await run.model.ask(question("Another task."))).toEqual({
      kind: "unusable",
      why: "The model used up 4000 tokens before it answered anything.",
    });
    const rooms = run.client.requests.map(({ maxOutputTokens }) => maxOutputTokens);
    expect(rooms).toEqual([1000, 2000, 4000, 1000, 2000, 4000]);
  });

  it("continues with the room that a model was seen to need, and with no more than it has", async () => {
    const silent = { text: "", stop: cut };
    await using run = await start(silent, { text: "one, ", stop: cut }, "two", silent, silent);
    expect(await run.model.ask(question())).toEqual({ kind: "answered", text: "one, two" });
    expect(run.client.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([1000, 2000, 2000]);
    const large = question("Another.", { maxOutputTokens: 150_000 });
    expect(await run.model.ask(large)).toMatchObject({
      kind: "unusable",
      why: expect.stringMatching(/^The model used/),
    });
    expect(run.client.requests[4]?.maxOutputTokens).toBeLessThan(200_000);
    expect(run.client.left).toBe(0);
  });

  it("says why a model refuses, where it says so", async () => {
    await using run = await start({ text: `No. ${"x".repeat(500)}`, stop: refusal }, { stop: refusal });
    const refused = await run.model.ask(question());
    expect(refused).toEqual({ kind: "refused", why: `No. ${"x".repeat(196)}` });
    expect(await run.model.ask(question("Another."))).toEqual({ kind: "refused", why: "no reason given" });
  });
});

describe("askFor", () => {
  it("asks with the schema and gives a value", async () => {
    await using run = await start(good);
    expect(await run.model.askFor(forPlan())).toEqual({ kind: "answered", value: plan });
    expect(run.client.requests[0]?.answer).toMatchObject({
      name: "plan",
      schema: { type: "object", required: ["steps", "minutes"], additionalProperties: false },
    });
  });

  it("asks once more, with what does not fit, in the same conversation", async () => {
    const bad = `{"steps": ["${"x".repeat(9000)}"], "minutes": "soon"}`;
    await using run = await start(bad, good);
    expect(await run.model.askFor(forPlan())).toEqual({ kind: "answered", value: plan });
    expect(textsOf(run.client, 1)).toEqual([
      "user: The task.",
      `assistant: ${bad.slice(0, 4000)}`,
      "user: This answer does not fit:\n- minutes: Invalid input: expected number, received string\n" +
        "Answer again with the whole JSON and nothing else.",
    ]);
    expect(run.client.requests[1]?.answer).toEqual(run.client.requests[0]?.answer);
  });

  it("gives up what does not fit the second time", async () => {
    await using run = await start("Sorry.", '{"steps": []}');
    expect(await run.model.askFor(forPlan())).toEqual({
      kind: "unusable",
      why: "The answer does not fit: minutes: Invalid input: expected number, received undefined",
    });
  });

  it("gives a value that was cut twice the room, once", async () => {
    await using run = await start({ text: '{"steps": ["o', stop: cut }, good);
    expect(await run.model.askFor(forPlan())).toEqual({ kind: "answered", value: plan });
    expect(run.client.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([1000, 2000]);
    await using other = await start({ text: "{", stop: cut }, { text: "{", stop: cut });
    expect(await other.model.askFor(forPlan("Another."))).toMatchObject({
      kind: "unusable",
      why: expect.stringMatching(/too long/),
    });
  });

  it("does not repeat a call that used up its room without a word", async () => {
    const silent = { text: "", stop: cut };
    await using run = await start(silent, good, silent, silent, silent);
    expect(await run.model.askFor(forPlan())).toEqual({ kind: "answered", value: plan });
    expect(await run.model.askFor(forPlan("Another."))).toEqual({
      kind: "unusable",
      why: "The model used up 4000 tokens before it answered anything.",
    });
    const rooms = run.client.requests.map(({ maxOutputTokens }) => maxOutputTokens);
    expect(rooms).toEqual([1000, 2000, 1000, 2000, 4000]);
  });

  it("asks for no more room than the model has, and takes a refusal of the larger request for its limit", async () => {
    await using run = await start({ text: "{", stop: cut }, { text: "{", stop: cut });
    const large = { ...forPlan(), maxOutputTokens: 150_000 };
    expect(await run.model.askFor(large)).toMatchObject({ kind: "unusable" });
    expect(run.client.requests[1]?.maxOutputTokens).toBeGreaterThan(150_000);
    expect(run.client.requests[1]?.maxOutputTokens).toBeLessThan(200_000);
    const tooMuch = new ModelError({ code: "model-request-refused", userMessage: "max_tokens is too large." });
    await using other = await start({ text: "{", stop: cut }, tooMuch);
    expect(await other.model.askFor(forPlan("Another."))).toMatchObject({ kind: "unusable" });
  });

  it("passes a refusal on, and asks once more where the answer is empty", async () => {
    await using run = await start("", { text: "I will not.", stop: refusal });
    expect(await run.model.askFor(forPlan())).toEqual({ kind: "refused", why: "I will not." });
  });
});

describe("the room of an answer", () => {
  const limitedTo = (limit: number, sentence = "max_tokens: too large") =>
    Array.from({ length: 20 }, () => ({ maxOutputTokens }: CompletionRequest): Scripted => {
      if (maxOutputTokens <= limit) return "There.";
      return new ModelError({ code: "model-request-refused", userMessage: `It refuses the request (${sentence}).` });
    });
  const roomsOf = ({ requests }: ScriptedClient): number[] => requests.map(({ maxOutputTokens }) => maxOutputTokens);
  const long = (text: string): Question => question(text, { maxOutputTokens: 16_000 });

  it("is halved until the provider takes it, and later calls begin there", async () => {
    for (const name of ["max_tokens", "max_output_tokens", "max_completion_tokens"]) {
      await using run = await start(...limitedTo(5000, `${name} is too large: 16000`));
      for (const text of ["one", "two"])
        expect(await run.model.ask(long(name + text))).toEqual({ kind: "answered", text: "There." });
      await run.model.ask(question(`${name} three`));
      expect(roomsOf(run.client)).toEqual([16_000, 8000, 4000, 4000, 1000]);
    }
  });

  it("is not halved below what a model has to have", async () => {
    await using run = await start(...limitedTo(1000));
    await expect(run.model.ask(long("one"))).rejects.toMatchObject({ code: "model-request-refused" });
    expect(roomsOf(run.client)).toEqual([16_000, 8000, 4000, 2048]);
  });

  it("is not what other refusals are about", async () => {
    for (const sentence of ["temperature: too large", "Unsupported parameter: 'max_tokens' is not supported"]) {
      await using run = await start(...limitedTo(5000, sentence));
      await expect(run.model.ask(long(sentence))).rejects.toMatchObject({ code: "model-request-refused" });
      expect(roomsOf(run.client)).toEqual([16_000]);
    }
  });

  it("is asked to be larger once only by a model that has no more", async () => {
    const cutShort = { text: "{", stop: cut };
    await using run = await start(cutShort, ...limitedTo(1000).slice(0, 1), cutShort);
    for (const text of ["one", "two"])
      expect(await run.model.askFor(forPlan(text))).toMatchObject({ kind: "unusable" });
    expect(roomsOf(run.client)).toEqual([1000, 2000, 1000]);
  });
});

describe("a run that was killed", () => {
  const script = (): Scripted[] => [
    { text: "part one, ", stop: cut },
    "part two",
    "no JSON",
    good,
    "",
    "there",
    { text: "{", stop: cut },
    good,
  ];
  const work = async (model: Model): Promise<unknown[]> => [
    await model.ask(question("first")),
    await model.askFor(forPlan("second")),
    await model.ask(question("third")),
    await model.askFor(forPlan("fourth")),
  ];

  it("asks what it has not asked yet and nothing else, wherever it was killed", async () => {
    const wanted = [
      { kind: "answered", text: "part one, part two" },
      { kind: "answered", value: plan },
      { kind: "answered", text: "there" },
      { kind: "answered", value: plan },
    ];
    for (let killedAt = 0; killedAt <= 8; killedAt++) {
      await rm(join(folder, "model-calls.jsonl"), { force: true });
      const killed = new Error("killed");
      {
        await using first = await startProcess(createScriptedClient([...script().slice(0, killedAt), killed]));
        if (killedAt < 8) await expect(work(first.model)).rejects.toBe(killed);
        else await work(first.model);
      }
      const client = createScriptedClient(script().slice(killedAt));
      await using second = await startProcess(client);
      expect(await work(second.model)).toEqual(wanted);
      expect(client.left).toBe(0);
      expect(second.spending().totalUsd).toBeCloseTo(8 * smallCost, 10);
      expect(second.spending().rows).toMatchObject([{ calls: 8, failedCalls: 0 }]);
    }
  });

  it("does not take another model's answer", async () => {
    {
      await using first = await start("of haiku");
      await first.model.ask(question());
    }
    await using second = await startProcess(createScriptedClient(["of gpt"], { name: "gpt-5" }));
    expect(await second.model.ask(question())).toMatchObject({ text: "of gpt" });
  });

  it("asks nobody's leave for what it has: it is spent already, however low the limit", async () => {
    {
      await using first = await start("An answer.");
      await first.model.ask(question());
    }
    await using second = await startProcess(createScriptedClient([]), { maxCostUsd: 0 });
    expect(await second.model.ask(question())).toMatchObject({ text: "An answer." });
  });

  it("finds its conversation again also where a secret was taken out of an answer", async () => {
    const key = `sk-ant-${"a".repeat(30)}`;
    {
      await using first = await start({ text: `key ${key} `, stop: cut }, "end");
      expect(await first.model.ask(question())).toEqual({ kind: "answered", text: "key [redacted] end" });
    }
    await using second = await startProcess(createScriptedClient([]));
    expect(await second.model.ask(question())).toEqual({ kind: "answered", text: "key [redacted] end" });
  });

  it("fills a recording that was begun later, and can be replayed from it", async () => {
    {
      await using first = await startProcess(createScriptedClient(script().slice(0, 3)));
      await work(first.model).catch(() => undefined);
    }
    {
      await using second = await startProcess(createScriptedClient(script().slice(3)), { record: true });
      await work(second.model);
    }
    await rm(join(folder, "model-calls.jsonl"));
    const client = await createReplayClient({ path: join(folder, "record.jsonl") });
    await using third = await startProcess(client, { maxCostUsd: 0 });
    expect(await work(third.model)).toHaveLength(4);
    expect(third.spending()).toMatchObject({
      totalUsd: 0,
      rows: [{ model: client.name, calls: 8, inputTokens: 8000 }],
    });
  });
});

describe("calls that fail", () => {
  it("are tried again, and each that was billed is paid and written down", async () => {
    await using run = await start(unavailable({ usage: smallUsage }), unavailable(), "At last.");
    expect(await run.model.ask(question())).toMatchObject({ text: "At last." });
    expect((await run.journal()).map(({ answer }) => answer?.text ?? null)).toEqual([null, "At last."]);
    expect(run.spending()).toMatchObject({ rows: [{ calls: 2, failedCalls: 1, inputTokens: 2000 }] });
    expect(run.spending().totalUsd).toBeCloseTo(2 * smallCost, 10);
    expect(run.notes).toEqual([
      "The provider is overloaded. Attempt 2 of 6 in 0 s.",
      "The provider is overloaded. Attempt 3 of 6 in 0 s.",
    ]);
  });

  it("stop a run where the next attempt could cross the limit", async () => {
    const failing = unavailable({ usage: { ...smallUsage, outputTokens: 1000 } });
    const client = createScriptedClient([failing, failing, failing]);
    await using run = await startProcess(client, { maxCostUsd: 0.015 });
    await expect(run.model.ask(question())).rejects.toThrow(BudgetError);
    expect(client.requests).toHaveLength(2);
    expect(run.spending().totalUsd).toBeLessThanOrEqual(0.015);
  });

  it("throw their last error, and a prompt that is too long at once", async () => {
    const last = unavailable({ userMessage: "The last." });
    await using run = await start(...Array.from({ length: 5 }, () => unavailable()), last);
    await expect(run.model.ask(question())).rejects.toBe(last);
    const tooLong = new ModelError({ code: "prompt-too-long", userMessage: "The prompt is too long." });
    await using other = await start(tooLong);
    await expect(other.model.askFor(forPlan())).rejects.toBe(tooLong);
  });

  it("pause every call of the provider where it limits its rate", async () => {
    const paused: number[] = [];
    const limiter: CallLimiter = { ...createCallLimiter({}), pause: (milliseconds) => void paused.push(milliseconds) };
    const limited = (retryAfterMs: number | null): ModelError =>
      unavailable({ code: "model-rate-limited", retryAfterMs });
    const client = createScriptedClient([limited(7000), limited(null), unavailable(), "There."]);
    await using run = await startProcess(client, { limiter });
    await run.model.ask(question());
    expect(paused).toEqual([7000, 1000]);
    expect(run.waits).toEqual([7000, 0, 0]);
  });

  it("give their place and their money back", async () => {
    const client = createScriptedClient([new Error("a fault"), "An answer."]);
    await using run = await startProcess(client, { limiter: createCallLimiter({ concurrency: 1 }), maxCostUsd: 0.01 });
    await expect(run.model.ask(question())).rejects.toThrow("a fault");
    expect(await run.model.ask(question())).toMatchObject({ text: "An answer." });
  });
});

describe("money", () => {
  it("is never more than the limit, over calls at one time", async () => {
    const full = { text: "An answer.", usage: { ...smallUsage, inputTokens: 20, outputTokens: 1000 } };
    const client = createScriptedClient(Array.from({ length: 20 }, () => full));
    await using run = await startProcess(client, { maxCostUsd: 0.03 });
    const asked = Array.from({ length: 20 }, (_, index) => run.model.ask(question(`task ${index}`)));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.every(({ reason }) => reason instanceof BudgetError)).toBe(true);
    expect(refused.length).toBeGreaterThan(10);
    expect(client.requests.length).toBe(20 - refused.length);
    expect(run.spending().totalUsd).toBeLessThanOrEqual(0.03);
  });

  it("is not asked for where the client is not billed, and no call is made where the price is unknown", async () => {
    await using free = await startProcess(createScriptedClient(["Free."], { name: "ollama/llama3", billed: false }));
    expect(await free.model.ask(question())).toMatchObject({ text: "Free." });
    expect(free.spending().rows).toMatchObject([{ costUsd: 0, inputTokens: 1000 }]);
    const unknown = createScriptedClient([], { name: "compatible/mine" });
    await using run = await startProcess(unknown);
    await expect(run.model.ask(question())).rejects.toThrow(ConfigError);
  });

  it("counts as all that a call could cost where the provider does not say", async () => {
    await using run = await start({ text: "An answer.", usage: null });
    await run.model.ask(question());
    expect(run.spending().totalUsd).toBeGreaterThan((1000 * 5) / 1e6);
    expect((await run.journal())[0]?.usage).toBeNull();
  });
});

describe("cancelling", () => {
  it("makes no call", async () => {
    await using run = await start();
    const cancelled = run.model.ask(question("x", { signal: AbortSignal.abort() }));
    await expect(cancelled).rejects.toThrow(CancelledError);
  });

  it("reaches a call that runs and those that wait for their turn", async () => {
    const controller = new AbortController();
    const client = createScriptedClient([
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(new CancelledError()));
          setImmediate(() => controller.abort());
        }),
    ]);
    await using run = await startProcess(client, { limiter: createCallLimiter({ concurrency: 1 }) });
    const asked = Array.from({ length: 30 }, (_, index) =>
      run.model.ask(question(`task ${index}`, { signal: controller.signal })),
    );
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.every((each) => each.status === "rejected" && each.reason instanceof CancelledError)).toBe(true);
    expect(client.requests).toHaveLength(1);
    expect(run.spending().rows).toMatchObject([{ calls: 1, failedCalls: 1, outputTokens: 0 }]);
  });
});
