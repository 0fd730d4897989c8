import { Anthropic } from "@anthropic-ai/sdk";
import { OpenAI } from "openai";
import { describe, expect, it } from "vitest";
import { CancelledError, ConfigError, ModelError } from "../../src/errors.ts";
import { toModelError } from "../../src/models/provider-errors.ts";
import { jsonReply, type ScriptedReply, startScriptedEndpoint } from "./scripted-endpoint.ts";

const key = "own-key-that-looks-like-none";
const contact = {
  title: "Provider",
  model: "some-model",
  baseUrl: "https://provider.example",
  keyVariable: "SOME_API_KEY",
  key,
};
const usage = { inputTokens: 3, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 1 };

/** Status, type, code, message; and what becomes of it. */
type Case = [number, string, string | null, string, string, boolean];

const byStatus: Case[] = [
  [401, "authentication_error", null, "invalid", "model-key-refused", false],
  [402, "billing_error", null, "pay", "model-no-credit", false],
  [403, "permission_error", null, "no", "model-forbidden", false],
  [404, "not_found_error", null, "model: some-model", "model-not-found", false],
  [408, "timeout", null, "late", "model-unavailable", true],
  [409, "conflict", null, "busy", "model-unavailable", true],
  [413, "request_too_large", null, "big", "prompt-too-long", false],
  [400, "invalid_request_error", null, "prompt is too long: 9 tokens > 8 maximum", "prompt-too-long", false],
  [400, "invalid_request_error", null, "Your credit balance is too low to access the API.", "model-no-credit", false],
  [400, "invalid_request_error", "context_length_exceeded", "long", "prompt-too-long", false],
  [400, "x", null, "This model's maximum context length is 4096 tokens.", "prompt-too-long", false],
  [400, "x", null, "the request exceeds the available context size", "prompt-too-long", false],
  [400, "invalid_request_error", null, "temperature: too hot", "model-request-refused", false],
  [422, "x", null, "unprocessable", "model-request-refused", false],
  [403, "x", "model_not_found", "no access to the model", "model-not-found", false],
  [429, "insufficient_quota", "insufficient_quota", "quota", "model-no-credit", false],
  [429, "rate_limit_error", null, "slow", "model-rate-limited", true],
  [500, "api_error", null, "oh", "model-unavailable", true],
  [502, "x", null, "oh", "model-unavailable", true],
  [503, "x", null, "oh", "model-unavailable", true],
  [504, "timeout_error", null, "oh", "model-unavailable", true],
  [529, "overloaded_error", null, "Overloaded", "model-unavailable", true],
  [418, "constructor", "toString", "tea", "model-request-refused", false],
];

const sdks = { anthropic: failOfAnthropic, openai: failOfOpenAi };

describe.each(Object.entries(sdks))("an error of the SDK of %s", (_, fail) => {
  it.each(byStatus)("%i %s %s (%s) is %s", async (status, type, code, message, expected, retryable) => {
    const error = await fail(jsonReply(status, { type: "error", error: { type, code, message } }));
    expect(error).toBeInstanceOf(ModelError);
    expect(error).toMatchObject({ code: expected, retryable, retryAfterMs: null, usage });
    expect(error.userMessage).not.toMatch(/[\n\r]/);
    expect(error.userMessage).toMatch(/Provider/);
  });

  it("names the variable of a key that is refused, and shows the key nowhere", async () => {
    const message = `Incorrect key provided: ${key}, sk-0123456789abcdefghij`;
    const refused = await fail(jsonReply(401, { error: { type: "authentication_error", message } }));
    expect(refused.userMessage).toBe("Provider refuses the key in SOME_API_KEY: set one that is valid.");
    const quoted = await fail(jsonReply(400, { error: { type: "x", message } }));
    expect(quoted.userMessage).toContain("Incorrect key provided: [redacted], [redacted]");
    for (const error of [refused, quoted]) {
      const cause = error.cause as Error;
      expect(Object.keys(cause)).toEqual([]);
      expect(`${error.stack} ${cause.stack}`).not.toMatch(/own-key|sk-0123/);
    }
  });

  it("quotes a provider within bounds and in one line", async () => {
    const message = `bad\n\u001b[31m\u202eline ${"x".repeat(5000)}`;
    const error = await fail(jsonReply(400, { error: { type: "x", message } }));
    expect(error.userMessage).toMatch(/\(bad \[31m line x+\)/);
    expect(error.userMessage.length).toBeLessThan(450);
  });

  it.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after-ms": "1234.5", "retry-after": "7" }, 1234.5],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, null],
    [{ "retry-after": "-3" }, null],
  ])("waits as long as the provider asks in %j", async (headers, expected) => {
    for (const status of [429, 503]) {
      const error = await fail(jsonReply(status, { error: { type: "x", message: "slow" } }, headers));
      expect(error.retryAfterMs).toBe(expected);
    }
  });

  it("reads a date to come", async () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    const error = await fail(jsonReply(429, { error: { message: "slow" } }, { "retry-after": date }));
    expect(error.retryAfterMs).toBeGreaterThan(30_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it("does not quote a proxy's page, and understands a body that is empty or no object", async () => {
    const page = await fail({ status: 502, chunks: ["<!DOCTYPE html><html>Bad Gateway</html>"] });
    expect(page).toMatchObject({
      code: "model-unavailable",
      userMessage: "Provider is overloaded or out of order (with a web page): try again later.",
    });
    expect(await fail({ status: 503 })).toMatchObject({ code: "model-unavailable" });
    expect(await fail(jsonReply(400, { error: "no such field" }))).toMatchObject({
      userMessage: expect.stringContaining("(no such field)"),
    });
  });

  it("takes a redirect for a refusal", async () => {
    expect(await fail({ status: 308, headers: { location: "http://127.0.0.1:1" } })).toMatchObject({
      code: "model-request-refused",
    });
  });

  it("says that a socket which closes before any answer may be tried again", async () => {
    const error = await fail({ ending: "cut", headers: { "content-length": "10" }, status: 500 });
    expect(error.retryable).toBe(true);
  });
});

describe("toModelError", () => {
  it("takes an abort for what it is", () => {
    expect(toModelError(new DOMException("Aborted", "AbortError"), contact)).toBeInstanceOf(CancelledError);
    expect(toModelError(new OpenAI.APIUserAbortError(), contact)).toBeInstanceOf(CancelledError);
    expect(toModelError(new Anthropic.APIUserAbortError(), contact)).toBeInstanceOf(CancelledError);
  });

  it("takes an SDK's own time limit for a timeout", () => {
    for (const error of [new OpenAI.APIConnectionTimeoutError(), new Anthropic.APIConnectionTimeoutError()]) {
      expect(toModelError(error, contact)).toMatchObject({ code: "model-timed-out", retryable: true });
    }
  });

  it("says which address cannot be reached", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const error = new OpenAI.APIConnectionError({ cause: new TypeError("fetch failed", { cause: refused }) });
    expect(toModelError(error, contact)).toMatchObject({
      code: "model-connection-lost",
      userMessage: expect.stringContaining("cannot be reached at https://provider.example (ECONNREFUSED)"),
    });
  });

  it("lets errors of ours pass, with what the call cost", () => {
    const ours = new ConfigError({ code: "x", userMessage: "X." });
    expect(toModelError(ours, contact, usage)).toBe(ours);
    const late = new ModelError({ code: "model-timed-out", userMessage: "Late.", retryable: true, retryAfterMs: 5 });
    expect(toModelError(late, contact)).toBe(late);
    expect(toModelError(late, contact, usage)).toMatchObject({
      code: "model-timed-out",
      retryable: true,
      retryAfterMs: 5,
      usage,
    });
  });

  it("does not hide an error of the program", () => {
    const error = new TypeError("x is not a function");
    expect(toModelError(error, contact)).toBe(error);
  });
});

async function failOfAnthropic(reply: ScriptedReply): Promise<ModelError> {
  await using endpoint = await startScriptedEndpoint(reply);
  const sdk = new Anthropic({ apiKey: key, baseURL: endpoint.url, maxRetries: 0, logLevel: "off", fetch: byHand });
  return await failureOf(sdk.messages.create({ model: "m", max_tokens: 1, messages: [], stream: true }));
}

async function failOfOpenAi(reply: ScriptedReply): Promise<ModelError> {
  await using endpoint = await startScriptedEndpoint(reply);
  const sdk = new OpenAI({ apiKey: key, baseURL: endpoint.url, maxRetries: 0, logLevel: "off", fetch: byHand });
  return await failureOf(sdk.responses.create({ model: "m", input: "x", stream: true }));
}

function byHand(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  return fetch(url, { ...init, redirect: "manual" });
}

async function failureOf(call: PromiseLike<unknown>): Promise<ModelError> {
  try {
    await call;
  } catch (error) {
    return toModelError(error, contact, usage) as ModelError;
  }
  throw new Error("Nothing failed.");
}
