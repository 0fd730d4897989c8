import { describe, expect, it } from "vitest";
import { parseUntrustedJson } from "../../src/pipeline/parse-untrusted-json.ts";

describe("JSON that a program wrote", () => {
  it("is parsed as it stands, brackets in strings included", () => {
    expect(parseUntrustedJson('{"a": [1, "[[{\\"", {}]}')).toEqual({ a: [1, '[[{"', {}] });
  });

  it("is nothing where it is not JSON", () => {
    expect(parseUntrustedJson("{'a': NaN}")).toBeUndefined();
  });

  it("is nothing where it is nested deeper than a stack could walk", () => {
    expect(parseUntrustedJson("[".repeat(100_000) + "]".repeat(100_000))).toBeUndefined();
    expect(parseUntrustedJson("[".repeat(64) + "]".repeat(64))).toBeDefined();
  });
});
