import { describe, expect, it, onTestFinished } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { createModelClient } from "../../src/models/create-client.ts";
import { type ModelServerOptions, startModelServer } from "../support/model-server/model-server.ts";
import type { Reply } from "../support/model-server/reply.ts";
import { colour, impatient, patient, question } from "./scripted-endpoint.ts";

const key = "sk-test-0123456789abcdef";
const models = ["claude-sonnet-4-5-20250929", "gpt-5-2025-08-07", "openrouter/anthropic/claude-x", "compatible/llama"];

describe.each(models)("%s, from its name to its answer", (name) => {
  it("answers in text, whose tokens are the provider's bill", async () => {
    const { client, server } = await connect(name, "Hello there.");
    const pieces: string[] = [];
    const completion = await client.complete(question(), { onText: (piece) => pieces.push(piece) });
    expect(completion).toMatchObject({ text: "Hello there.", stop: { unified: "end" } });
    expect(completion.usage).toEqual(server.bill[0]?.usage);
    expect(pieces.join("")).toBe("Hello there.");
    expect(server.unexpected).toEqual([]);
  });

  it("answers with a value, and tells when the limit cut it", async () => {
    const { client, server } = await connect(name, { value: { name: "red" } });
    const { text } = await client.complete(question({ answer: colour }), {});
    expect(JSON.parse(text)).toEqual({ name: "red" });
    const cut = await connect(name, "again and ".repeat(50));
    expect((await cut.client.complete(question({ maxOutputTokens: 20 }), {})).stop.unified).toBe("length");
    expect([...server.unexpected, ...cut.server.unexpected]).toEqual([]);
  });

  it("refuses", async () => {
    const { client } = await connect(name, { refusal: "I will not." });
    expect((await client.complete(question(), {})).stop.unified).toBe("refusal");
  });

  it.each<[string, Reply, string, boolean]>([
    ["the key is refused", { error: "unauthorized" }, "model-key-refused", false],
    ["there is no credit", { error: "no-credit" }, "model-no-credit", false],
    ["payment is required", { error: "payment-required" }, "model-no-credit", false],
    ["a limit on spending is reached", { error: "spend-limit" }, "model-no-credit", false],
    ["it is forbidden", { error: "forbidden" }, "model-forbidden", false],
    ["there is no such model", { error: "unknown-model" }, "model-not-found", false],
    ["the prompt is too long", { error: "prompt-too-long" }, "prompt-too-long", false],
    ["the request is wrong", { error: "invalid-request" }, "model-request-refused", false],
    ["the rate is limited", { error: "rate-limited" }, "model-rate-limited", true],
    ["the server fails", { error: "server-error" }, "model-unavailable", true],
    ["it is overloaded", { error: "overloaded" }, "model-unavailable", true],
    ["it hangs up", { hangUp: true }, "model-connection-lost", true],
    ["a proxy sends a page", { html: "<html>Log in</html>" }, "model-answer-garbled", true],
    [
      "the connection is cut",
      { text: "x".repeat(900), cutAfter: 400, pieceDelayMs: 20 },
      "model-connection-lost",
      true,
    ],
    ["an error comes in the middle", { text: "x".repeat(900), errorAfter: 400 }, "model-unavailable", true],
    ["the answer fails in the middle", { text: "x".repeat(900), failAfter: 400 }, "model-unavailable", true],
    ["an event is malformed", { text: "x".repeat(900), malformedAfter: 400 }, "model-answer-garbled", true],
    [
      "it does not stop",
      { endless: "again and again ".repeat(1000), pieceLength: 16_000 },
      "model-answer-endless",
      false,
    ],
  ])("says so when %s", async (_, reply, code, retryable) => {
    const { client, server } = await connect(name, reply);
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code, retryable });
    expect(server.requests).toHaveLength(1);
    await expect.poll(() => server.inFlight).toBe(0);
  });

  it.each<[string, Reply]>([
    ["does not respond", { text: "x", delayMs: 60_000 }],
    ["does not begin", { text: "x", slowFirstByteMs: 60_000 }],
    ["falls silent", { text: "x".repeat(900), stallAfter: 400 }],
  ])("is given up when it %s", async (_, reply) => {
    const { client, server } = await connect(name, reply, impatient);
    await expect(client.complete(question(), {})).rejects.toMatchObject({ code: "model-timed-out", retryable: true });
    await expect.poll(() => server.inFlight).toBe(0);
  });

  it("is cancelled while it answers", async () => {
    const { client, server } = await connect(name, { text: "x".repeat(900), stallAfter: 400 });
    const controller = new AbortController();
    const completing = client.complete(question(), { signal: controller.signal, onText: () => controller.abort() });
    await expect(completing).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => server.inFlight).toBe(0);
  });

  it("refuses a key that is not its own, and the message does not hold it", async () => {
    const { client } = await connect(name, "x", patient, { key: "another" });
    const failed = client.complete(question(), {});
    await expect(failed).rejects.toMatchObject({ code: "model-key-refused" });
    await expect(failed).rejects.toThrow(/_API_KEY: set one that is valid\.$/);
    await expect(failed).rejects.not.toThrow(key);
  });
});

it("pays less for what Anthropic keeps in its cache", async () => {
  const { client, server } = await connect(models[0] ?? "", "Hello.");
  const ask = (text: string) =>
    client.complete(question({ messages: [{ role: "user", parts: [{ text: long, cache: true }, { text }] }] }), {});
  const long = "A repository about the weather. ".repeat(400);
  const first = await ask("One?");
  const second = await ask("Two?");
  expect(first.usage?.cacheWriteTokens).toBeGreaterThan(1024);
  expect(second.usage?.cacheReadTokens).toBe(first.usage?.cacheWriteTokens);
  expect([first.usage, second.usage]).toEqual(server.bill.map(({ usage }) => usage));
  expect(server.unexpected).toEqual([]);
});

async function connect(name: string, reply: Reply, limits = patient, options: ModelServerOptions = {}) {
  const server = await startModelServer({ answer: () => reply, key, ...options });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const environment = {
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_BASE_URL: server.url,
    OPENAI_API_KEY: key,
    OPENAI_BASE_URL: server.openAIUrl,
    OPENROUTER_API_KEY: key,
    OPENROUTER_BASE_URL: server.openAIUrl,
    COMPATIBLE_API_KEY: key,
  };
  return { server, client: createModelClient({ name, environment, baseUrl: server.openAIUrl, limits }) };
}
