import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { countTokens as countCl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { countTokens as countO200k } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, it } from "vitest";
import { boundTokens, estimateTokens } from "../../src/models/tokens.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const filesOf = (folder: string, ending: string): string[] =>
  readdirSync(join(project, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(project, folder, path));
const ownTexts = [...filesOf("src", ".ts"), ...filesOf("src", ".py"), ...filesOf("docs", ".md")]
  .concat(join(project, "README.md"), join(project, "schema.json"))
  .map((path) => [path, readFileSync(path, "utf8")] as const);

/** The same numbers in every run. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const random = createRandom();
const pick = (alphabet: string, length: number): string =>
  Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
const bytes = Buffer.from(Array.from({ length: 3000 }, () => random() * 256));
const table = (separator: string, digits: number): string =>
  Array.from({ length: 200 }, () =>
    Array.from({ length: 6 }, () => (random() * 100).toFixed(digits)).join(separator),
  ).join("\n");
const hard: Record<string, string> = {
  "a table of numbers": table("\t", 4),
  "single digits": table(" ", 0),
  "comma-separated values": table(", ", 1),
  "a base64 block": bytes.toString("base64").replace(/(.{76})/g, "$1\n"),
  "hexadecimal digits": bytes.toString("hex"),
  Chinese: "软件例子核心功能，可以运行并且验证。".repeat(50),
  "rare characters": "𠀀𠀁𠀂𡃁".repeat(50),
  "emoji and control characters": "🙂🔥\u0000\u0001".repeat(100),
  German: "Donaudampfschifffahrtsgesellschaft überprüft Geschwindigkeitsbegrenzungen ".repeat(20),
  "a sequence of bases": pick("ACGT", 2000) + pick("acgt", 2000),
  "letters without sense": pick("qzxjkvwQZXJKVW", 2000),
  punctuation: pick("!@#$%^&*()_+-=[]{};':,./<>?|~`", 2000),
  "single letters": "a b c d ".repeat(200),
  "blanks of all kinds": `${" ".repeat(2000)}${"\n".repeat(2000)}${"\t".repeat(2000)}${" \t\n".repeat(300)}`,
};
const realTokens = (text: string): number => Math.max(countCl100k(text), countO200k(text));

describe("boundTokens", () => {
  it("is no less than any known tokenizer counts, on this project's own texts", () => {
    const below = ownTexts.filter(([, text]) => boundTokens(text) < realTokens(text)).map(([path]) => path);
    expect(below).toEqual([]);
  });

  it.each(Object.entries(hard))("is no less than any known tokenizer counts: %s", (_, text) => {
    expect(boundTokens(text)).toBeGreaterThanOrEqual(realTokens(text));
  });

  it("is nothing for nothing, and bounded by the bytes and 35 %", () => {
    expect(boundTokens("")).toBe(0);
    for (const text of Object.values(hard))
      expect(boundTokens(text)).toBeLessThanOrEqual(Math.ceil(Buffer.byteLength(text) * 1.35));
  });
});

describe("estimateTokens", () => {
  it.each([
    ["cl100k_base", countCl100k],
    ["o200k_base", countO200k],
  ])("is near %s on code and prose: within 30 % on every file that is not short", (_, count) => {
    const off = ownTexts.filter(
      ([, text]) => text.length > 3000 && Math.abs(estimateTokens(text) / count(text) - 1) > 0.3,
    );
    expect(off.map(([path]) => path)).toEqual([]);
  });
});
