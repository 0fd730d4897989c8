import { describe, expect, it, onTestFinished } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { createAnthropicClient } from "../../src/models/anthropic.ts";
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

const key = "sk-ant-test-0123456789abcdef";
const start = {
  type: "message_start",
  message: {
    usage: { input_tokens: 10, cache_read_input_tokens: 200, cache_creation_input_tokens: 30, output_tokens: 1 },
  },
};
const text = (part: string) => ({
  type: "content_block_delta",
  index: 0,
  delta: { type: "text_delta", text: part },
});
const json = (part: string, index = 0) => ({
  type: "content_block_delta",
  index,
  delta: { type: "input_json_delta", partial_json: part },
});
const end = (stop_reason: string) => [
  { type: "message_delta", delta: { stop_reason }, usage: { output_tokens: 7, input_tokens: null } },
  { type: "message_stop" },
];
const tool = { type: "content_block_start", index: 0, content_block: { type: "tool_use", name: "colour", input: {} } };
const usage = { inputTokens: 240, cacheReadTokens: 200, cacheWriteTokens: 30, outputTokens: 7 };
const usageAtStart = { ...usage, outputTokens: 1 };

describe("the Messages API", () => {
  it("asks for text and tells each piece as it comes", async () => {
    const { client, endpoint } = await connect({
      chunks: namedEvents(start, { type: "ping" }, text("Hel"), { type: "unheard_of" }, text("lo"), ...end("end_turn")),
    });
    const pieces: string[] = [];
    const completion = await client.complete(question(), { onText: (piece) => pieces.push(piece) });
    expect(completion).toEqual({ text: "Hello", stop: { unified: "end", raw: "end_turn" }, usage });
    expect(pieces).toEqual(["Hel", "lo"]);
    expect(endpoint.requests[0]).toMatchObject({ path: "/v1/messages", headers: { authorization: `Bearer ${key}` } });
    expect(endpoint.requests[0]?.body).toEqual({
      model: "claude-test",
      max_tokens: 100,
      stream: true,
      system: [{ type: "text", text: "You are brief." }],
      messages: [{ role: "user", content: [{ type: "text", text: "Say hello." }] }],
    });
  });

  it("asks for a value by a tool that has to be called", async () => {
    const { client, endpoint } = await connect({
      chunks: namedEvents(start, tool, json(""), json('{"name":'), json('"red"}'), ...end("tool_use")),
    });
    const completion = await client.complete(question({ answer: colour }), {});
    expect(completion).toMatchObject({ text: '{"name":"red"}', stop: { unified: "end", raw: "tool_use" } });
    expect(endpoint.requests[0]?.body).toMatchObject({
      tools: [{ name: "colour", input_schema: colour.schema }],
      tool_choice: { type: "tool", name: "colour", disable_parallel_tool_use: true },
    });
  });

  it("takes the first tool only, and the text where no tool was called", async () => {
    const second = { ...tool, index: 1 };
    const twice = await connect({
      chunks: namedEvents(start, tool, json("{}"), second, json('{"a":1}', 1), ...end("tool_use")),
    });
    expect(await twice.client.complete(question({ answer: colour }), {})).toMatchObject({ text: "{}" });
    const spoken = await connect({ chunks: namedEvents(start, text('{"name":"red"}'), ...end("end_turn")) });
    expect(await spoken.client.complete(question({ answer: colour }), {})).toMatchObject({ text: '{"name":"red"}' });
  });

  it.each([
    ["stop_sequence", "end"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["refusal", "refusal"],
    ["pause_turn", "other"],
    ["constructor", "other"],
  ])("reads the stop reason %s as %s", async (raw, unified) => {
    const { client } = await connect({ chunks: namedEvents(start, text("x"), ...end(raw)) });
    expect((await client.complete(question(), {})).stop).toEqual({ unified, raw });
  });

  it("marks the last four parts that ask to be cached, and sends no empty part", async () => {
    const { client, endpoint } = await connect({ chunks: namedEvents(start, text("x"), ...end("end_turn")) });
    const parts = ["a", "b", "", "c", "d", "e"].map((each) => ({ text: each, cache: true }));
    await client.complete(question({ system: "", messages: [{ role: "user", parts: [...parts, { text: "f" }] }] }), {});
    const cache_control = { type: "ephemeral" };
    expect(endpoint.requests[0]?.body).not.toHaveProperty("system");
    expect(endpoint.requests[0]?.body.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          ...["b", "c", "d", "e"].map((each) => ({ type: "text", text: each, cache_control })),
          { type: "text", text: "f" },
        ],
      },
    ]);
  });

  it.each<[string, ScriptedReply, object]>([
    ["the socket closes", { chunks: namedEvents(start, text("x")), ending: "cut" }, { code: "model-connection-lost" }],
    ["the stream just ends", { chunks: namedEvents(start, text("x")) }, { code: "model-connection-lost" }],
    [
      "it is overloaded in the middle",
      { chunks: namedEvents(start, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }) },
      { code: "model-unavailable" },
    ],
    [
      "it limits the rate in the middle",
      { chunks: namedEvents(start, { type: "error", error: { type: "rate_limit_error", message: "Slow" } }) },
      { code: "model-rate-limited" },
    ],
    [
      "an event is no JSON",
      { chunks: [...namedEvents(start), "event: x\ndata: {oh\n\n"] },
      { code: "model-answer-garbled" },
    ],
    [
      "an event is not what the API says",
      { chunks: namedEvents(start, { type: "content_block_delta", index: "first" }) },
      { code: "model-answer-garbled" },
    ],
  ])("says what is known to be paid for when %s", async (_, reply, expected) => {
    const { client } = await connect(reply);
    const failed = client.complete(question(), {});
    await expect(failed).rejects.toMatchObject({ ...expected, retryable: true, usage: usageAtStart });
  });

  it("keeps what was paid for when the provider falls silent or never stops", async () => {
    const silent = await connect({ chunks: namedEvents(start, text("x")), ending: "hang" }, impatient);
    await expect(silent.client.complete(question(), {})).rejects.toMatchObject({
      code: "model-timed-out",
      usage: usageAtStart,
    });
    const endless = await connect({ chunks: namedEvents(start, text("x".repeat(5000))), ending: "repeat" });
    await expect(endless.client.complete(question(), {})).rejects.toMatchObject({
      code: "model-answer-endless",
      usage: usageAtStart,
    });
  });

  it("takes a ping for a sign of life", async () => {
    const pings = Array.from({ length: 3 }, () => ({ type: "ping" }));
    const { client } = await connect({ chunks: namedEvents(...pings), ending: "hang" }, impatient);
    await expect(client.complete(question(), {})).rejects.toMatchObject({
      userMessage: expect.stringContaining("fell silent"),
    });
  });

  it("does not take a web page for an answer", async () => {
    const page = { headers: { "content-type": "text/html" }, chunks: ["<html>Log in</html>"] };
    const { client } = await connect(page);
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code: "model-answer-garbled" });
  });

  it("asks once only: who retries sits above", async () => {
    const body = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const { client, endpoint } = await connect(jsonReply(529, body, { "retry-after": "7" }));
    await expect(client.complete(question(), {})).rejects.toMatchObject({
      code: "model-unavailable",
      retryable: true,
      retryAfterMs: 7000,
      usage: null,
    });
    expect(endpoint.requests).toHaveLength(1);
  });

  it("is cancelled in the middle of an answer", async () => {
    const { client, endpoint } = await connect({ chunks: namedEvents(start, text("x")), ending: "hang" });
    const controller = new AbortController();
    const completing = client.complete(question(), { signal: controller.signal, onText: () => controller.abort() });
    await expect(completing).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => endpoint.abandoned()).toBe(1);
  });
});

async function connect(reply: ScriptedReply, limits: StreamLimits = patient) {
  const endpoint = await startScriptedEndpoint(reply);
  onTestFinished(() => endpoint[Symbol.asyncDispose]());
  const contact = {
    title: "Anthropic",
    model: "claude-test",
    baseUrl: endpoint.url,
    keyVariable: "ANTHROPIC_API_KEY",
    key,
  };
  return { endpoint, client: createAnthropicClient({ name: "claude-test", billed: true, contact, limits }) };
}
