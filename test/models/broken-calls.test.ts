import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { BudgetError, CancelledError, ModelError } from "../../src/errors.ts";
import { createCallLimiter } from "../../src/models/call-limiter.ts";
import type { CallContext } from "../../src/models/call-model.ts";
import { createModelClient } from "../../src/models/create-client.ts";
import { createModel } from "../../src/models/create-model.ts";
import { createLedger, type Ledger } from "../../src/models/ledger.ts";
import type { Model, ModelClient, Question } from "../../src/models/model.ts";
import { createPriceList } from "../../src/models/pricing.ts";
import type { RecordedCall } from "../../src/models/recorded-call.ts";
import { openRecording, readRecording } from "../../src/models/recording.ts";
import type { StreamLimits } from "../../src/models/watch-stream.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import type { Reply } from "../support/model-server/reply.ts";
import { createScriptedClient, type Scripted } from "./scripted-client.ts";
import { impatient, patient } from "./scripted-endpoint.ts";

const models = ["claude-haiku-4-5-20251001", "gpt-5-mini-2025-08-07"];
const story = "Once a line went dead in the middle of a sentence, and nobody knew what came next. ".repeat(20);
const question = (given: Partial<Question> = {}): Question => ({
  stage: "draft",
  system: "You write.",
  messages: [{ role: "user", parts: [{ text: "Tell me a story of some length. ".repeat(40) }] }],
  maxOutputTokens: 1000,
  ...given,
});

describe.each(models)("what %s was billed for", (name) => {
  it("is counted where its answers are cut, again and again, and the limit holds", async () => {
    const run = await start(name, [], { reply: { text: story, cutAfter: 800, pieceDelayMs: 5 }, maxCostUsd: 0.02 });
    for (let task = 0; task < 20; task++) {
      const error = await run.model.ask(question({ system: `Task ${task}.` })).catch((thrown: unknown) => thrown);
      if (error instanceof BudgetError) break;
      expect(error).toMatchObject({ code: "model-connection-lost" });
    }
    await expect(run.model.ask(question())).rejects.toBeInstanceOf(BudgetError);
    expect(run.server.bill.length).toBeGreaterThan(2);
    expect(run.ledger.spending().totalUsd).toBeGreaterThanOrEqual(run.server.dollars);
    expect(run.ledger.spending().totalUsd).toBeLessThanOrEqual(0.02);
    const journal = await run.journal();
    expect(journal.map(({ answer }) => answer)).toEqual(run.server.bill.map(() => null));
    const resumed = createLedger({ maxCostUsd: 1, calls: journal }).spending();
    expect(resumed.totalUsd).toBeCloseTo(run.ledger.spending().totalUsd, 10);
  });

  it.each<[string, Reply, string]>([
    ["fails", { text: story, errorAfter: 400 }, "model-unavailable"],
    ["is garbled", { text: story, malformedAfter: 400 }, "model-answer-garbled"],
    ["falls silent", { text: story, stallAfter: 400 }, "model-timed-out"],
    ["does not begin", { text: "", slowFirstByteMs: 60_000 }, "model-timed-out"],
    ["does not end", { endless: story, pieceLength: 20_000 }, "model-answer-endless"],
    ["is cut before its first word", { text: story, reasoningTokens: 0, cutAfter: 0 }, "model-connection-lost"],
    // Only OpenAI's models think what they never show; the server bills it here to the other as well.
    ...(name.startsWith("gpt-")
      ? [
          ["had thought unseen", { text: story, reasoningTokens: 300, cutAfter: 100 }, "model-connection-lost"] as [
            string,
            Reply,
            string,
          ],
        ]
      : []),
  ])("is counted where it %s", async (_, reply, code) => {
    const run = await start(name, [], { reply, limits: impatient, attempts: 2 });
    await expect(run.model.ask(question())).rejects.toMatchObject({ code });
    await expect.poll(() => run.server.inFlight).toBe(0);
    const asked = code === "model-answer-endless" ? 1 : 2;
    expect(run.server.bill).toHaveLength(asked);
    expect(await run.journal()).toHaveLength(asked);
    const spent = run.ledger.spending().totalUsd;
    if (code !== "model-answer-endless") expect(spent).toBeGreaterThanOrEqual(run.server.dollars);
    expect(spent).toBeGreaterThan(0);
  });

  it("is on the disk before a cancelled call ends", async () => {
    const run = await start(name, [], { reply: { text: story, stallAfter: 400 } });
    const controller = new AbortController();
    const asking = run.model.ask(question({ signal: controller.signal }));
    const text = run.firstText.then(() => controller.abort());
    await expect(asking).rejects.toBeInstanceOf(CancelledError);
    await text;
    await expect.poll(() => run.server.inFlight).toBe(0);
    expect(await run.journal()).toMatchObject([{ answer: null, costUsd: expect.any(Number) }]);
    expect(run.ledger.spending().totalUsd).toBeGreaterThanOrEqual(run.server.dollars);
  });

  it.each<[string, Reply]>([
    ["is overloaded", { error: "overloaded" }],
    ["limits its rate", { error: "rate-limited" }],
    ["refuses the key", { error: "unauthorized" }],
    ["sends a page", { html: "<html>Log in</html>" }],
    ["hangs up", { hangUp: true }],
  ])("is nothing where the provider %s", async (_, reply) => {
    const run = await start(name, [], { reply });
    await expect(run.model.ask(question())).rejects.toBeInstanceOf(ModelError);
    expect(run.ledger.spending()).toEqual({ totalUsd: 0, rows: [] });
    expect(await run.journal()).toEqual([]);
  });

  it("is nothing where nobody is there", async () => {
    const run = await start(name, [], { reply: "" });
    await run.server[Symbol.asyncDispose]();
    await expect(run.model.ask(question())).rejects.toMatchObject({ code: "model-connection-lost" });
    expect(run.ledger.spending().rows).toEqual([]);
  });
});

describe("a call that breaks off", () => {
  const garbled = new ModelError({ code: "model-answer-garbled", userMessage: "Garbled." });
  const breaksAfter = (text: string, error: Error = garbled): Scripted => {
    return (_, { onText }) => {
      onText?.(text);
      throw error;
    };
  };

  it("is paid for also where the program, not the provider, failed", async () => {
    const run = await start("claude-haiku-4-5", [breaksAfter("a few words", new RangeError("mine"))]);
    await expect(run.model.ask(question())).rejects.toThrow("mine");
    expect(await run.journal()).toMatchObject([{ answer: null, usage: { outputTokens: expect.any(Number) } }]);
  });

  it("comes to what was reported of its prompt, and to no more of its answer than it could hold", async () => {
    const usage = { inputTokens: 700, cacheReadTokens: 600, cacheWriteTokens: 0, outputTokens: 1 };
    const error = new ModelError({ code: "model-connection-lost", userMessage: "Lost.", usage });
    const run = await start("claude-haiku-4-5", [breaksAfter("aAbB1! ".repeat(400), error), breaksAfter("so", error)]);
    for (const system of ["a", "b"]) await expect(run.model.ask(question({ system }))).rejects.toBe(error);
    const [long, short] = await run.journal();
    expect(long?.usage).toEqual({ ...usage, outputTokens: 1000 });
    expect(short?.usage?.outputTokens).toBeGreaterThan(1);
    expect(long?.costUsd).toBeCloseTo((100 * 1 + 600 * 0.1 + 1000 * 5) / 1e6, 10);
  });

  it("costs nothing where nobody is billed", async () => {
    const run = await start("ollama/llama3", [breaksAfter("a few words")], { billed: false });
    await expect(run.model.ask(question())).rejects.toBe(garbled);
    expect(await run.journal()).toEqual([]);
  });
});

interface Given {
  reply?: Reply;
  maxCostUsd?: number;
  limits?: StreamLimits;
  attempts?: number;
  billed?: boolean;
}

interface Run {
  server: ModelServer;
  model: Model;
  ledger: Ledger;
  /** Returns when the first piece of an answer has come. */
  firstText: Promise<void>;
  journal(): Promise<RecordedCall[]>;
}

/** A model of the server's where there is a reply, else a scripted one. */
async function start(
  name: string,
  scripted: Scripted[],
  { reply, maxCostUsd = 1, limits = patient, attempts = 3, billed = true }: Given = {},
): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "broken-calls-"));
  const server = await startModelServer({ answer: () => reply });
  const path = join(folder, "calls.jsonl");
  const journal = await openRecording(path, { redact: (text) => text });
  onTestFinished(async () => {
    await journal[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const ledger = createLedger({ maxCostUsd, calls: [] });
  const { promise: firstText, resolve } = Promise.withResolvers<void>();
  const client = reply === undefined ? createScriptedClient(scripted, { name, billed }) : connect(name, server, limits);
  const context: CallContext = {
    client: tellText(client, resolve),
    job: "job",
    journal,
    recordTo: null,
    ledger,
    prices: createPriceList({ overrides: {} }),
    limiter: { ...createCallLimiter({}), pause: () => undefined },
    retry: { attempts, sleep: async () => undefined },
    redact: (text) => text,
    notes: () => undefined,
  };
  return {
    server,
    model: createModel(context),
    ledger,
    firstText,
    journal: async () => (await readRecording(path)).calls,
  };
}

function connect(name: string, { url, openAIUrl }: ModelServer, limits: StreamLimits): ModelClient {
  const key = "sk-test-0123456789abcdef";
  const addresses = { ANTHROPIC_BASE_URL: url, OPENAI_BASE_URL: openAIUrl };
  const environment = { ANTHROPIC_API_KEY: key, OPENAI_API_KEY: key, ...addresses };
  return createModelClient({ name, environment, baseUrl: null, limits });
}

function tellText(client: ModelClient, onFirst: () => void): ModelClient {
  return {
    ...client,
    complete(request, options) {
      const onText = (text: string): void => {
        options.onText?.(text);
        onFirst();
      };
      return client.complete(request, { ...options, onText });
    },
  };
}
