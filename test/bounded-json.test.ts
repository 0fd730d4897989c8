import { describe, expect, it } from "vitest";
import { parseBoundedJson } from "../src/bounded-json.ts";

describe("JSON from outside", () => {
  it("is parsed as it stands, brackets in strings included", () => {
    expect(parseBoundedJson('{"a": [1, "[[{\\"", {}]}')).toEqual({ value: { a: [1, '[[{"', {}] } });
  });

  it("is nothing where it is not JSON", () => {
    expect(parseBoundedJson("{'a': NaN}")).toBeNull();
  });

  it("is nothing where it is nested deeper than a stack could walk", () => {
    expect(parseBoundedJson("[".repeat(100_000) + "]".repeat(100_000))).toBeNull();
    expect(parseBoundedJson("[".repeat(64) + "]".repeat(64))).not.toBeNull();
  });
});
