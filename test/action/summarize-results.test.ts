import { describe, expect, it } from "vitest";
import type { ExampleResult } from "../../src/action/action-result.ts";
import { composeOutputs } from "../../src/action/compose-outputs.ts";
import { failsStep, summarizeResults } from "../../src/action/summarize-results.ts";
import { actionResult, exampleResult } from "./sample-result.ts";

const none = { reasonCode: "nothing", explanation: "Nothing was done." };

function of(...verdicts: Array<ExampleResult["verdict"]>) {
  const examples = verdicts.map((verdict, index) =>
    exampleResult({
      verdict,
      reasonCode: `reason-${index}`,
      explanation: `Why ${index}.`,
      costUsd: 0.1,
      iterations: 2,
    }),
  );
  return summarizeResults("distill", examples, none);
}

describe("what is said of several examples", () => {
  it("is the first of the worst, and the sums", () => {
    expect(of("verified", "partial", "skipped").verdict).toBe("partial");
    expect(of("failed", "skipped").verdict).toBe("failed");
    expect(of("cancelled", "failed").verdict).toBe("cancelled");
    expect(of("verified", "error", "cancelled")).toMatchObject({ verdict: "error", reasonCode: "reason-1" });
    const { costUsd, ...summary } = of("failed", "verified", "failed");
    expect(costUsd).toBeCloseTo(0.3);
    expect(summary).toMatchObject({ reasonCode: "reason-0", explanation: "Why 0.", iterations: 6 });
  });

  it("is nothing where there is none", () => {
    expect(of()).toEqual({ command: "distill", verdict: "skipped", costUsd: 0, iterations: 0, examples: [], ...none });
  });
});

describe("the step", () => {
  it.each([
    ["verified", false, false, false],
    ["partial", false, true, false],
    ["failed", false, true, false],
    ["skipped", false, true, false],
    ["cancelled", false, true, false],
    ["error", true, true, false],
  ] as const)("fails as fail-on says where one of two is %s", (verdict, onError, onNotVerified, never) => {
    const result = of("verified", verdict);
    expect(failsStep(result, "error")).toBe(onError);
    expect(failsStep(result, "not-verified")).toBe(onNotVerified);
    expect(failsStep(result, "never")).toBe(never);
  });

  it("passes where there was nothing to do, and fails where it was cancelled before anything was done", () => {
    expect(failsStep(of(), "not-verified")).toBe(false);
    expect(failsStep(actionResult([], { verdict: "cancelled" }), "not-verified")).toBe(true);
    expect(failsStep(actionResult([], { verdict: "cancelled" }), "error")).toBe(false);
    expect(failsStep(actionResult([], { verdict: "error" }), "error")).toBe(true);
  });
});

describe("outputs", () => {
  it("name the first pull request and the first folder there is, and are empty where there is none", () => {
    const nowhere = exampleResult({ pullRequest: null, examplePath: null, reportPath: null });
    const found = { pullRequest: { number: 7, url: "https://github.com/a/b/pull/7" }, examplePath: "/run/example" };
    const result = actionResult([nowhere, exampleResult({ ...found, costUsd: 1 / 3 }), exampleResult()]);
    expect(composeOutputs(result)).toMatchObject({
      "pull-request-number": "7",
      "pull-request-url": "https://github.com/a/b/pull/7",
      "example-path": "/run/example",
      "cost-usd": (1 / 3 + 0.1234 * 2).toFixed(4),
      iterations: "6",
    });
    expect(JSON.parse(composeOutputs(result).result)).toEqual(result);
    const { "pull-request-url": url, "report-path": report } = composeOutputs(actionResult([nowhere]));
    expect([url, report]).toEqual(["", ""]);
  });
});
