import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readFailOn, readInputs } from "../../src/action/read-inputs.ts";
import { ConfigError } from "../../src/errors.ts";
import { inputVariables, readAction } from "../support/action-runner/read-action.ts";

const { defaults } = readAction(fileURLToPath(new URL("../..", import.meta.url)), "the-token");

function read(given: Record<string, string> = {}) {
  return readInputs(inputVariables(defaults, given));
}

function problemOf(given: Record<string, string>): string {
  try {
    read(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.userMessage;
  }
  throw new Error("It was taken.");
}

describe("the action's inputs", () => {
  it("are what action.yml says where nothing is given", () => {
    expect(read()).toEqual({
      command: "distill",
      repository: [],
      config: "",
      "open-pull-request": true,
      "fail-on": "error",
      "github-token": "the-token",
    });
  });

  it("count as not given where they are empty, as from a form or a step that had nothing to say", () => {
    const { "github-token": token, ...others } = defaults;
    const empty = Object.fromEntries(Object.keys(others).map((name) => [name, name === "repository" ? "\n \n" : " "]));
    expect(read(empty)).toEqual(read());
    expect(token).toBe("the-token");
  });

  it("become values of their kind", () => {
    const inputs = read({
      repository: " ada/tides \r\n\n marit/raindrops\nada/tides",
      focus: "  ground\n tracks ",
      sandbox: "auto",
      "max-debug-iterations": " 3 ",
      "max-runtime-mins": "0.5",
      "max-cost-usd": "0",
      "open-pull-request": "False",
      "fail-on": "never",
    });
    expect(inputs).toMatchObject({
      repository: ["ada/tides", "marit/raindrops"],
      focus: "ground tracks",
      sandbox: undefined,
      "max-debug-iterations": 3,
      "max-runtime-mins": 0.5,
      "max-cost-usd": 0,
      "open-pull-request": false,
      "fail-on": "never",
    });
  });

  it("are all named at once where several cannot be used, in words that say what would do", () => {
    const problem = problemOf({
      command: "publish",
      ref: "--upload-pack=x",
      subdirectory: "../..",
      sandbox: "docker",
      "max-cost-usd": "five",
      "max-debug-iterations": "-1",
      "open-pull-request": "yes",
      base: "a..b",
      "fail-on": "always",
      "github-token": "",
    });
    expect(problem).toContain("Input command: has to be one of distill, verify, comment.");
    expect(problem).toContain("Input ref: cannot be the name of a branch, a tag or a commit.");
    expect(problem).toContain("Input subdirectory: has to be a folder's path from the root of the repository.");
    expect(problem).toContain("Input sandbox: has to be one of auto, modal, container, local, none.");
    expect(problem).toContain("Input max-cost-usd: has to be a number.");
    expect(problem).toContain("Input max-debug-iterations: ");
    expect(problem).toContain("Input open-pull-request: has to be true or false.");
    expect(problem).toContain("Input base: cannot be the name of a branch, a tag or a commit.");
    expect(problem).toContain("Input fail-on: has to be one of error, not-verified, never.");
    expect(problem).toContain("Input github-token: is empty");
  });

  it.each(["1e999", "NaN", "0x", "5 dollars", "-1"])("take no number that is none: %s", (text) => {
    expect(problemOf({ "max-cost-usd": text })).toMatch(/^Input max-cost-usd: /);
  });

  it.each(["command/sh -c id", "replay/calls.jsonl", " Command/id"])(
    "name no program of the machine, and say where that is named: %s",
    (model) => {
      const words = "cannot be a program or a file here: name it in the input config.";
      expect(problemOf({ model, "fast-model": model })).toBe(`Input model: ${words} Input fast-model: ${words}`);
    },
  );

  it("say what fails the step also where they cannot be read", () => {
    expect(readFailOn({ "INPUT_FAIL-ON": "never" })).toBe("never");
    expect(readFailOn({ "INPUT_FAIL-ON": "sometimes" })).toBe("error");
    expect(readFailOn({})).toBe("error");
  });
});
