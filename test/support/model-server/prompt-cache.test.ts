import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { type ModelServer, startModelServer } from "./model-server.ts";
import { priceOf } from "./price-list.ts";

const minute = 60_000;
/** Caches from 1,024 tokens, like Sonnet 4.5, of which the SDK warns on every call. */
const opus = "claude-opus-4-1-20250805";
const mark = { cache_control: { type: "ephemeral" as const } };

/** So many tokens: each ` word` is one. */
const words = (count: number, word = "word") => ` ${word}`.repeat(count);
const block = (text: string, marked = false) => ({ type: "text" as const, text, ...(marked ? mark : {}) });

describe("Anthropic's prompt cache", () => {
  it("writes up to the mark, and reads it the next time", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const ask = (question: string) => asker(server)([block(words(1200), true)], [[block(question)]]);
    expect(await ask(words(50))).toEqual({ uncached: 50, written: 1200, read: 0 });
    expect(await ask(words(70, "other"))).toEqual({ uncached: 70, written: 0, read: 1200 });
    expect(server.bill[1]?.usage).toEqual({
      inputTokens: 1270,
      cacheReadTokens: 1200,
      cacheWriteTokens: 0,
      outputTokens: 1,
    });
  });

  it("charges a quarter more for what is written, and a tenth for what is read", () => {
    const usage = { inputTokens: 1250, cacheReadTokens: 0, cacheWriteTokens: 1200, outputTokens: 10 };
    const written = (50 * 3 + 1200 * 3.75 + 10 * 15) / 1e6;
    expect(priceOf(usage, "claude-sonnet-4-5-20250929")).toBeCloseTo(written, 12);
    const read = (50 * 1 + 1200 * 0.1 + 10 * 5) / 1e6;
    const again = { ...usage, cacheReadTokens: 1200, cacheWriteTokens: 0 };
    expect(priceOf(again, "claude-haiku-4-5")).toBeCloseTo(read, 12);
  });

  it("reads a growing conversation up to the last mark before, and writes what came since", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const ask = asker(server);
    const system = [block(words(1000), true)];
    const [one, two, three] = [block(words(500), false), block(words(30, "answer")), block(words(60, "third"))];
    expect(await ask(system, [[{ ...one, ...mark }]])).toEqual({ uncached: 0, written: 1500, read: 0 });
    expect(await ask(system, [[one], [two], [{ ...three, ...mark }]])).toEqual({
      uncached: 0,
      written: 90,
      read: 1500,
    });
  });

  it("forgets after five minutes, counted from the last use", async () => {
    let now = 0;
    await using server = await startModelServer({ answer: () => "Hi", now: () => now });
    const ask = () => asker(server)([block(words(1200), true)], [[block("Hello")]]);
    await ask();
    now += 4 * minute;
    expect(await ask()).toMatchObject({ read: 1200 });
    now += 4 * minute;
    expect(await ask()).toMatchObject({ read: 1200 });
    now += 5 * minute;
    expect(await ask()).toMatchObject({ read: 0, written: 1200 });
  });

  it.each([
    [opus, 1023, 0],
    [opus, 1024, 1024],
    ["claude-haiku-4-5-20251001", 4095, 0],
    ["claude-haiku-4-5-20251001", 4096, 4096],
  ])("of %s caches no prefix below the minimum: %i tokens, %i written", async (model, tokens, written) => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const usage = await asker(server, { model })([block(words(tokens), true)], [[block("Hello")]]);
    expect(usage).toMatchObject({ written, uncached: tokens - written + 1 });
  });

  it("shares nothing between models or keys", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const ask = (options: { model?: string; key?: string }) =>
      asker(server, options)([block(words(1200), true)], [[block("Hi")]]);
    await ask({});
    expect(await ask({ model: "claude-sonnet-4-20250514" })).toMatchObject({ read: 0, written: 1200 });
    expect(await ask({ key: "another" })).toMatchObject({ read: 0, written: 1200 });
  });

  it("reads only what was written before a change in the middle", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const ask = (middle: string) =>
      asker(server)([block(words(1100), true), block(middle), block(words(300), true)], [[block("Hello")]]);
    expect(await ask(words(200))).toEqual({ uncached: 1, written: 1600, read: 0 });
    expect(await ask(words(200, "other"))).toEqual({ uncached: 1, written: 500, read: 1100 });
  });

  it("looks back twenty blocks from a mark, no further", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const ask = asker(server);
    const grown = (blocks: number) =>
      Array.from({ length: blocks }, (_, index) => block(words(10), index === blocks - 1));
    await ask([block(words(1200), true)], [[block("Hello")]]);
    expect(await ask([block(words(1200)), ...grown(19)], [[block("Hello")]])).toMatchObject({
      read: 1200,
      written: 190,
    });
    expect(await ask([block(words(1200)), ...grown(39)], [[block("Hello")]])).toMatchObject({ read: 0, written: 1590 });
  });

  it("sees tools before the system prompt, and another choice of tool as another conversation", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const tools = [{ name: "choose", input_schema: { type: "object" as const } }];
    const [system, messages] = [[block(words(1200), true)], [[block(words(100), true)]]];
    const plain = await asker(server)(system, messages);
    expect(plain).toMatchObject({ written: 1300 });
    const withTools = await asker(server, { tools })(system, messages);
    expect(withTools.read).toBe(0);
    const forced = await asker(server, { tools, tool_choice: { type: "any" } })(system, messages);
    expect(forced).toMatchObject({ read: withTools.written - 100, written: 100 });
  });

  it("has nothing to read for two that ask at the same time", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "Hi", delayMs: 200 }) });
    const ask = () => asker(server)([block(words(1200), true)], [[block("Hello")]]);
    const both = await Promise.all([ask(), ask()]);
    expect(both.map((usage) => usage.written)).toEqual([1200, 1200]);
  });

  it("keeps nothing of a request that failed", async () => {
    await using server = await startModelServer({
      answer: (_, index) => (index === 0 ? { error: "overloaded" } : "Hi"),
    });
    const ask = () => asker(server)([block(words(1200), true)], [[block("Hello")]]);
    await expect(ask()).rejects.toThrow(/Overloaded/);
    expect(await ask()).toMatchObject({ read: 0, written: 1200 });
    expect(server.bill).toHaveLength(1);
  });
});

describe("OpenAI's prompt cache", () => {
  /** A message takes four tokens beside its text; the roles stand before it, so the common prefix is text and three. */
  it("reads the longest common prefix in steps of 128 from 1,024 tokens, free to write", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const ask = responder(server);
    expect(await ask(words(1300))).toEqual({ input: 1300 + 4 + 3, read: 0 });
    expect(await ask(words(1300))).toMatchObject({ read: 1280 });
    expect(await ask(words(1200) + words(100, "other"))).toMatchObject({ read: 1152 });
    expect(await ask(words(1020) + words(280, "other"))).toMatchObject({ read: 0 });
    expect(await ask(words(1000))).toMatchObject({ read: 0 });
    expect(server.bill[1]?.dollars).toBeCloseTo((27 * 1.25 + 1280 * 0.125 + 1 * 10) / 1e6, 12);
  });

  it("forgets after five minutes, and knows no other model", async () => {
    let now = 0;
    await using server = await startModelServer({ answer: () => "Hi", now: () => now });
    await responder(server)(words(2000));
    expect(await responder(server, "gpt-5-mini")(words(2000))).toMatchObject({ read: 0 });
    now += 5 * minute;
    expect(await responder(server)(words(2000))).toMatchObject({ read: 0 });
  });

  it("counts for chat completions too, over a growing conversation", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const client = new OpenAI({ baseURL: server.openAIUrl, apiKey: "a-key" });
    const system = { role: "system" as const, content: words(1500) };
    const question = { role: "user" as const, content: words(100) };
    const ask = async (messages: OpenAI.Chat.Completions.ChatCompletionMessageParam[]) =>
      (await client.chat.completions.create({ model: "gpt-5", messages })).usage?.prompt_tokens_details?.cached_tokens;
    expect(await ask([system, question])).toBe(0);
    const answer = { role: "assistant" as const, content: "Hi" };
    // 1,504 tokens of system prompt and 104 of question: 1,608, of which 1,024 + 4 × 128 are whole steps.
    expect(await ask([system, question, answer, { role: "user", content: "More" }])).toBe(1536);
  });
});

function asker(
  server: ModelServer,
  {
    model = opus,
    key = "a key",
    ...rest
  }: { model?: string; key?: string } & Partial<Anthropic.MessageCreateParamsNonStreaming> = {},
) {
  const client = new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 0 });
  return async (system: Anthropic.TextBlockParam[], turns: Anthropic.TextBlockParam[][]) => {
    const messages = turns.map((content, index) => ({
      role: index % 2 ? ("assistant" as const) : ("user" as const),
      content,
    }));
    const { usage } = await client.messages.create({ max_tokens: 100, ...rest, model, system, messages });
    return {
      uncached: usage.input_tokens,
      written: usage.cache_creation_input_tokens ?? Number.NaN,
      read: usage.cache_read_input_tokens ?? Number.NaN,
    };
  };
}

function responder(server: ModelServer, model = "gpt-5") {
  const client = new OpenAI({ baseURL: server.openAIUrl, apiKey: "a-key" });
  return async (input: string) => {
    const { usage } = await client.responses.create({ model, input });
    return { input: usage?.input_tokens, read: usage?.input_tokens_details.cached_tokens };
  };
}
