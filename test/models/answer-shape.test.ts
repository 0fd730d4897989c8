import { describe, expect, it } from "vitest";
import { z } from "zod";
import { toStrictSchema } from "../../src/models/answer-shape.ts";

describe("toStrictSchema", () => {
  it("takes out what strict mode does not know, at every depth, and no property of that name", () => {
    const schema = z.strictObject({
      format: z.string().min(1).regex(/x/),
      minimum: z.array(z.number().min(0).max(1)).min(1).max(3),
      mode: z.enum(["pattern", "default"]),
    });
    expect(toStrictSchema(z.toJSONSchema(schema))).toEqual({
      strict: true,
      schema: {
        type: "object",
        properties: {
          format: { type: "string" },
          minimum: { type: "array", items: { type: "number" } },
          mode: { type: "string", enum: ["pattern", "default"] },
        },
        required: ["format", "minimum", "mode"],
        additionalProperties: false,
      },
    });
  });

  it("has one word for alternatives", () => {
    const schema = z.strictObject({
      one: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("a") }),
        z.strictObject({ kind: z.literal("b"), more: z.string().nullable() }),
      ]),
    });
    const strict = toStrictSchema(z.toJSONSchema(schema));
    expect(strict.strict).toBe(true);
    expect(JSON.stringify(strict)).toContain('"anyOf"');
    expect(JSON.stringify(strict)).not.toContain("oneOf");
  });

  it.each([
    ["a property may be left out", z.strictObject({ a: z.string().optional() })],
    ["one deep within may be left out", z.strictObject({ a: z.array(z.strictObject({ b: z.string().optional() })) })],
    ["any property may be there", z.strictObject({ a: z.record(z.string(), z.string()) })],
    ["it is no object", z.array(z.string())],
  ])("does not claim to be strict where %s", (_, schema) => {
    expect(toStrictSchema(z.toJSONSchema(schema)).strict).toBe(false);
  });
});
