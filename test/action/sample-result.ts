import type { ActionResult, ExampleResult } from "../../src/action/action-result.ts";

export const runUrl = "https://github.com/marit-solheim/orbital-elements/actions/runs/4711";
export const commit = "3f1c9a7be2d84065917ac2fd58e0b36c4d2e9f10";

export function exampleResult(given: Partial<ExampleResult> = {}): ExampleResult {
  return {
    repository: "marit-solheim/orbital-elements",
    slug: "orbital-elements",
    action: "distilled",
    verdict: "verified",
    reasonCode: "verified",
    explanation: "The example ran, called the repository's core functions, and gave the same values in a clean room.",
    advice: null,
    checks: [
      { name: "executed", result: "passed", evidence: "Both steps exited with 0, and results.json holds values." },
      { name: "grounded", result: "passed", evidence: "5 functions of the repository ran, 5 of its 6 core functions." },
      { name: "reviewed", result: "not-made", evidence: "Not made: this author has no judge." },
    ],
    commit,
    pullRequest: { number: 12, url: "https://github.com/marit-solheim/orbital-elements/pull/12" },
    issue: null,
    examplePath: "/home/runner/work/_temp/example",
    reportPath: "/home/runner/work/_temp/report.html",
    figures: [
      {
        name: "outputs/ground track.svg",
        url: "https://github.com/marit-solheim/orbital-elements/raw/codedistiller/orbital-elements/examples/orbital-elements/outputs/ground%20track.svg",
      },
    ],
    badgeUrl:
      "https://raw.githubusercontent.com/marit-solheim/orbital-elements/codedistiller-badges/orbital-elements.svg",
    costUsd: 0.1234,
    iterations: 2,
    seconds: 184,
    ...given,
  };
}

export const brokenResult = exampleResult({
  repository: "lindqvist/tidal",
  slug: "lindqvist-tidal",
  action: "verified",
  verdict: "failed",
  reasonCode: "results-differ",
  explanation: "A new sandbox came to other values: 2 differ, among them `example1.amplitude`.",
  advice:
    "Where the new values are right, name a model (input `model`), which then writes the example anew; else repair what changed them.",
  checks: [{ name: "reproduced", result: "failed", evidence: "A new sandbox came to other values: 2 differ." }],
  pullRequest: null,
  issue: { number: 31, url: "https://github.com/marit-solheim/orbital-elements/issues/31" },
  figures: [],
  badgeUrl: null,
  costUsd: 0,
  iterations: 0,
  seconds: 21,
});

export function actionResult(examples: ExampleResult[], given: Partial<ActionResult> = {}): ActionResult {
  const [first] = examples;
  return {
    command: "distill",
    verdict: first?.verdict ?? "error",
    reasonCode: first?.reasonCode ?? "internal-error",
    explanation: first?.explanation ?? "",
    costUsd: examples.reduce((sum, { costUsd }) => sum + costUsd, 0),
    iterations: examples.reduce((sum, { iterations }) => sum + iterations, 0),
    examples,
    ...given,
  };
}
