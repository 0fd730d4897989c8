import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { type ModelServer, startModelServer } from "./model-server.ts";
import type { ErrorName } from "./provider-errors.ts";
import type { Reply } from "./reply.ts";

const claude = {
  model: "claude-haiku-4-5-20251001",
  max_tokens: 100,
  messages: [{ role: "user" as const, content: "Hello" }],
};
const gpt = { model: "gpt-5-mini", input: "Hello", max_output_tokens: 100 };
const chat = { model: "gpt-5-mini", messages: claude.messages };
const tool = {
  tools: [{ name: "choose", input_schema: { type: "object" as const } }],
  tool_choice: { type: "any" as const },
};

describe("an error status, as the SDKs report it", () => {
  it.each<[ErrorName, number, string, number, string]>([
    ["invalid-request", 400, "invalid_request_error", 400, "missing_required_parameter"],
    ["unauthorized", 401, "authentication_error", 401, "invalid_api_key"],
    ["payment-required", 402, "billing_error", 402, "402"],
    ["no-credit", 400, "invalid_request_error", 429, "insufficient_quota"],
    ["forbidden", 403, "permission_error", 403, "unsupported_country_region_territory"],
    ["unknown-model", 404, "not_found_error", 404, "model_not_found"],
    ["prompt-too-long", 400, "invalid_request_error", 400, "context_length_exceeded"],
    ["rate-limited", 429, "rate_limit_error", 429, "rate_limit_exceeded"],
    ["spend-limit", 429, "rate_limit_error", 429, "insufficient_quota"],
    ["server-error", 500, "api_error", 500, "server_error"],
  ])("%s", async (error, status, type, openAIStatus, code) => {
    await using server = await startModelServer({ answer: () => ({ error }) });
    await expect(anthropic(server).create(claude)).rejects.toMatchObject({ status, type });
    await expect(openai(server).responses.create({ ...gpt, stream: true })).rejects.toMatchObject({
      status: openAIStatus,
      code,
    });
    await expect(openai(server).chat.completions.create(chat)).rejects.toMatchObject({ status: openAIStatus, code });
    expect(server.bill).toEqual([]);
  });

  it("overloaded is 529 there and 503 here", async () => {
    await using server = await startModelServer({ answer: () => ({ error: "overloaded" }) });
    await expect(anthropic(server).create(claude)).rejects.toMatchObject({ status: 529, type: "overloaded_error" });
    await expect(openai(server).responses.create(gpt)).rejects.toMatchObject({ status: 503 });
  });

  it("says in words, not in its status, that Anthropic's credit is used up", async () => {
    await using server = await startModelServer({ answer: () => ({ error: "no-credit" }) });
    await expect(anthropic(server).create(claude)).rejects.toThrow(/credit balance is too low/);
  });

  it("says by its code that a limit on spending is reached", async () => {
    await using server = await startModelServer({ answer: () => ({ error: "spend-limit" }) });
    const errorCode = "enforced_spend_limit_reached";
    await expect(anthropic(server).create(claude)).rejects.toMatchObject({ errorCode });
  });

  it.each<[string, NonNullable<Extract<Reply, { error: unknown }>["retryAfter"]>, string, string]>([
    ["seconds", { seconds: 7 }, "retry-after", "7"],
    ["milliseconds", { milliseconds: 1500 }, "retry-after-ms", "1500"],
    ["a date", { date: new Date(Date.UTC(2026, 10, 22)) }, "retry-after", "Sun, 22 Nov 2026 00:00:00 GMT"],
  ])("asks to wait by %s", async (_, retryAfter, name, text) => {
    await using server = await startModelServer({ answer: () => ({ error: "rate-limited", retryAfter }) });
    const error = await anthropic(server)
      .create(claude)
      .catch((thrown) => thrown);
    expect(error.headers.get(name)).toBe(text);
  });

  it("takes only the key it was given", async () => {
    await using server = await startModelServer({ answer: () => "Hi", key: "a-key" });
    const stranger = new Anthropic({ baseURL: server.url, apiKey: "another", maxRetries: 0 });
    await expect(stranger.messages.create(claude)).rejects.toThrow(Anthropic.AuthenticationError);
    expect(await anthropic(server).create(claude)).toBeTruthy();
    const bare = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", body: "{}" });
    expect(bare.status).toBe(401);
  });
});

describe("an answer that is none", () => {
  it("is a page of HTML", async () => {
    await using server = await startModelServer({ answer: () => ({ html: "<html>Sign in</html>", status: 502 }) });
    await expect(anthropic(server).create(claude)).rejects.toMatchObject({ status: 502, type: null });
    await using proxy = await startModelServer({ answer: () => ({ html: "<html>Sign in</html>" }) });
    expect(await anthropic(proxy).create(claude)).toBe("<html>Sign in</html>");
    await expect(anthropic(proxy).stream(claude).finalMessage()).rejects.toThrow(/without sending any chunks/);
  });

  it("is a connection that ends", async () => {
    await using server = await startModelServer({ answer: () => ({ hangUp: true }) });
    await expect(anthropic(server).create(claude)).rejects.toThrow(Anthropic.APIConnectionError);
    await expect(openai(server).responses.create(gpt)).rejects.toThrow(OpenAI.APIConnectionError);
    await expect.poll(() => server.inFlight).toBe(0);
  });

  it("is empty", async () => {
    await using server = await startModelServer({ answer: () => "" });
    expect(await anthropic(server).create(claude)).toMatchObject({ content: [], stop_reason: "end_turn" });
    expect(await anthropic(server).stream(claude).finalMessage()).toMatchObject({
      content: [],
      stop_reason: "end_turn",
    });
    expect(await openai(server).responses.create(gpt)).toMatchObject({ status: "completed", output_text: "" });
    const completion = await openai(server).chat.completions.create(chat);
    expect(completion.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "" } });
  });

  it("is a refusal", async () => {
    await using server = await startModelServer({ answer: () => ({ refusal: "I would rather not." }) });
    const refused = { stop_reason: "refusal", content: [], stop_details: { explanation: "I would rather not." } };
    expect(await anthropic(server).create(claude)).toMatchObject(refused);
    expect(await anthropic(server).stream(claude).finalMessage()).toMatchObject(refused);
    const response = await openai(server).responses.stream(gpt).finalResponse();
    expect(response.output).toMatchObject([{ content: [{ type: "refusal", refusal: "I would rather not." }] }]);
    const completion = await openai(server).chat.completions.create(chat);
    expect(completion.choices[0]?.message).toMatchObject({ content: null, refusal: "I would rather not." });
  });

  it("is stopped by a filter", async () => {
    await using server = await startModelServer({ answer: () => ({ filtered: "It begins" }) });
    expect(await anthropic(server).create(claude)).toMatchObject({
      stop_reason: "refusal",
      content: [{ text: "It begins" }],
    });
    const incomplete = { status: "incomplete", incomplete_details: { reason: "content_filter" } };
    expect(await openai(server).responses.create(gpt)).toMatchObject(incomplete);
    const completion = await openai(server).chat.completions.create(chat);
    expect(completion.choices[0]?.finish_reason).toBe("content_filter");
  });
});

describe("an answer that the token limit cuts", () => {
  it("ends at the limit of the request", async () => {
    await using server = await startModelServer({ answer: () => " word".repeat(500) });
    const message = await anthropic(server).create(claude);
    expect(message).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 100 } });
    expect(message.content).toMatchObject([{ text: " word".repeat(100) }]);
    const incomplete = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
    expect(await openai(server).responses.stream(gpt).finalResponse()).toMatchObject(incomplete);
    const completion = await openai(server).chat.completions.create({ ...chat, max_completion_tokens: 20 });
    expect(completion.choices[0]).toMatchObject({ finish_reason: "length", message: { content: " word".repeat(20) } });
  });

  it("ends where the script says", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "One. Two.", truncateAt: 5 }) });
    expect(await anthropic(server).create(claude)).toMatchObject({
      stop_reason: "max_tokens",
      content: [{ text: "One. " }],
    });
  });

  it("has room for thinking alone", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "One.", reasoningTokens: 500 }) });
    const response = await openai(server).responses.create(gpt);
    expect(response).toMatchObject({ status: "incomplete", output_text: "", usage: { output_tokens: 100 } });
  });

  it("leaves a tool's input open", async () => {
    await using server = await startModelServer({ answer: () => ({ text: '{"files": ["a.py", "b', truncateAt: 12 }) });
    const message = await anthropic(server)
      .stream({ ...claude, ...tool })
      .finalMessage();
    expect(message).toMatchObject({ stop_reason: "max_tokens", content: [{ type: "tool_use" }] });
  });
});

describe("a stream that breaks off", () => {
  const text = "Good morning to you all.";
  it("loses its connection, and bills what was sent", async () => {
    await using server = await startModelServer({ answer: () => ({ text, cutAfter: 12, pieceLength: 6 }) });
    const heard = await hear(server);
    expect(heard.map((each) => each.text)).toEqual(Array(3).fill("Good morning"));
    for (const { error } of heard) expect(String(error)).toMatch(/terminated|Connection error/);
    await expect.poll(() => server.bill.map((billed) => billed.complete)).toEqual([false, false, false]);
    expect(server.bill.map((billed) => billed.usage.outputTokens)).toEqual([2, 2, 2]);
    expect(server.bill[0]?.usage.inputTokens).toBe(1);
  });

  it("says nothing any more", async () => {
    await using server = await startModelServer({ answer: () => ({ text, stallAfter: 4 }) });
    const stream = anthropic(server).stream(claude);
    await stream.emitted("text");
    stream.abort();
    await expect(stream.finalMessage()).rejects.toThrow(Anthropic.APIUserAbortError);
    await expect.poll(() => server.inFlight).toBe(0);
  });

  it("reports an error", async () => {
    await using server = await startModelServer({ answer: () => ({ text, errorAfter: 4 }) });
    const [messages, responses, completions] = await hear(server);
    expect(messages?.error).toMatchObject({ type: "overloaded_error", status: undefined });
    expect(responses?.error).toMatchObject({ message: expect.stringContaining("overloaded") });
    expect(completions?.error).toMatchObject({ type: "service_unavailable_error" });
    expect(completions?.text).toBe("Good");
  });

  it("reports a failed response", async () => {
    await using server = await startModelServer({ answer: () => ({ text, failAfter: 4 }) });
    let last: unknown;
    for await (const event of await openai(server).responses.create({ ...gpt, stream: true })) last = event;
    expect(last).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "server_error" } },
    });
  });

  it("sends what is no JSON", async () => {
    await using server = await startModelServer({ answer: () => ({ text, malformedAfter: 4 }) });
    for (const { text, error } of await hear(server)) {
      expect(text).toBe("Good");
      expect(error).toBeInstanceOf(Error);
    }
  });

  it("never ends, until nobody listens", async () => {
    await using server = await startModelServer({ answer: () => ({ endless: "and on " }) });
    const stream = await anthropic(server).create({ ...claude, stream: true });
    let pieces = 0;
    for await (const event of stream) if (event.type === "content_block_delta" && ++pieces === 50) break;
    await expect.poll(() => server.inFlight).toBe(0);
    expect(server.bill[0]).toMatchObject({ complete: false });
    expect(server.bill[0]?.usage.outputTokens).toBeGreaterThanOrEqual(50);
  });
});

describe("a response without stream that breaks off", () => {
  it.each<[string, Reply, RegExp]>([
    ["loses its connection", { text: "Hi", cutAfter: 20 }, /terminated|Connection error/],
    ["is no JSON", { text: "Hi", malformedAfter: 20 }, /JSON/],
    ["is an error after all", { text: "Hi", errorAfter: 20 }, /Overloaded/],
  ])("%s", async (_, reply, words) => {
    await using server = await startModelServer({ answer: () => reply });
    await expect(anthropic(server).create(claude)).rejects.toThrow(words);
  });

  it("wraps a tool's input that is no JSON", async () => {
    await using server = await startModelServer({ answer: () => "files: a.py" });
    const message = await anthropic(server).create({ ...claude, ...tool });
    expect(message.content).toMatchObject([{ input: { INVALID_JSON: "files: a.py" } }]);
    const streamed = anthropic(server)
      .stream({ ...claude, ...tool })
      .finalMessage();
    await expect(streamed).rejects.toThrow(/JSON/);
  });
});

describe("a slow answer", () => {
  it("keeps back its headers, or only its first event", async () => {
    await using server = await startModelServer({
      answer: (_, index) => (index === 0 ? { text: "Hi", delayMs: 5000 } : { text: "Hi", slowFirstByteMs: 50 }),
    });
    const impatient = anthropic(server).create(claude, { timeout: 100 });
    await expect(impatient).rejects.toThrow(Anthropic.APIConnectionTimeoutError);
    await expect.poll(() => server.inFlight).toBe(0);
    expect(server.bill).toEqual([]);
    const stream = await anthropic(server).create({ ...claude, stream: true });
    const begun = performance.now();
    for await (const _ of stream);
    expect(performance.now() - begun).toBeGreaterThan(30);
  });
});

function anthropic(server: ModelServer) {
  return new Anthropic({ baseURL: server.url, apiKey: "a-key", maxRetries: 0, logLevel: "off" }).messages;
}

function openai(server: ModelServer) {
  return new OpenAI({ baseURL: server.openAIUrl, apiKey: "a-key", maxRetries: 0, logLevel: "off" });
}

/** What each API's stream says until it throws. */
async function hear(server: ModelServer): Promise<Array<{ text: string; error: unknown }>> {
  return [
    await listen(anthropic(server).create({ ...claude, stream: true }), (event) =>
      event.type === "content_block_delta" && event.delta.type === "text_delta" ? event.delta.text : "",
    ),
    await listen(openai(server).responses.create({ ...gpt, stream: true }), (event) =>
      event.type === "response.output_text.delta" ? event.delta : "",
    ),
    await listen(
      openai(server).chat.completions.create({ ...chat, stream: true }),
      (chunk) => chunk.choices[0]?.delta.content ?? "",
    ),
  ];
}

async function listen<T>(opening: PromiseLike<AsyncIterable<T>>, textOf: (event: T) => string) {
  let text = "";
  try {
    for await (const event of await opening) text += textOf(event);
  } catch (error) {
    return { text, error };
  }
  return { text, error: null };
}
