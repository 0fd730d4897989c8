import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { startModelServer } from "./model-server/model-server.ts";

const schema = {
  type: "object" as const,
  properties: { files: { type: "array", items: { type: "string" } } },
  required: ["files"],
  additionalProperties: false,
};
const value = { files: ["a.py", "b.py"] };
const hello = {
  model: "claude-haiku-4-5-20251001",
  max_tokens: 100,
  messages: [{ role: "user" as const, content: "Hello" }],
};

const anthropic = (url: string) => new Anthropic({ baseURL: url, apiKey: "a key", maxRetries: 0 });
const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "a-key", maxRetries: 0 });

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe("Anthropic's messages", () => {
  it("answers with text, its stop reason and its usage", async () => {
    await using server = await startModelServer({ answer: () => "Good morning to you." });
    const message = await anthropic(server.url).messages.create(hello);
    expect(message.content).toEqual([{ type: "text", text: "Good morning to you.", citations: null }]);
    expect(message.stop_reason).toBe("end_turn");
    expect(message.usage).toMatchObject({ input_tokens: 1, output_tokens: 5, cache_read_input_tokens: 0 });
    expect(message._request_id).toMatch(/^req_/);
  });

  it("streams the same in pieces", async () => {
    await using server = await startModelServer({
      answer: () => ({ text: "Good morning to you. 🌍", pieceLength: 5 }),
    });
    const stream = anthropic(server.url).messages.stream(hello);
    const pieces: string[] = [];
    stream.on("text", (text) => pieces.push(text));
    const message = await stream.finalMessage();
    expect(pieces).toEqual(["Good ", "morni", "ng to", " you.", " 🌍"]);
    expect(message).toMatchObject({ stop_reason: "end_turn", usage: { input_tokens: 1 } });
  });

  it("sends the API's events in the API's order", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const events = await collect(await anthropic(server.url).messages.create({ ...hello, stream: true }));
    expect(events.map((event) => event.type)).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  it.each([false, true])("answers with the tool that is asked for (stream: %s)", async (stream) => {
    await using server = await startModelServer({ answer: () => ({ value, pieceLength: 7 }) });
    const tools = [{ name: "choose", input_schema: schema }];
    const request = { ...hello, tools, tool_choice: { type: "tool" as const, name: "choose" } };
    const { messages } = anthropic(server.url);
    const message = stream ? await messages.stream(request).finalMessage() : await messages.create(request);
    expect(message.stop_reason).toBe("tool_use");
    expect(message.content).toMatchObject([{ type: "tool_use", name: "choose", input: value }]);
  });

  it("shows the script what is asked", async () => {
    await using server = await startModelServer({ answer: () => "Hi", keepRequests: true });
    await anthropic(server.url).messages.create({
      ...hello,
      system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
      tools: [{ name: "choose", input_schema: schema }],
      tool_choice: { type: "any" },
    });
    expect(server.requests[0]?.received).toMatchObject({
      api: "messages",
      model: hello.model,
      system: "Be brief.",
      messages: [{ role: "user", text: "Hello" }],
      wants: { name: "choose", schema },
      maxTokens: 100,
      stream: false,
    });
  });

  it.each([
    [
      "five marks",
      { system: Array(5).fill({ type: "text", text: "x", cache_control: { type: "ephemeral" } }) },
      /maximum of 4/,
    ],
    ["an empty block", { system: [{ type: "text", text: "" }] }, /non-empty/],
    ["a temperature, gone with this version of the API", { temperature: 0 }, /temperature/],
    ["a tool that is not there", { tool_choice: { type: "tool", name: "choose" } }, /tools/],
  ])("refuses %s", async (_, extra, words) => {
    await using server = await startModelServer({ answer: () => "Hi" });
    const refused = anthropic(server.url).messages.create({ ...hello, ...extra } as typeof hello);
    await expect(refused).rejects.toThrow(Anthropic.BadRequestError);
    await expect(refused).rejects.toThrow(words);
    expect(server.unexpected).toHaveLength(1);
  });
});

describe("OpenAI's responses", () => {
  const request = { model: "gpt-5-mini", instructions: "Be brief.", input: "Hello", max_output_tokens: 100 };
  const text = { format: { type: "json_schema" as const, name: "choose", schema, strict: true } };

  it("answers with text and usage", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "Good morning.", reasoningTokens: 64 }) });
    const response = await openai(server.url).responses.create(request);
    expect(response).toMatchObject({ status: "completed", output_text: "Good morning." });
    expect(response.usage).toMatchObject({
      input_tokens: 15,
      output_tokens: 67,
      output_tokens_details: { reasoning_tokens: 64 },
    });
  });

  it("streams numbered events that end with the whole response", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "Good morning.", pieceLength: 5 }) });
    const events = await collect(await openai(server.url).responses.create({ ...request, stream: true }));
    expect(events.map((event) => event.type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      ...Array(3).fill("response.output_text.delta"),
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual([...events.keys()]);
    expect(await openai(server.url).responses.stream(request).finalResponse()).toMatchObject({
      output_text: "Good morning.",
      usage: { output_tokens: 3 },
    });
  });

  it.each([false, true])("answers with JSON of the schema that is asked for (stream: %s)", async (stream) => {
    await using server = await startModelServer({
      answer: ({ wants }) => ({ value: wants?.schema === undefined ? null : value }),
    });
    const { responses } = openai(server.url);
    const structured = { ...request, text };
    const response = stream ? await responses.stream(structured).finalResponse() : await responses.create(structured);
    expect(JSON.parse(response.output_text)).toEqual(value);
  });

  it("refuses a strict schema that leaves a property optional", async () => {
    await using server = await startModelServer({ answer: () => ({ value }) });
    const format = { ...text.format, schema: { ...schema, required: [] } };
    await expect(openai(server.url).responses.create({ ...request, text: { format } })).rejects.toThrow(
      /Missing 'files'/,
    );
  });

  it("reads instructions, roles and parts", async () => {
    await using server = await startModelServer({ answer: () => "Hi", keepRequests: true });
    await openai(server.url).responses.create({
      ...request,
      input: [
        { role: "user", content: [{ type: "input_text", text: "One." }] },
        { role: "assistant", content: "Two." },
        { role: "user", content: "Three." },
      ],
    });
    expect(server.requests[0]?.received).toMatchObject({
      system: "Be brief.",
      messages: [
        { role: "user", text: "One." },
        { role: "assistant", text: "Two." },
        { role: "user", text: "Three." },
      ],
    });
  });
});

describe("OpenAI's chat completions", () => {
  const request = { model: "openai/gpt-oss-120b", messages: [{ role: "user" as const, content: "Hello" }] };

  it("answers with text and usage", async () => {
    await using server = await startModelServer({ answer: () => "Good morning." });
    const completion = await openai(server.url).chat.completions.create(request);
    expect(completion.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "Good morning." } });
    expect(completion.usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 3, total_tokens: 11 });
  });

  it("streams, with usage at the end where the request wants it", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "Good morning.", pieceLength: 5 }) });
    const { completions } = openai(server.url).chat;
    const chunks = await collect(
      await completions.create({ ...request, stream: true, stream_options: { include_usage: true } }),
    );
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("Good morning.");
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
    const without = await collect(await completions.create({ ...request, stream: true }));
    expect(without.some((chunk) => chunk.usage)).toBe(false);
  });

  it("answers with JSON of the schema that is asked for", async () => {
    await using server = await startModelServer({ answer: () => ({ value }) });
    const completion = await openai(server.url).chat.completions.create({
      ...request,
      response_format: { type: "json_schema", json_schema: { name: "choose", schema, strict: true } },
    });
    expect(JSON.parse(completion.choices[0]?.message.content ?? "")).toEqual(value);
  });
});

describe("the server", () => {
  it("says loudly what nobody scripted", async () => {
    await using server = await startModelServer();
    const impatient = new Anthropic({ baseURL: server.url, apiKey: "a key" });
    await expect(impatient.messages.create(hello)).rejects.toThrow(/Nobody scripted an answer to request 0.*Hello/);
    await expect(openai(server.url).models.list()).rejects.toThrow(/GET \/v1\/models is not spoken here/);
    expect(server.unexpected).toHaveLength(2);
    expect(server.requests).toHaveLength(1);
  });

  it("counts what is in flight", async () => {
    await using server = await startModelServer({ answer: () => ({ text: "Hi", delayMs: 100 }) });
    const { messages } = anthropic(server.url);
    await Promise.all(Array.from({ length: 5 }, () => messages.create(hello)));
    expect(server.maxInFlight).toBe(5);
    await expect.poll(() => server.inFlight).toBe(0);
  });

  it("keeps no bodies unless asked to", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    await anthropic(server.url).messages.create(hello);
    expect(server.requests).toEqual([
      { api: "messages", model: hello.model, stream: false, promptTokens: 1, received: null },
    ]);
  });

  it("bills each request by the list price, whatever the model's date", async () => {
    await using server = await startModelServer({ answer: () => "Good morning." });
    await anthropic(server.url).messages.create(hello);
    await openai(server.url).responses.create({ model: "gpt-5-mini-2025-08-07", input: "Hello" });
    const haiku = (1 * 1 + 3 * 5) / 1e6;
    const mini = (8 * 0.25 + 3 * 2) / 1e6;
    expect(server.bill.map((billed) => billed.dollars)).toEqual([haiku, mini]);
    expect(server.dollars).toBeCloseTo(haiku + mini, 12);
  });

  it("does not add up what it has no price for", async () => {
    await using server = await startModelServer({ answer: () => "Hi" });
    await anthropic(server.url).messages.create({ ...hello, model: "claude-unheard-of" });
    expect(() => server.dollars).toThrow(/no price for claude-unheard-of/);
  });

  it("ends every connection when it closes", async () => {
    const server = await startModelServer({ answer: () => ({ text: "Hi", stallAfter: 1 }) });
    const stream = anthropic(server.url).messages.stream(hello);
    const failed = expect(stream.finalMessage()).rejects.toThrow();
    await stream.emitted("text");
    await server[Symbol.asyncDispose]();
    await failed;
  });

  it("answers a thousand prompts of 100 kB within seconds", async () => {
    await using server = await startModelServer({ answer: () => "Done." });
    const part = Array.from({ length: 4000 }, (_, index) => `line ${index} of a file`).join("\n");
    const body = JSON.stringify({ ...hello, messages: [{ role: "user", content: part }] });
    const headers = { "x-api-key": "a key", "anthropic-version": "2026-10-21" };
    for (let round = 0; round < 10; round += 1) {
      const answers = Array.from({ length: 100 }, async () =>
        (await fetch(`${server.url}/v1/messages`, { method: "POST", headers, body })).json(),
      );
      await Promise.all(answers);
    }
    expect(server.bill).toHaveLength(1000);
  }, 20_000);
});
