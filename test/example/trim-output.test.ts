import { describe, expect, it } from "vitest";
import { trimOutput } from "../../src/example/trim-output.ts";
import { createRandom, pick, pickLines } from "../authors/llm/seeded-random.ts";

const pipLines = [
  "Collecting numpy<2",
  "  Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl (18.3 MB)",
  "Requirement already satisfied: six>=1.5 in ./.venv/lib/python3.11/site-packages",
  "  Preparing metadata (pyproject.toml): finished with status 'done'",
  "Building wheels for collected packages: tool",
  "  Using cached wheel-0.43.0-py3-none-any.whl",
];
const plainLines = ["epoch 3: loss 0.25", "reading the grid", "", "    done", "temperature = 291.5 K", "x ".repeat(60)];
const errorLines = [
  "ERROR: No matching distribution found for quarkware",
  "ModuleNotFoundError: No module named 'quarkware'",
  "src/fast.c:12:10: fatal error: Python.h: No such file or directory",
  "bash: line 3: cmake: command not found",
  "Segmentation fault (core dumped)",
  "AssertionError: expected 3.0",
];

describe("trimming what a program printed", () => {
  it("leaves what fits as it is", () => {
    const text = `${pipLines.join("\n")}\n\n${errorLines.join("\r\n")}\n`;
    expect(trimOutput(text, text.length)).toBe(text);
    expect(trimOutput("", 0)).toBe("");
  });

  it("keeps every line that says what went wrong, in order, within the limit", () => {
    const random = createRandom(5);
    for (let round = 0; round < 30; round++) {
      const errors = Array.from({ length: 6 }, (_, index) => `${errorLines[index]} (${"abcdef"[index]}${round})`);
      const log = errors
        .map((error) => `${pickLines(random, [...pipLines, ...plainLines], Math.ceil(random() * 400))}\n${error}`)
        .concat(pickLines(random, plainLines, 100))
        .join("\n");
      const limit = pick(random, [2000, 4000, 8000]);
      const shown = trimOutput(log, limit);
      expect(shown.length).toBeLessThanOrEqual(limit);
      expect(shown.split("\n").filter((line) => errors.includes(line))).toEqual(errors);
    }
  });

  it("never comes out longer than asked, and says where lines are left out", () => {
    const random = createRandom(6);
    const lines = [...pipLines, ...plainLines, ...errorLines, "x".repeat(3000), "ä漢🪐".repeat(100), ""];
    for (let round = 0; round < 300; round++) {
      const text = pickLines(random, lines, Math.ceil(random() * 200));
      const limit = Math.floor(random() ** 2 * 6000);
      const shown = trimOutput(text, limit);
      expect(shown.length).toBeLessThanOrEqual(limit);
      if (shown !== text && limit > 200) expect(shown).toMatch(/\[\.\.\./);
    }
    for (let limit = 0; limit < 60; limit++)
      expect(trimOutput("no\n".repeat(100), limit).length).toBeLessThanOrEqual(limit);
  });

  it("lets go of what pip does first, and keeps the end", () => {
    const log = [...Array(60).fill(pipLines.join("\n")), "step 1 of 3", "step 2 of 3", "step 3 of 3"].join("\n");
    const shown = trimOutput(log, 300);
    expect(shown).toContain("step 1 of 3\nstep 2 of 3\nstep 3 of 3");
    expect(shown.split("\n")[0]).toMatch(/lines left out/);
  });

  it("keeps what stands around an error before what stands anywhere else", () => {
    const filler = Array.from(
      { length: 300 },
      (_, index) => `line ${"abcdefghij"[index % 10]}${index}: nothing to see`,
    );
    const log = [...filler.slice(0, 150), "x = f(3)", "y = g(x)", errorLines[1], "at h(y)", ...filler.slice(150)];
    const shown = trimOutput(log.join("\n"), 400);
    expect(shown).toContain(`x = f(3)\ny = g(x)\n${errorLines[1]}\nat h(y)`);
  });

  it("does not let an error that is printed a thousand times push out what is said once", () => {
    const last = ["the grid is read", "the solver begins", "the matrix is singular", "giving up"];
    const log = ["RuntimeError: the cause", ...Array(1000).fill("Warning: step 12 failed"), ...last].join("\n");
    for (const line of ["RuntimeError: the cause", ...last]) expect(trimOutput(log, 500)).toContain(line);
  });

  it("shows both ends of a line without an end", () => {
    const line = `begin${"█".repeat(1_000_000)}\rValueError: at the end`;
    for (const limit of [200, 1000, 8000]) {
      const shown = trimOutput(line, limit);
      expect(shown.length).toBeLessThanOrEqual(limit);
      expect(shown).toMatch(/^begin[\s\S]*\[\.\.\.\][\s\S]*ValueError: at the end$/);
    }
    expect(trimOutput(`${"plain\n".repeat(1000)}${line}\n${"plain\n".repeat(1000)}`, 2000)).toContain("at the end");
  });

  it("reads a long text once, and not once for each of its lines", () => {
    const random = createRandom(7);
    const text = pickLines(random, [...pipLines, ...plainLines, ...errorLines], 300_000);
    const before = performance.now();
    expect(trimOutput(text, 8000).length).toBeLessThanOrEqual(8000);
    for (const line of ["=", " ", "error ", "File", "12 ", "\r"]) trimOutput(`${line.repeat(300_000)}\nend`, 8000);
    expect(performance.now() - before).toBeLessThan(15_000);
  });
});
