import { describe, expect, it } from "vitest";
import { z } from "zod";
import { answerSchema, parseAnswer } from "../../src/models/structured-answer.ts";

const Plan = z.object({
  title: z.string(),
  ready: z.boolean(),
  steps: z.array(z.string()),
  minutes: z.number().int().min(0).optional(),
});
const plan = { title: "A plan", ready: true, steps: ["one", "two"] };
const fits = (value: unknown): unknown => ({ kind: "fits", value });

describe("answerSchema", () => {
  it("closes every object and asks also for what has a default", () => {
    const schema = answerSchema(
      z.object({
        list: z.array(z.object({ a: z.number().int() })),
        kind: z.enum(["x"]).default("x"),
        b: z.string().optional(),
      }),
    );
    expect(schema).toEqual({
      type: "object",
      properties: {
        list: {
          type: "array",
          items: {
            type: "object",
            properties: { a: { type: "integer" } },
            required: ["a"],
            additionalProperties: false,
          },
        },
        kind: { type: "string", enum: ["x"], default: "x" },
        b: { type: "string" },
      },
      required: ["list", "kind"],
      additionalProperties: false,
    });
  });

  it("takes schemas that change what they read", () => {
    expect(answerSchema(z.object({ a: z.string().transform((text) => text.length) }))).toMatchObject({
      properties: { a: { type: "string" } },
    });
  });
});

describe("parseAnswer", () => {
  const json = JSON.stringify(plan, null, 2);
  it.each([
    ["JSON", json],
    ["JSON between blanks", `\n\n ${json}\n`],
    ["a fence", `\`\`\`json\n${json}\n\`\`\``],
    ["a fence with prose around it", `Here it is:\n\n\`\`\`json\n${json}\n\`\`\`\nI hope [this] helps (see {above}).`],
    ["prose with brackets before it", `For x in [0, 1) and the set {a, b} I found: ${json}`],
    ["a fence that is not closed", `\`\`\`json\n${json}`],
    ["an end that is missing", json.slice(0, -2)],
    [
      "single quotes, comments and a trailing comma",
      "{'title': 'A plan', /* yes */ ready: true, 'steps': ['one', 'two',],}",
    ],
    ["words of Python", '{"title": "A plan", "ready": True, "steps": ["one", "two"]}'],
    ["JSON in a JSON string", JSON.stringify(json)],
  ])("reads %s", (_, text) => {
    expect(parseAnswer(text, Plan)).toEqual(fits(plan));
  });

  it("keeps brackets, fences and quotes in strings as they are", () => {
    const odd = { ...plan, title: 'x = {"a": [1]} # ```\n\\" ] }' };
    expect(parseAnswer(`Well:\n${JSON.stringify(odd)}\nDone.`, Plan)).toEqual(fits(odd));
  });

  it("reads lists, and values that are neither list nor object", () => {
    expect(parseAnswer("The numbers: [1, 2]", z.array(z.number()))).toEqual(fits([1, 2]));
    expect(parseAnswer('"yes"', z.enum(["yes", "no"]))).toEqual(fits("yes"));
  });

  it.each([
    ["a word for a truth value", { ready: "true" }, { ready: true }],
    ["a numeral for a number", { minutes: "12" }, { minutes: 12 }],
    ["one string for a list", { steps: "one" }, { steps: ["one"] }],
    ["null for a list", { steps: null }, { steps: [] }],
  ])("takes %s", (_, given, wanted) => {
    expect(parseAnswer(JSON.stringify({ ...plan, ...given }), Plan)).toEqual(fits({ ...plan, ...wanted }));
  });

  it("changes types inside of lists, records, unions and what refers to itself, and nothing that fits", () => {
    const Tree = z.object({
      size: z.number(),
      get children(): z.ZodArray<typeof Tree> {
        return z.array(Tree);
      },
    });
    const Shape = z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("circle"), radius: z.number() }),
      z.object({ kind: z.literal("label"), radius: z.string() }),
    ]);
    const Everything = z.object({
      tree: Tree,
      shapes: z.array(Shape),
      limits: z.record(z.string(), z.number()),
      flag: z.boolean().nullable(),
      names: z.array(z.string()).nullable(),
    });
    const text = JSON.stringify({
      tree: { size: "1", children: [{ size: "2", children: null }] },
      shapes: [
        { kind: "circle", radius: "3" },
        { kind: "label", radius: "3" },
      ],
      limits: { a: "4.5" },
      flag: "false",
      names: null,
    });
    expect(parseAnswer(text, Everything)).toEqual(
      fits({
        tree: { size: 1, children: [{ size: 2, children: [] }] },
        shapes: [
          { kind: "circle", radius: 3 },
          { kind: "label", radius: "3" },
        ],
        limits: { a: 4.5 },
        flag: false,
        names: null,
      }),
    );
  });

  it("says in words what does not fit", () => {
    const text = JSON.stringify({ ready: "perhaps", steps: ["one", 2], minutes: -1 });
    expect(parseAnswer(text, Plan)).toEqual({
      kind: "problems",
      problems: [
        "title: Invalid input: expected string, received undefined",
        "ready: Invalid input: expected boolean, received string",
        "steps[1]: Invalid input: expected string, received number",
        "minutes: Too small: expected number to be >=0",
      ],
    });
  });

  it("describes the form of a union that is nearest", () => {
    const either = z.union([z.object({ a: z.string(), b: z.string(), c: z.string() }), z.object({ d: z.string() })]);
    expect(parseAnswer("{}", either)).toEqual({
      kind: "problems",
      problems: ["d: Invalid input: expected string, received undefined"],
    });
  });

  it("names ten problems at most, each in one line of a bounded length", () => {
    const wrong = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`${"k\n".repeat(200)}${index}`, "x"]));
    const parsed = parseAnswer(JSON.stringify(wrong), z.record(z.string(), z.number()));
    const problems = parsed.kind === "problems" ? parsed.problems : [];
    expect(problems).toHaveLength(11);
    expect(problems.at(-1)).toBe("and 20 more");
    expect(problems.every((problem) => problem.length <= 200 && !problem.includes("\n"))).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["prose", "I am sorry, I cannot do that."],
    ["an open bracket", "{"],
    ["deep nesting", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["deep nesting that is hidden from a glance", `{'a': "${'", "b": ['.repeat(5000)}`],
    ["deep nesting without an end", '{"a":'.repeat(50_000)],
    ["too many characters", "x".repeat(3_000_000)],
    ["a great many brackets", "[{( ".repeat(100_000)],
    ["a great many small lists", "[ ] ".repeat(200_000)],
  ])("finds no value in %s, quickly", (_, text) => {
    const started = performance.now();
    expect(parseAnswer(text, Plan).kind).toBe("problems");
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("makes no prototype of a key of that name", () => {
    const parsed = parseAnswer('{"__proto__": {"polluted": "1"}, "a": "1"}', z.looseObject({ a: z.number() }));
    expect(parsed.kind).toBe("fits");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
