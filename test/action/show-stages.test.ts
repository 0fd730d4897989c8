import { describe, expect, it } from "vitest";
import { createStageLog } from "../../src/action/show-stages.ts";
import { type RunEvent, Stage } from "../../src/pipeline/events.ts";

/** What a log shows of events that come so many milliseconds one after the other. */
function show(events: readonly RunEvent[], between = 1000): string[] {
  const lines: string[] = [];
  let now = 0;
  const log = createStageLog({ write: (line) => lines.push(line), now: () => now });
  for (const event of events) {
    log.emit(event);
    now += between;
  }
  log.end();
  return lines;
}

const output = (text: string): RunEvent => ({ kind: "output", stage: "execute", text });

/**
 * The commands that the runner finds in what a step prints: it parts lines at CR and LF, reads `::name ...::` at the
 * beginning of one, and `##[name ...]` anywhere in it.
 */
function findCommands(text: string): string[] {
  return text.split(/\r\n|\r|\n/).flatMap((line) => {
    const start = line.trimStart();
    if (start.startsWith("::") && start.indexOf("::", 2) > 0) return [start.slice(0, start.indexOf("::", 2) + 2)];
    return line.replace(/\p{Default_Ignorable_Code_Point}/gu, "").includes("##[") ? ["##["] : [];
  });
}

/** The same numbers for the same seed (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const pieces = [
  "::error::",
  "::set-env name=PATH::/tmp",
  "::add-mask::x",
  "::endgroup::",
  "::stop-commands::t",
  "::",
  ":",
  "##[",
  "##",
  "#",
  "[",
  "##[command]",
  "##[add-path]/tmp",
  "\r",
  "\n",
  "\r\n",
  "\u0085",
  "\u2028",
  "\u2029",
  "\v",
  "\f",
  "\t",
  " ",
  "\u00a0",
  "\ufeff",
  "\u200b",
  "\u00ad",
  "\u2060",
  "\u001b[31m",
  "\u001b]8;;https://evil.example\u0007",
  "\u009b1A",
  "\u0000",
  "\b",
  "%0A",
  "%0D%0A",
  "%25",
  "\ud800",
  "\u202e",
  "a",
  "é",
  "🧪",
  "]",
];

describe("the log of a workflow", () => {
  it("has a group for each stage and iteration", () => {
    const lines = show([
      { kind: "stage-started", stage: "clone", iteration: null },
      { kind: "preparing", text: "pulling the image" },
      { kind: "stage-finished", stage: "clone", seconds: 1.2 },
      { kind: "stage-started", stage: "draft", iteration: 1 },
      { kind: "note", stage: "draft", text: "takes example1 from README.md" },
      { kind: "spent", totalUsd: 0.1234 },
      { kind: "stage-finished", stage: "draft", seconds: 71 },
      { kind: "stage-started", stage: "execute", iteration: 1 },
      output("period: 11.99 h"),
    ]);
    expect(lines).toEqual([
      "::group::Clone the repository",
      "| pulling the image",
      "It took 1.2 s.",
      "::endgroup::",
      "::group::Draft an example, iteration 2",
      "- takes example1 from README.md",
      "It took 1 min 11 s; models have cost $0.12 so far.",
      "::endgroup::",
      "::group::Run it in a sandbox, iteration 2",
      "| period: 11.99 h",
      "::endgroup::",
    ]);
  });

  it("closes the group of a stage that was left", () => {
    const begin = (stage: Stage): RunEvent => ({ kind: "stage-started", stage, iteration: null });
    const names = show([begin("clone"), begin("survey")]).map((line) => line.split("::")[1]);
    expect(names).toEqual(["group", "endgroup", "group", "endgroup"]);
  });

  it("shows what a program prints as far as it can be read, and says what it left out", () => {
    const lines = show(
      Array.from({ length: 1000 }, (_, index) => output(`step ${index}`)),
      10,
    );
    expect(lines.slice(0, 3)).toEqual(["| step 0", "(24 lines not shown)", "| step 25"]);
    expect(lines.at(-1)).toBe("(24 lines not shown)");
    expect(lines.length).toBe(80);
  });

  it("takes out colours, and cuts a line that never ends", () => {
    expect(show([output("\u001b[1;31mred\u001b[0m\rand over it")])).toEqual(["| red and over it"]);
    expect(show([output("a".repeat(1_000_000))])[0]?.length).toBeLessThan(1100);
  });

  it("shows no key and no password of an address", () => {
    expect(show([output("https://u:secret@pypi.example/simple sk-ant-0123456789abcdefghij")])).toEqual([
      "| https://[redacted]@pypi.example/simple [redacted]",
    ]);
  });

  it("holds no command but its own groups, whatever an event says", () => {
    const random = createRandom(20_261_122);
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: 1 + random(9) }, () => pieces[random(pieces.length)]).join("");
      const stage = Stage.options[random(Stage.options.length)] ?? "draft";
      const lines = show([
        { kind: "stage-started", stage, iteration: random(2) === 0 ? null : random(9) },
        output(text),
        { kind: "preparing", text },
        { kind: "note", stage, text },
        { kind: "stage-finished", stage, seconds: random(100) },
      ]);
      expect(lines).toHaveLength(6);
      expect([text, findCommands(`${lines.join("\n")}\n`)]).toEqual([text, ["::group::", "::endgroup::"]]);
      expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    }
  });
});
