import { describe, expect, it } from "vitest";
import type { Usage } from "../../src/models/model.ts";
import { createPriceList } from "../../src/models/pricing.ts";

const usage = (tokens: Partial<Usage>): Usage => ({
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  ...tokens,
});
const list = createPriceList({ overrides: {} });

describe("createPriceList", () => {
  it("counts what comes from the cache and goes into it at their own prices", () => {
    const tokens = usage({ inputTokens: 10_000, cacheReadTokens: 6000, cacheWriteTokens: 3000, outputTokens: 1000 });
    const expected = (1000 * 3 + 6000 * 0.3 + 3000 * 3.75 + 1000 * 15) / 1e6;
    expect(list.priceOf("claude-sonnet-4-5-20250929", tokens)).toBeCloseTo(expected, 10);
    expect(list.priceOf("anthropic/claude-sonnet-4-5", tokens)).toBeCloseTo(expected, 10);
    expect(list.priceOf("openrouter/anthropic/claude-sonnet-4.5", tokens)).toBeCloseTo(expected, 10);
  });

  it("knows dated and undated names of OpenAI's models", () => {
    const tokens = usage({ inputTokens: 1000, cacheReadTokens: 400, outputTokens: 100 });
    const expected = (600 * 1.25 + 400 * 0.125 + 100 * 10) / 1e6;
    for (const name of ["gpt-5", "gpt-5-2025-08-07", "openai/gpt-5"])
      expect(list.priceOf(name, tokens)).toBeCloseTo(expected, 10);
    expect(list.priceOf(" gpt-5\n", tokens)).toBeCloseTo(expected, 10);
    expect(list.priceOf("o3", usage({ inputTokens: 1e6 }))).toBeCloseTo(2, 10);
  });

  it("takes the dearer tier for a long prompt", () => {
    const long = usage({ inputTokens: 300_000 });
    expect(list.priceOf("claude-sonnet-4-5", long)).toBeCloseTo(1.8, 10);
  });

  it("never guesses", () => {
    const one = usage({ inputTokens: 1 });
    for (const name of [
      "claude-nope-9",
      "gpt-5-nope",
      "openai/claude-sonnet-4-5",
      "anthropic/gpt-5",
      "openrouter/gpt-4o",
      "openrouter/google/gemini-flash-1.5-8b-exp",
      "ollama/llama3",
      "compatible/gpt-5",
      "command/claude -p",
      "replay/claude-sonnet-4-5",
      "",
    ]) {
      expect([name, list.priceOf(name, one), list.worstCase(name, 1, 1)]).toEqual([name, null, null]);
    }
  });

  it("knows that free models are free", () => {
    expect(list.worstCase("openrouter/qwen/qwen3-coder:free", 1000, 1000)).toBe(0);
  });

  it("takes the whole prompt for written into the cache in the worst case, where that is dearer", () => {
    expect(list.worstCase("claude-haiku-4-5", 1e5, 1e4)).toBeCloseTo((1e5 * 1.25 + 1e4 * 5) / 1e6, 10);
    expect(list.worstCase("gpt-5-mini", 1e5, 1e4)).toBeCloseTo((1e5 * 0.25 + 1e4 * 2) / 1e6, 10);
  });

  it("prefers the configuration's prices, and takes the input's for a cache that has none", () => {
    const given = createPriceList({
      overrides: {
        "compatible/mine": { input: 1, output: 2 },
        "claude-haiku-4-5": { input: 10, output: 20, cache_read: 1, cache_write: 40 },
      },
    });
    const tokens = usage({ inputTokens: 1e6, cacheReadTokens: 5e5, outputTokens: 1e6 });
    expect(given.priceOf("compatible/mine", tokens)).toBeCloseTo(3, 10);
    expect(given.priceOf("claude-haiku-4-5", tokens)).toBeCloseTo(25.5, 10);
    expect(given.worstCase("claude-haiku-4-5", 1e6, 0)).toBeCloseTo(40, 10);
    expect(given.priceOf("compatible/other", tokens)).toBeNull();
  });

  it("does not stumble over a cache that is counted apart from the prompt", () => {
    expect(list.priceOf("claude-haiku-4-5", usage({ inputTokens: 10, cacheReadTokens: 1e6 }))).toBeCloseTo(0.1, 10);
  });

  it("says how much a model takes, and the usual where no list does", () => {
    expect(list.contextTokens("claude-haiku-4-5-20251001")).toBe(200_000);
    expect(list.contextTokens("gpt-5")).toBe(400_000);
    expect(list.contextTokens("ollama/llama3")).toBe(128_000);
  });
});
