import { calcPrice, type Provider } from "@pydantic/genai-prices";
import type { TokenPrices } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { Usage } from "./model.ts";
import { type ModelAddress, parseModelName } from "./model-name.ts";

/** What models cost, in US dollars. Null wherever nobody knows: a price is never guessed. */
export interface PriceList {
  /** What a call came to. */
  priceOf(modelName: string, usage: Usage): number | null;
  /** What a call can come to at most: every token of the prompt at the dearest price of one, and the longest answer. */
  worstCase(modelName: string, promptTokensBound: number, maxOutputTokens: number): number | null;
  /** Tokens that a prompt and its answer may take together. */
  contextTokens(modelName: string): number;
}

/** Where no list says: what models of the last years take at least. */
const usualContextTokens = 128_000;

/** List prices as genai-prices has them; `overrides`, by model string, go before them. */
export function createPriceList({ overrides }: { overrides: Readonly<Record<string, TokenPrices>> }): PriceList {
  const given = new Map(Object.entries(overrides).map(([name, prices]) => [name, asProvider(name, prices)]));
  const look = (modelName: string, usage: Usage): ReturnType<typeof lookUp> =>
    lookUp(given.get(modelName) ?? null, modelName, usage);
  return {
    priceOf: (modelName, usage) => look(modelName, usage)?.total_price ?? null,
    worstCase(modelName, promptTokensBound, maxOutputTokens) {
      const inputTokens = Math.ceil(promptTokensBound);
      const usage = { inputTokens, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: maxOutputTokens };
      const prices = [usage, { ...usage, cacheWriteTokens: inputTokens }].map((each) => look(modelName, each));
      return prices.reduce<number | null>(
        (most, price) => (price ? Math.max(most ?? 0, price.total_price) : most),
        null,
      );
    },
    contextTokens(modelName) {
      const nothing = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
      return lookUp(null, modelName, nothing)?.model.context_window ?? usualContextTokens;
    },
  };
}

function lookUp(given: Provider | null, modelName: string, usage: Usage): ReturnType<typeof calcPrice> {
  const address = given ? { providerId: given.id, model: modelName } : addressOf(modelName);
  if (!address) return null;
  const price = calcPrice(withinTotal(usage), address.model, {
    ...(given ? { provider: given } : {}),
    providerId: address.providerId,
  });
  // The registry has entries without prices: of free models, and of some whose price it does not know.
  const known = price && ("input_mtok" in price.model_price || address.model.endsWith(":free"));
  return known ? price : null;
}

/** The providers whose list prices hold for a model string; others (a local server, a command) have none. */
function addressOf(modelName: string): { providerId: string; model: string } | null {
  const address = parseOrNull(modelName);
  if (address?.kind !== "anthropic" && address?.kind !== "openai" && address?.kind !== "openrouter") return null;
  return { providerId: address.kind, model: address.model };
}

function parseOrNull(modelName: string): ModelAddress | null {
  try {
    return parseModelName(modelName);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

/** A provider may count its cache apart; the registry refuses parts that exceed their whole. */
function withinTotal(usage: Usage): Record<string, number> {
  const cached = usage.cacheReadTokens + usage.cacheWriteTokens;
  return {
    input_tokens: Math.max(usage.inputTokens, cached),
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    output_tokens: usage.outputTokens,
  };
}

function asProvider(name: string, prices: TokenPrices): Provider {
  const { input, output, cache_read, cache_write } = prices;
  return {
    id: "configuration",
    name: "configuration",
    api_pattern: "",
    models: [
      {
        id: name,
        match: { equals: name },
        prices: {
          input_mtok: input,
          output_mtok: output,
          ...(cache_read === undefined ? {} : { cache_read_mtok: cache_read }),
          ...(cache_write === undefined ? {} : { cache_write_mtok: cache_write }),
        },
      },
    ],
  };
}
