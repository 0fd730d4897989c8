import { describe, expect, it } from "vitest";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { type EstimateOptions, estimateCost } from "../../../src/authors/llm/estimate-cost.ts";
import { createPriceList } from "../../../src/models/pricing.ts";
import { createContext, fixtureFolder, makeFolder } from "../../support/author-context.ts";

const context = await createContext(fixtureFolder("orbital-elements"));
const models = { code: "claude-sonnet-4-5", fast: "claude-haiku-4-5", judge: "gpt-5" };
const estimate = (given: Partial<EstimateOptions> = {}) =>
  estimateCost(context, {
    models,
    prices: createPriceList({ overrides: {} }),
    extractive: createExtractiveAuthor(),
    contextTokens: 24_000,
    ...given,
  });

describe("the estimate of a run", () => {
  it("grows with the runs of the loop, by what the writer costs alone", async () => {
    const { rows } = await estimate();
    expect(rows.map(({ runs }) => runs)).toEqual([1, 3, 9]);
    for (const [index, row] of rows.entries()) {
      const { readingUsd, writingUsd, judgingUsd, totalUsd } = row;
      expect(totalUsd).toBeCloseTo((readingUsd ?? 0) + (writingUsd ?? 0) + (judgingUsd ?? 0), 10);
      expect(totalUsd).toBeGreaterThan(rows[index - 1]?.totalUsd ?? 0);
      expect([readingUsd, judgingUsd]).toEqual([rows[0]?.readingUsd, rows[0]?.judgingUsd]);
    }
  });

  it("knows no total where it knows no price, and all else that it knows", async () => {
    const unknown = "http://127.0.0.1:1/unknown";
    const { rows } = await estimate({ models: { ...models, judge: unknown } });
    for (const row of rows) {
      expect(row).toMatchObject({ judgingUsd: null, totalUsd: null });
      expect(row.writingUsd).toBeGreaterThan(0);
    }
    expect((await estimate({ models: { ...models, fast: unknown } })).rows[0]).toMatchObject({
      readingUsd: null,
      totalUsd: null,
    });
    expect((await estimate({ models: { ...models, code: unknown } })).rows[0]).toMatchObject({
      writingUsd: null,
      totalUsd: null,
    });
  });

  it("is by the prices of the configuration, in proportion", async () => {
    const priced = (times: number) => {
      const prices = { input: times, output: 5 * times, cache_read: 0.1 * times, cache_write: 1.25 * times };
      const names = Object.values(models);
      return estimate({
        prices: createPriceList({ overrides: Object.fromEntries(names.map((name) => [name, prices])) }),
      });
    };
    const [once, twice] = [await priced(1), await priced(2)];
    once.rows.forEach((row, index) => {
      expect(twice.rows[index]?.totalUsd).toBeCloseTo(2 * (row.totalUsd ?? Number.NaN), 10);
    });
  });

  it("follows the repository's text and the room that it is given", async () => {
    const [small, large] = [await estimate({ contextTokens: 2000 }), await estimate({ contextTokens: 24_000 })];
    expect(small.openingTokens).toBeLessThan(large.openingTokens);
    expect(small.rows[0]?.writingUsd).toBeLessThan(large.rows[0]?.writingUsd ?? 0);
    await using empty = await makeFolder({ LICENSE: "MIT\n" });
    const { openingTokens, rows } = await estimateCost(await createContext(empty.path), {
      models,
      prices: createPriceList({ overrides: {} }),
      extractive: createExtractiveAuthor(),
      contextTokens: 24_000,
    });
    expect(openingTokens).toBeLessThan(large.openingTokens);
    expect(rows[0]?.readingUsd).toBeLessThan(large.rows[0]?.readingUsd ?? 0);
  });

  it("is the same every time", async () => {
    expect(await estimate()).toEqual(await estimate());
  });
});
