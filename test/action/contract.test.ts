import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ActionResult, ExampleResult } from "../../src/action/action-result.ts";
import { outputNames } from "../../src/action/compose-outputs.ts";
import { configKeys, inputNames, readInputs } from "../../src/action/read-inputs.ts";
import { sandboxKinds } from "../../src/config.ts";
import { codesIn, tableOf } from "../support/page-tables.ts";
import { fileAt } from "../support/ready-workflows.ts";

const read = (path: string): string => readFileSync(fileAt(path), "utf8");

const manifest = parse(read("action.yml")) as {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { description: string }>;
  runs: { using: string; main: string; post: string };
};
const page = read("docs/action.md");
const { properties } = JSON.parse(read("schema.json")) as { properties: Record<string, { default?: unknown }> };

describe("action.yml", () => {
  it("has the inputs that are read", () => {
    expect(Object.keys(manifest.inputs).toSorted()).toEqual(inputNames.toSorted());
  });

  it("has defaults that are taken", () => {
    const variables = Object.entries(manifest.inputs).map(([name, input]) => [
      `INPUT_${name.toUpperCase()}`,
      (input.default ?? "").replace("$" + "{{ github.token }}", "a-token"),
    ]);
    expect(readInputs(Object.fromEntries(variables))).toMatchObject({ command: "distill", "fail-on": "error" });
  });

  it("names the choices that there are", () => {
    const said = (input: string): string[] => codesIn(manifest.inputs[input]?.description);
    expect(new Set(said("sandbox"))).toEqual(new Set(sandboxKinds));
    const taken = (input: string, value: string): boolean => {
      try {
        readInputs({ ...minimal, [`INPUT_${input.toUpperCase()}`]: value });
        return true;
      } catch {
        return false;
      }
    };
    for (const value of ["distill", "verify", "comment"]) {
      expect(said("command")).toContain(value);
      expect(taken("command", value)).toBe(true);
    }
    for (const value of said("fail-on")) expect(taken("fail-on", value), value).toBe(true);
    expect(taken("fail-on", "sometimes")).toBe(false);
  });

  it("sets keys that the configuration has, and says their defaults", () => {
    for (const [input, key] of Object.entries(configKeys)) {
      expect(Object.keys(properties), input).toContain(key);
      const said = /Empty, (\d+(?:\.\d+)?)\.$/.exec(manifest.inputs[input]?.description ?? "")?.[1];
      const value = properties[key]?.default;
      if (typeof value === "number") expect(said, input).toBe(String(value));
    }
    expect(manifest.inputs.sandbox?.default).toBe(properties.sandbox?.default);
  });

  it("runs one bundled file, on the Node that the package needs", () => {
    const { engines } = JSON.parse(read("package.json")) as { engines: { node: string } };
    expect(manifest.runs).toMatchObject({ using: `node${/\d+/.exec(engines.node)?.[0]}`, main: manifest.runs.post });
  });
});

const minimal = {
  INPUT_COMMAND: "distill",
  "INPUT_OPEN-PULL-REQUEST": "true",
  "INPUT_FAIL-ON": "error",
  "INPUT_GITHUB-TOKEN": "a-token",
};

describe("the outputs", () => {
  it("are those of action.yml", () => {
    expect(Object.keys(manifest.outputs).toSorted()).toEqual(outputNames.toSorted());
  });
});

describe("docs/action.md", () => {
  it("has the tables of action.yml", () => {
    execFileSync(process.execPath, [fileAt("scripts/write-action-docs.ts"), "--check"], { stdio: "pipe" });
    const names = (heading: string): string[] => tableOf(page, heading).flatMap(([name]) => codesIn(name));
    expect(names("input")).toEqual(Object.keys(manifest.inputs));
    expect(names("output")).toEqual(Object.keys(manifest.outputs));
  });

  it("lists the fields of the output `result`", () => {
    const fields = (heading: string): string[] => tableOf(page, heading).flatMap(([names]) => codesIn(names));
    expect(fields("field").toSorted()).toEqual(Object.keys(ActionResult.shape).toSorted());
    expect(fields("field of an entry").toSorted()).toEqual(Object.keys(ExampleResult.shape).toSorted());
  });

  it("says how the step ends by every verdict and every word of `fail-on`", () => {
    const [header = ""] = page.split("\n").filter((line) => line.startsWith("| verdict |"));
    expect(codesIn(header)).toEqual(codesIn(manifest.inputs["fail-on"]?.description));
    const verdicts = tableOf(page, "verdict").flatMap(([verdict]) => codesIn(verdict));
    expect(verdicts.toSorted()).toEqual(ExampleResult.shape.verdict.options.toSorted());
  });
});
