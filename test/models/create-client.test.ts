import { describe, expect, it } from "vitest";
import { createModelClient } from "../../src/models/create-client.ts";
import { isBilled } from "../../src/models/model-name.ts";
import { plainEvents, question, startScriptedEndpoint } from "./scripted-endpoint.ts";

const key = "sk-test-0123456789abcdef";

describe("createModelClient", () => {
  it("names the variable, and the models whose keys are set", () => {
    const create = () =>
      createModelClient({
        name: "claude-x",
        environment: { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: " " },
        baseUrl: null,
      });
    expect(create).toThrow(
      "ANTHROPIC_API_KEY is not set. Set it, or use --model gpt-5-2025-08-07, whose OPENAI_API_KEY is set, or --model builtin/extract, which needs none.",
    );
  });

  it("names only the model without key where no key is set", () => {
    expect(() => createModelClient({ name: "openrouter/a/b", environment: {}, baseUrl: null })).toThrow(
      "OPENROUTER_API_KEY is not set. Set it, or use --model builtin/extract, which needs none.",
    );
  });

  it("refuses a key that cannot stand in a header, without showing it", () => {
    const create = () =>
      createModelClient({ name: "gpt-5", environment: { OPENAI_API_KEY: "sk-a\nsecret" }, baseUrl: null });
    expect(create).toThrow(expect.objectContaining({ code: "model-key-malformed" }));
    expect(create).not.toThrow("secret");
  });

  it("needs no key for a model on this machine", () => {
    const client = createModelClient({ name: "ollama/qwen3", environment: {}, baseUrl: null });
    expect(client).toMatchObject({ name: "ollama/qwen3", provider: "http://localhost:11434/v1", billed: false });
  });

  it.each([
    ["ollama/m", { OLLAMA_HOST: "0.0.0.0" }, "http://127.0.0.1:11434/v1"],
    ["ollama/m", { OLLAMA_HOST: "box:8080" }, "http://box:8080/v1"],
    [
      "ollama/m",
      { OLLAMA_HOST: "box", OLLAMA_API_BASE: "https://a.example/ollama/v1/" },
      "https://a.example/ollama/v1",
    ],
    ["hosted_vllm/m", { HOSTED_VLLM_API_BASE: "http://gpu:8000/v1" }, "http://gpu:8000/v1"],
    ["lm_studio/m", {}, "http://localhost:1234/v1"],
    ["compatible/m", {}, "http://given.example/v1"],
  ])("finds where %s is from %j", (name, environment, url) => {
    const client = createModelClient({ name, environment, baseUrl: "http://given.example/v1" });
    expect(client.provider).toBe(url);
  });

  it("bills what is bought: hosted models, and an endpoint that wants a key", () => {
    const billed = (name: string, environment = {}) => {
      const said = isBilled(name, environment);
      expect(createModelClient({ name, environment, baseUrl: "http://a.example/v1" }).billed).toBe(said);
      return said;
    };
    expect(billed("claude-x", { ANTHROPIC_API_KEY: key })).toBe(true);
    expect(billed("gpt-5", { OPENAI_API_KEY: key })).toBe(true);
    expect(billed("openrouter/a/b", { OPENROUTER_API_KEY: key })).toBe(true);
    expect(billed("compatible/m", { COMPATIBLE_API_KEY: key })).toBe(true);
    expect(billed("compatible/m")).toBe(false);
    expect(billed("compatible/m", { COMPATIBLE_API_KEY: " " })).toBe(false);
    expect(billed("ollama/m", { OPENAI_API_KEY: key })).toBe(false);
    expect(billed("command/true")).toBe(false);
  });

  it("knows without a key what is billed", () => {
    expect(["claude-x", "gpt-5", "openrouter/a/b"].map((name) => isBilled(name, {}))).toEqual([true, true, true]);
    expect(["builtin/extract", "replay/a.jsonl"].map((name) => isBilled(name, {}))).toEqual([false, false]);
    expect(() => isBilled("nobody/knows", {})).toThrow(expect.objectContaining({ code: "model-unknown-provider" }));
  });

  it("keeps the providers' keys from a command, which would bill them", async () => {
    const secrets = { ANTHROPIC_API_KEY: key, OPENAI_API_KEY: key, OPENROUTER_API_KEY: key, COMPATIBLE_API_KEY: key };
    const environment = { PATH: "/usr/bin:/bin", GREETING: "hello", ...secrets };
    const { text } = await createModelClient({ name: "command/env", environment, baseUrl: null }).complete(
      question(),
      {},
    );
    expect(text).toContain("GREETING=hello");
    expect(text).not.toMatch(/API_KEY/);
  });

  it("wants an address for a compatible endpoint", () => {
    expect(() => createModelClient({ name: "compatible/m", environment: {}, baseUrl: null })).toThrow(
      expect.objectContaining({ code: "model-base-url-missing" }),
    );
  });

  it.each(["localhost:8000", "ftp://a.example", "http://user:pass@a.example", "http://a.example/?x=1"])(
    "refuses the address %s, naming where it came from",
    (baseUrl) => {
      expect(() => createModelClient({ name: "compatible/m", environment: {}, baseUrl })).toThrow(
        /^model_base_url is not/,
      );
      const environment = { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: key };
      expect(() => createModelClient({ name: "gpt-5", environment, baseUrl: null })).toThrow(/^OPENAI_BASE_URL is not/);
    },
  );

  it("leaves recordings to somebody else", () => {
    expect(() => createModelClient({ name: "replay/a.jsonl", environment: {}, baseUrl: null })).toThrow(
      "another client",
    );
  });

  it("sends a provider's key nowhere but to that provider", async () => {
    await using other = await startScriptedEndpoint();
    await using own = await startScriptedEndpoint({
      chunks: plainEvents({ choices: [{ delta: { content: "Hi" }, finish_reason: "stop" }] }),
    });
    const environment = { OPENROUTER_API_KEY: key, OPENROUTER_BASE_URL: own.url, OPENAI_API_KEY: "sk-other" };
    const client = createModelClient({ name: "openrouter/a/b", environment, baseUrl: other.url });
    expect(await client.complete(question(), {})).toMatchObject({ text: "Hi" });
    expect(own.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
    expect(other.requests).toEqual([]);
  });
});
