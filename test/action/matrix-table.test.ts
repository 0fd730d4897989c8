import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { canRun } from "../support/command-line.ts";
import { readyWorkflow } from "../support/ready-workflows.ts";

describe.runIf(canRun("jq", "jq", ["--version"]))("the table of matrix.yml", () => {
  const { jobs } = readyWorkflow("matrix.yml");
  const [noting = "", writing = ""] = jobs.flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-matrix-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs both scripts as the runner does, a leg for each repository, with what the action left for it. */
  function writeTable(name: string, legs: ReadonlyArray<{ repository: string; result: string }>): string {
    const place = join(folder, name);
    const results = join(place, "results");
    mkdirSync(results, { recursive: true });
    const run = (script: string, env: Record<string, string>): void =>
      void execFileSync("bash", ["-e", "-c", script], {
        cwd: place,
        env: { PATH: process.env.PATH, ...env },
        stdio: ["ignore", "ignore", "pipe"],
      });
    for (const [index, { repository, result }] of legs.entries())
      run(noting, { FILE: join(results, `result-${index}.json`), REPOSITORY: repository, RESULT: result });
    if (legs.length === 0) rmSync(results, { recursive: true });
    const summary = join(place, "summary.md");
    run(writing, { GITHUB_STEP_SUMMARY: summary });
    return readFileSync(summary, "utf8");
  }

  const example = {
    repository: "owner/name",
    verdict: "verified",
    reasonCode: "verified",
    costUsd: 0.4249,
    pullRequest: { number: 7, url: "https://github.com/o/r/pull/7" },
    issue: null,
  };
  const result = (...examples: object[]): string =>
    JSON.stringify({ verdict: "error", reasonCode: "wrong-input", costUsd: 0, examples });

  it("has a row for every example, also where a job left nothing", () => {
    const broken = { ...example, verdict: "failed", reasonCode: "results-differ", pullRequest: null };
    const legs = [
      { repository: "b/two", result: result({ ...example, repository: "b/two" }) },
      {
        repository: "a/one",
        result: result({
          ...broken,
          repository: "a/one",
          issue: { number: 3, url: "https://github.com/o/r/issues/3" },
        }),
      },
      { repository: "c/three", result: "" },
      { repository: "d/four", result: result() },
    ];
    expect(writeTable("plain", legs).trimEnd().split("\n")).toEqual([
      "1 of 4 verified.",
      "",
      "| repository | verdict | reason | dollars | pull request, issue |",
      "| --- | --- | --- | --- | --- |",
      "| `a/one` | failed | results-differ | 0.42 | [#3](https://github.com/o/r/issues/3) |",
      "| `b/two` | verified | verified | 0.42 | [#7](https://github.com/o/r/pull/7) |",
      "| `c/three` | error | no-result |  |  |",
      "| `d/four` | error | wrong-input | 0 |  |",
    ]);
  });

  it("shows nothing of hostile texts", () => {
    const text = "x | y `z` @someone\n\n# Heading\n<img src=x onerror=alert(1)> [a](javascript:b)\n::error::said";
    const legs = [
      {
        repository: text,
        result: result({
          repository: text,
          verdict: `verified\n${text}`,
          reasonCode: text,
          costUsd: text,
          pullRequest: { number: text, url: "https://github.com/o/r/pull/1" },
          issue: { number: 1, url: `https://github.com/o/r/issues/1)${text}` },
        }),
      },
      { repository: "a/list", result: result({ ...example, repository: ["a"], pullRequest: text, issue: [text] }) },
      { repository: text, result: `"${"x".repeat(10)}"` },
      { repository: text, result: "{" },
    ];
    const written = writeTable("hostile", legs);
    expect(written.trimEnd().split("\n")).toHaveLength(4 + legs.length);
    expect(written).not.toMatch(/@|<|Heading|javascript|::|alert|xxx/);
    expect(written).toContain("| `unknown` | unknown | unknown |  |  |");
  });

  it("is written where no job left anything", () => {
    expect(writeTable("empty", [])).toContain("0 of 0 verified.");
  });
});
