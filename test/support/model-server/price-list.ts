import type { Usage } from "../../../src/models/model.ts";

/** List prices in US dollars a million tokens; the providers' pages, November 2026. Apart from the product's on purpose. */
const prices: Record<string, { input: number; output: number; cacheWrite: number; cacheRead: number }> = {
  "claude-sonnet-4-5": { input: 3, output: 15, cacheWrite: 3.75, cacheRead: 0.3 },
  "claude-haiku-4-5": { input: 1, output: 5, cacheWrite: 1.25, cacheRead: 0.1 },
  "gpt-5": { input: 1.25, output: 10, cacheWrite: 1.25, cacheRead: 0.125 },
  "gpt-5-mini": { input: 0.25, output: 2, cacheWrite: 0.25, cacheRead: 0.025 },
};

/** US dollars, or null for a model that has no price here. A model's date (`-20250929`, `-2025-08-07`) does not matter. */
export function priceOf(usage: Usage, model: string): number | null {
  const price = prices[model.replace(/-\d{4}-?\d{2}-?\d{2}$/, "")];
  if (!price) return null;
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = usage;
  const uncached = inputTokens - cacheReadTokens - cacheWriteTokens;
  const perMillion =
    uncached * price.input +
    cacheReadTokens * price.cacheRead +
    cacheWriteTokens * price.cacheWrite +
    outputTokens * price.output;
  return perMillion / 1e6;
}
