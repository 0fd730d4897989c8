import { describe, expect, it, onTestFinished } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { createOpenAiResponsesClient } from "../../src/models/openai-responses.ts";
import type { StreamLimits } from "../../src/models/watch-stream.ts";
import {
  colour,
  impatient,
  jsonReply,
  namedEvents,
  patient,
  question,
  type ScriptedReply,
  startScriptedEndpoint,
} from "./scripted-endpoint.ts";

const key = "sk-test-0123456789abcdef";
const created = { type: "response.created", response: { status: "in_progress" } };
const text = (delta: string) => ({ type: "response.output_text.delta", delta });
const reported = { input_tokens: 50, input_tokens_details: { cached_tokens: 32 }, output_tokens: 5, total_tokens: 55 };
const usage = { inputTokens: 50, cacheReadTokens: 32, cacheWriteTokens: 0, outputTokens: 5 };
const completed = { type: "response.completed", response: { status: "completed", usage: reported } };
const incomplete = (reason: string) => ({
  type: "response.incomplete",
  response: { status: "incomplete", incomplete_details: { reason }, usage: reported },
});
const failed = (code: string, message = "It failed.") => ({
  type: "response.failed",
  response: { status: "failed", error: { code, message }, usage: reported },
});

describe("the Responses API", () => {
  it("asks for text and tells each piece as it comes", async () => {
    const { client, endpoint } = await connect({
      chunks: namedEvents(created, text("Hel"), { type: "keepalive" }, text("lo"), completed),
    });
    const pieces: string[] = [];
    const completion = await client.complete(question(), { onText: (piece) => pieces.push(piece) });
    expect(completion).toEqual({ text: "Hello", stop: { unified: "end", raw: "completed" }, usage });
    expect(pieces).toEqual(["Hel", "lo"]);
    const { path, headers, body } = endpoint.requests[0] ?? {};
    expect(path).toBe("/responses");
    expect(headers).toMatchObject({ authorization: `Bearer ${key}`, "openai-organization": "org-1" });
    expect(headers).not.toHaveProperty("openai-project");
    expect(body).toEqual({
      model: "gpt-test",
      instructions: "You are brief.",
      input: [{ role: "user", content: "Say hello." }],
      max_output_tokens: 100,
      store: false,
      stream: true,
      prompt_cache_key: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it("asks for no fewer tokens than the API takes", async () => {
    const { client, endpoint } = await connect({ chunks: namedEvents(text("x"), completed) });
    await client.complete(question({ maxOutputTokens: 5 }), {});
    expect(endpoint.requests[0]?.body.max_output_tokens).toBe(16);
  });

  it("asks for a value by a strict format", async () => {
    const { client, endpoint } = await connect({ chunks: namedEvents(text('{"name":"red"}'), completed) });
    expect(await client.complete(question({ answer: colour }), {})).toMatchObject({ text: '{"name":"red"}' });
    expect(endpoint.requests[0]?.body.text).toEqual({
      format: {
        type: "json_schema",
        name: "colour",
        strict: true,
        schema: {
          type: "object",
          properties: { name: { type: "string" } },
          required: ["name"],
          additionalProperties: false,
        },
      },
    });
  });

  it("meets one cache in a conversation, and another in another", async () => {
    const reply = { chunks: namedEvents(text("x"), completed) };
    const { client, endpoint } = await connect(reply, reply, reply);
    const first = { role: "user" as const, parts: [{ text: "One" }, { text: "Two" }] };
    const answer = { role: "assistant" as const, parts: [{ text: "Three" }] };
    await client.complete(question({ messages: [first] }), {});
    await client.complete(question({ messages: [first, answer, { role: "user", parts: [{ text: "Four" }] }] }), {});
    await client.complete(question({ messages: [{ role: "user", parts: [{ text: "Five" }] }] }), {});
    const keys = endpoint.requests.map(({ body }) => body.prompt_cache_key);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[0]).not.toBe(keys[2]);
    expect(endpoint.requests[1]?.body.input).toEqual([
      { role: "user", content: "One\n\nTwo" },
      { role: "assistant", content: "Three" },
      { role: "user", content: "Four" },
    ]);
  });

  it.each([
    ["max_output_tokens", "length"],
    ["content_filter", "refusal"],
    ["steered", "other"],
  ])("reads an answer that is incomplete for %s as %s", async (raw, unified) => {
    const { client } = await connect({ chunks: namedEvents(text("x"), incomplete(raw)) });
    expect(await client.complete(question(), {})).toEqual({ text: "x", stop: { unified, raw }, usage });
  });

  it("reads a refusal", async () => {
    const { client } = await connect({
      chunks: namedEvents({ type: "response.refusal.delta", delta: "I will not." }, completed),
    });
    expect(await client.complete(question(), {})).toEqual({
      text: "I will not.",
      stop: { unified: "refusal", raw: "refusal" },
      usage,
    });
  });

  it.each([
    ["server_error", "model-unavailable", true],
    ["rate_limit_exceeded", "model-rate-limited", true],
    ["insufficient_quota", "model-no-credit", false],
    ["context_length_exceeded", "prompt-too-long", false],
    ["invalid_prompt", "model-request-refused", false],
  ])("says what it is when a response fails with %s, and what it cost", async (code, expected, retryable) => {
    const { client } = await connect({ chunks: namedEvents(created, failed(code)) });
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code: expected, retryable, usage });
  });

  it.each<[string, ScriptedReply, string]>([
    ["the socket closes", { chunks: namedEvents(created, text("x")), ending: "cut" }, "model-connection-lost"],
    ["the stream just ends", { chunks: namedEvents(created, text("x")) }, "model-connection-lost"],
    [
      "an error comes in the middle",
      { chunks: namedEvents(created, { type: "error", code: "server_error", message: "Oh", param: null }) },
      "model-unavailable",
    ],
    ["an event is no JSON", { chunks: [...namedEvents(created), "data: {oh\n\n"] }, "model-answer-garbled"],
    [
      "an event is not what the API says",
      { chunks: namedEvents({ type: "response.completed", response: 7 }) },
      "model-answer-garbled",
    ],
    ["a web page comes", { chunks: ["<html></html>"] }, "model-answer-garbled"],
  ])("may be asked again when %s", async (_, reply, code) => {
    const { client } = await connect(reply);
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code, retryable: true, usage: null });
  });

  it("ends when the provider falls silent", async () => {
    const { client } = await connectWith(impatient, { chunks: namedEvents(created), ending: "hang" });
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code: "model-timed-out" });
  });

  it("asks once only, and waits as long as the provider asks", async () => {
    const error = { message: "Slow down.", type: "tokens", code: "rate_limit_exceeded" };
    const { client, endpoint } = await connect(jsonReply(429, { error }, { "retry-after-ms": "1500" }));
    await expect(client.complete(question(), {})).rejects.toMatchObject({
      code: "model-rate-limited",
      retryAfterMs: 1500,
    });
    expect(endpoint.requests).toHaveLength(1);
  });

  it("is cancelled in the middle of an answer", async () => {
    const { client, endpoint } = await connect({ chunks: namedEvents(text("x")), ending: "hang" });
    const controller = new AbortController();
    const completing = client.complete(question(), { signal: controller.signal, onText: () => controller.abort() });
    await expect(completing).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => endpoint.abandoned()).toBe(1);
  });
});

function connect(...replies: ScriptedReply[]) {
  return connectWith(patient, ...replies);
}

async function connectWith(limits: StreamLimits, ...replies: ScriptedReply[]) {
  const endpoint = await startScriptedEndpoint(...replies);
  onTestFinished(() => endpoint[Symbol.asyncDispose]());
  const contact = { title: "OpenAI", model: "gpt-test", baseUrl: endpoint.url, keyVariable: "OPENAI_API_KEY", key };
  const account = { organization: "org-1", project: null };
  return {
    endpoint,
    client: createOpenAiResponsesClient({ name: "gpt-test", billed: true, contact, account, limits }),
  };
}
