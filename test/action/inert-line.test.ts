import { describe, expect, it } from "vitest";
import { inertLine } from "../../src/action/inert-line.ts";
import { parseCommand } from "../support/action-runner/parse-command.ts";

const hostile = [
  "::set-output name=verdict::pwned",
  " \t::add-mask::e",
  "\u001b[31m::error::x",
  "said\n::stop-commands::x",
  "\r\n::add-mask::e",
  "words ##[add-mask]e",
  "##\u001b[0m[add-mask]e",
];

describe("a line of the log", () => {
  it.each(hostile)("is no command of the runner, with a mark or without: %j", (text) => {
    for (const line of [inertLine(text), inertLine(text, "- "), inertLine(text, "")]) {
      expect(line).not.toMatch(/[\r\n]/);
      expect(parseCommand(line, () => true)).toBeNull();
    }
  });

  it("is left as it is where it is none", () => {
    expect(inertLine("max_cost_usd is 1: a::b ## c", "")).toBe("max_cost_usd is 1: a::b ## c");
  });
});
