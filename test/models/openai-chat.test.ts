import { describe, expect, it, onTestFinished } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { createOpenAiChatClient, type OpenAiChatOptions } from "../../src/models/openai-chat.ts";
import {
  colour,
  impatient,
  jsonReply,
  patient,
  plainEvents,
  question,
  type ReplyTo,
  type ScriptedReply,
  startScriptedEndpoint,
} from "./scripted-endpoint.ts";

const text = (content: string | null) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const finish = (finish_reason: string) => ({ choices: [{ index: 0, delta: {}, finish_reason }] });
const counted = {
  choices: [],
  usage: {
    prompt_tokens: 40,
    completion_tokens: 4,
    prompt_tokens_details: { cached_tokens: 16, cache_write_tokens: 8 },
  },
};
const usage = { inputTokens: 40, cacheReadTokens: 16, cacheWriteTokens: 8, outputTokens: 4 };
const answered: ScriptedReply = { chunks: plainEvents(text("x"), finish("stop")) };

describe("an OpenAI-compatible endpoint", () => {
  it("is asked for text and tells each piece as it comes", async () => {
    const { client, endpoint } = await connect([
      { chunks: [": PROCESSING\n\n", ...plainEvents(text(null), text("Hel"), text("lo"), finish("stop"), counted)] },
    ]);
    const pieces: string[] = [];
    const completion = await client.complete(question(), { onText: (piece) => pieces.push(piece) });
    expect(completion).toEqual({ text: "Hello", stop: { unified: "end", raw: "stop" }, usage });
    expect(pieces).toEqual(["Hel", "lo"]);
    expect(endpoint.requests[0]).toMatchObject({ path: "/chat/completions" });
    expect(endpoint.requests[0]?.headers).not.toHaveProperty("authorization");
    expect(endpoint.requests[0]?.body).toEqual({
      model: "some-model",
      messages: [
        { role: "system", content: "You are brief." },
        { role: "user", content: "Say hello." },
      ],
      max_tokens: 100,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("is asked for a value by a schema", async () => {
    const { client, endpoint } = await connect([{ chunks: plainEvents(text('{"name":"red"}'), finish("stop")) }]);
    expect(await client.complete(question({ answer: colour }), {})).toMatchObject({ text: '{"name":"red"}' });
    expect(endpoint.requests[0]?.body.response_format).toMatchObject({
      type: "json_schema",
      json_schema: { name: "colour", strict: true, schema: { required: ["name"] } },
    });
  });

  it("does not say what it counted where it counted nothing", async () => {
    for (const silent of [{ choices: [], usage: {} }, { choices: [], usage: null }, { choices: null }]) {
      const { client } = await connect([{ chunks: plainEvents(text("x"), finish("stop"), silent) }]);
      expect((await client.complete(question(), {})).usage).toBeNull();
    }
  });

  it.each([
    ["length", "length"],
    ["content_filter", "refusal"],
    ["tool_calls", "other"],
  ])("ends with %s, which means %s", async (raw, unified) => {
    const { client } = await connect([{ chunks: plainEvents(text("x"), finish(raw)) }]);
    expect((await client.complete(question(), {})).stop).toEqual({ unified, raw });
  });

  it("may refuse in so many words", async () => {
    const refusal = { choices: [{ delta: { refusal: "I will not." } }] };
    const { client } = await connect([{ chunks: plainEvents(refusal, finish("stop")) }]);
    expect(await client.complete(question(), {})).toMatchObject({ text: "I will not.", stop: { unified: "refusal" } });
  });

  it.each([
    ["OpenAI's way", 400, { error: { message: "Unknown field.", param: "response_format" } }],
    ["a bare message", 400, { object: "error", message: "json_schema is not supported", code: 400 }],
    ["FastAPI's way", 422, { detail: [{ loc: ["body", "response_format"], msg: "extra fields not permitted" }] }],
  ])("is asked in words from then on when it refuses a format in %s", async (_, status, body) => {
    const { client, endpoint } = await connect([jsonReply(status, body), answered, answered]);
    await client.complete(question({ answer: colour }), {});
    await client.complete(question({ answer: colour }), {});
    expect(endpoint.requests.map((request) => "response_format" in request.body)).toEqual([true, false, false]);
    expect(endpoint.requests[2]?.body.messages).toEqual([
      { role: "system", content: "You are brief." },
      { role: "user", content: expect.stringMatching(/^Say hello\.\n\nAnswer with a single JSON value.*"name"/s) },
    ]);
  });

  it("is asked in words by each of several calls that learn so at one time", async () => {
    const refusing = (body: object) =>
      "response_format" in body ? jsonReply(400, { error: { message: "response_format is unknown" } }) : answered;
    const { client, endpoint } = await connect([refusing, refusing, refusing, refusing]);
    const calls = [1, 2].map(() => client.complete(question({ answer: colour }), {}));
    expect(await Promise.all(calls)).toMatchObject([{ text: "x" }, { text: "x" }]);
    expect(endpoint.requests).toHaveLength(4);
  });

  it("learns one thing after the other, and gives up when nothing is left", async () => {
    const refuse = (param: string) => jsonReply(400, { error: { message: `Unrecognized: ${param}` } });
    const { client, endpoint } = await connect([
      refuse("stream_options"),
      refuse("response_format"),
      refuse("response_format"),
    ]);
    await expect(client.complete(question({ answer: colour }), {})).rejects.toMatchObject({
      code: "model-request-refused",
      retryable: false,
    });
    expect(endpoint.requests).toHaveLength(3);
    expect(endpoint.requests[2]?.body).not.toHaveProperty("stream_options");
  });

  it("passes cache marks on where they are understood, the last four", async () => {
    const { client, endpoint } = await connect([answered], { marksCache: true });
    const parts = ["a", "b", "c", "d", "e"].map((each) => ({ text: each, cache: true }));
    await client.complete(question({ messages: [{ role: "user", parts: [...parts, { text: "f" }] }] }), {});
    const marked = { cache_control: { type: "ephemeral" } };
    expect(endpoint.requests[0]?.body.messages).toEqual([
      { role: "system", content: "You are brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          ...["b", "c", "d", "e"].map((each) => ({ type: "text", text: each, ...marked })),
          { type: "text", text: "f" },
        ],
      },
    ]);
  });

  it.each<[string, ScriptedReply, string]>([
    ["the socket closes", { chunks: plainEvents(text("x")).slice(0, 1), ending: "cut" }, "model-connection-lost"],
    ["the stream just ends", { chunks: plainEvents(text("x")) }, "model-connection-lost"],
    ["an event is no JSON", { chunks: ["data: {oh\n\n"] }, "model-answer-garbled"],
    ["an event is not what the API says", { chunks: plainEvents({ choices: "none" }) }, "model-answer-garbled"],
    ["a web page comes", { chunks: ["<html></html>"] }, "model-answer-garbled"],
    [
      "an error comes in the middle",
      { chunks: plainEvents(text("x"), { error: { code: 502, message: "Upstream" }, choices: [] }) },
      "model-unavailable",
    ],
    [
      "the rate is limited in the middle",
      { chunks: plainEvents(text("x"), { error: { code: 429, message: "Slow" }, choices: [] }) },
      "model-rate-limited",
    ],
  ])("may be asked again when %s", async (_, reply, code) => {
    const { client } = await connect([reply]);
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code, retryable: true });
  });

  it("is not waited for when it falls silent, nor read without end", async () => {
    const silent = await connect([{ chunks: plainEvents(text("x")).slice(0, 1), ending: "hang" }], {
      limits: impatient,
    });
    await expect(silent.client.complete(question(), {})).rejects.toMatchObject({ code: "model-timed-out" });
    const thinking = { choices: [{ delta: { reasoning: "hm ".repeat(5000) } }] };
    const endless = await connect([{ chunks: plainEvents(thinking).slice(0, 1), ending: "repeat" }]);
    await expect(endless.client.complete(question(), {})).rejects.toMatchObject({ code: "model-answer-endless" });
  });

  it("says where it was looked for when nobody is there", async () => {
    const { client, endpoint } = await connect([]);
    await endpoint[Symbol.asyncDispose]();
    await expect(client.complete(question(), {})).rejects.toMatchObject({
      code: "model-connection-lost",
      retryable: true,
      userMessage: `Tester cannot be reached at ${endpoint.url} (ECONNREFUSED): check that address and the network.`,
    });
  });

  it("is cancelled in the middle of an answer", async () => {
    const { client, endpoint } = await connect([{ chunks: plainEvents(text("x")).slice(0, 1), ending: "hang" }]);
    const controller = new AbortController();
    const completing = client.complete(question(), { signal: controller.signal, onText: () => controller.abort() });
    await expect(completing).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => endpoint.abandoned()).toBe(1);
  });
});

async function connect(replies: ReplyTo[], options: Partial<OpenAiChatOptions> = {}) {
  const endpoint = await startScriptedEndpoint(...replies);
  let closed = false;
  const close = async () => {
    if (!closed) await endpoint[Symbol.asyncDispose]();
    closed = true;
  };
  onTestFinished(close);
  const contact = { title: "Tester", model: "some-model", baseUrl: endpoint.url, keyVariable: null, key: null };
  const client = createOpenAiChatClient({
    name: "compatible/some-model",
    provider: endpoint.url,
    billed: false,
    contact,
    marksCache: false,
    limits: patient,
    ...options,
  });
  return { endpoint: { ...endpoint, [Symbol.asyncDispose]: close }, client };
}
