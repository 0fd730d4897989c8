import { describe, expect, it } from "vitest";
import { compareResults } from "../../src/pipeline/compare-results.ts";

describe("compareResults", () => {
  it("takes numbers that differ by rounding for equal, also inside texts", () => {
    const first = { a: 1, b: [0.1 + 0.2, 1e-12], c: "energy = 1.0000001 eV" };
    const second = { a: 1.000_001, b: [0.3, 0], c: "energy =  1.0000002 eV" };
    expect(compareResults(first, second)).toEqual({
      sameKeys: true,
      comparedValues: 4,
      differences: [],
      ignored: [],
    });
  });

  it("names what differs, by key", () => {
    const comparison = compareResults(
      { a: { b: [1, 2] }, c: "x 1", d: true },
      { a: { b: [1, 3] }, c: "y 1", d: false },
    );
    expect(comparison.differences).toEqual([
      { key: "a.b.1", first: "2", second: "3" },
      { key: "c", first: '"x 1"', second: '"y 1"' },
      { key: "d", first: "true", second: "false" },
    ]);
    expect(comparison.sameKeys).toBe(true);
  });

  it("does not forgive a value that changes its type or a number that leaves a text", () => {
    expect(compareResults({ a: 1 }, { a: "1" }).differences).toHaveLength(1);
    expect(compareResults({ a: null }, { a: 0 }).differences).toHaveLength(1);
    expect(compareResults({ a: "1 2" }, { a: "1" }).differences).toHaveLength(1);
  });

  it("sees keys that only one side has", () => {
    const comparison = compareResults({ a: 1, b: 2 }, { a: 1, c: 2 });
    expect(comparison.sameKeys).toBe(false);
    expect(comparison.differences).toEqual([
      { key: "b", first: "2", second: "absent" },
      { key: "c", first: "absent", second: "2" },
    ]);
  });

  it("does not compare times, whether named or told", () => {
    const first = { elapsed: 1, "values.start_time": 3, printed: ["10 steps took 1.2 s"], run_time: "x" };
    const second = { elapsed: 2, "values.start_time": 4, printed: ["10 steps took 1.9 s"], run_time: "y" };
    const comparison = compareResults(first, second);
    expect(comparison).toMatchObject({ sameKeys: true, differences: [] });
    expect(comparison.ignored).toContain("elapsed");
  });

  it("compares a value that only looks like a time where it is one by chance equal", () => {
    expect(compareResults({ time: 1 }, { time: 1 })).toMatchObject({ comparedValues: 1, ignored: [] });
  });

  it("bounds what it reports", () => {
    const many = (offset: number) => Array.from({ length: 5000 }, (_, n) => n + offset);
    expect(compareResults(many(0), many(1)).differences).toHaveLength(50);
  });

  it("takes nothing and an empty object as the same: the verdict asks for values elsewhere", () => {
    expect(compareResults({}, {})).toMatchObject({ sameKeys: true, comparedValues: 0 });
  });
});
