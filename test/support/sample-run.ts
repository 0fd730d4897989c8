import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Spending } from "../../src/authors/author.ts";
import { RunState } from "../../src/pipeline/run-state.ts";
import { called, fail, iteration, mainPy } from "../templates/sample/sample-iteration.ts";
import { coreFunctions } from "../templates/sample/sample-survey.ts";
import { notReviewed, type SampleRun, verifiedRun } from "../templates/sample/verified-run.ts";

export { hostileRun } from "../templates/sample/hostile-run.ts";
export { type SampleRun, verifiedRun };

export async function writeSampleRun(folder: string, { files }: SampleRun): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** It ran, but a new sandbox came to other values, and a judge has doubts: every part of a report has something to show. */
export function partialRun(): SampleRun {
  const { state, survey, files } = verifiedRun();
  const best = state.distiller.iterations[1];
  const failed = fail(iteration(1, {}), "ValueError", "solve_kepler handles elliptic orbits only", 33).execution;
  if (!best?.execution || !failed) throw new Error("the sample has no second iteration");
  best.execution.log.push(...failed.log);
  best.execution.program = failed.program && { ...failed.program, exitCode: 0 };
  best.execution.resultsProblem = "one value is not a number";
  best.execution.left = [{ path: "example3/movie.mp4", bytes: 9_000_000, reason: "file-too-large" }];
  Object.assign(best.execution.evidence, {
    impostors: [{ module: "orbelem", file: "/work/example/orbelem.py" }],
    errors: ["numba functions are counted once"],
  });
  Object.assign(best, {
    reproduction: {
      check: {
        result: "failed",
        evidence: "A new sandbox came to other values: 1 differ, among them example2.values.target.",
      },
      comparedValues: 42,
      differences: [{ key: "example2.values.target", first: "46284", second: "46291.5" }],
      ignored: ["example3.values.elapsed"],
      seconds: 7.9,
    },
    review: {
      kind: "judged",
      judgement: {
        correct_behavior: true,
        critical_issues: ["The second burn is called with kilometres where metres are meant."],
        issues: ["The ground track is not labelled."],
        is_faithful: true,
        is_accurate: false,
        is_complete: true,
        faithfulness_accurate_completeness_statement: "It shows what the README shows.",
        is_finished: false,
      },
    },
  });
  Object.assign(state.distiller, {
    gaveUp: { outcome: "failed", reasonCode: "examples-fail", explanation: "The rest of the candidates was tried." },
    notes: ["The download cache was not used."],
    outcome: {
      outcome: "partial",
      reasonCode: "not-reproduced",
      explanation: "A new sandbox came to other values: 1 differ, among them example2.values.target.",
    },
  });
  if (state.distiller.verdict)
    Object.assign(state.distiller.verdict, {
      reproduced: best.reproduction?.check,
      reviewed: { result: "failed", evidence: "It shows what the README shows." },
    });
  state.distiller.sandbox = state.distiller.sandbox && { ...state.distiller.sandbox, isolated: false };
  state.costs = { draft: 0.0042 };
  state.total_cost = 0.0042;
  return { state: RunState.parse(state), survey, files };
}

/** Three iterations of a model, none of which ran; it cost something and a judge was never asked. */
export function failedRun(): SampleRun {
  const { state, survey } = verifiedRun();
  const traceback = (type: string, message: string, line: number, index: number) => ({
    ...fail(iteration(index, {}), type, message, line),
    issuesIdentified: index === 0 ? [] : ["The fit did not converge.", "main.py reads a file that is not there."],
    changesMade: index === 0 ? [] : [`Start values are given (attempt ${index}).`],
  });
  const iterations = [
    traceback("ModuleNotFoundError", "No module named 'orbelem'", 30, 0),
    traceback("FileNotFoundError", "[Errno 2] No such file or directory: 'data/catalogue.csv'", 33, 1),
    traceback("ArithmeticError", "Kepler's equation did not converge", 41, 2),
  ];
  for (const { draft, index } of iterations)
    draft.files["main.py"] = `${mainPy.replace("26600.0, 0.74", `26600.0, 0.7${index}`)}# attempt ${index}\n`;
  Object.assign(state, {
    model_str_code: "claude-sonnet-4-5-20250929",
    model_str_fast: "claude-haiku-4-5",
    total_cost: 0.8734,
    costs: { summarize: 0.021, classify: 0.094, draft: 0.312, revise: 0.4464 },
    total_runtime_secs: 1284,
    runtimes: {
      clone: 2.1,
      survey: 1.4,
      summarize: 6.2,
      classify: 18.8,
      draft: 71,
      execute: 944,
      revise: 240,
      report: 0.5,
    },
    error_information: { environment: 0, program: 1 },
  });
  Object.assign(state.distiller, {
    spending: [
      row("classify", "claude-haiku-4-5", 2, { inputTokens: 61_200, outputTokens: 6_560, costUsd: 0.094 }),
      row("draft", "claude-sonnet-4-5-20250929", 1, { inputTokens: 62_400, cacheWriteTokens: 62_000, costUsd: 0.312 }),
      row("revise", "claude-sonnet-4-5-20250929", 2, { inputTokens: 141_002, cacheReadTokens: 130_400, costUsd: null }),
    ],
    author: "claude-sonnet-4-5-20250929",
    iterations,
    best: 2,
    gaveUp: null,
    verdict: {
      executed: { result: "failed", evidence: "The environment was built; main.py ended with exit status 1." },
      grounded: { result: "not-made", evidence: "Not made: the example did not run to its end." },
      reproduced: {
        result: "not-made",
        evidence: "Not made: only an example that ran and called the core functions is run again.",
      },
      reviewed: notReviewed,
      coverage: { called: called.slice(0, 1), notCalled: coreFunctions.slice(1) },
    },
    outcome: {
      outcome: "failed",
      reasonCode: "iterations-used-up",
      explanation:
        "No attempt ran to its end within the iterations allowed. The environment was built; main.py ended with exit status 1.",
    },
  });
  return { state: RunState.parse(state), survey, files: {} };
}

/** Nothing could be tried. */
export function skippedRun(): SampleRun {
  const { state, survey } = verifiedRun();
  Object.assign(state, {
    metadata: null,
    code: null,
    runscript: null,
    runtimes: { clone: 1.2, survey: 0.4 },
    total_runtime_secs: 1.6,
  });
  const explanation = "The repository holds nothing that can be run without a GPU (diffnet/kernels.py:12).";
  Object.assign(state.distiller, {
    iterations: [],
    best: null,
    verdict: null,
    sandbox: null,
    gaveUp: { outcome: "skipped", reasonCode: "needs-gpu", explanation },
    outcome: { outcome: "skipped", reasonCode: "needs-gpu", explanation },
  });
  return { state: RunState.parse(state), survey, files: {} };
}

function row(stage: string, model: string, calls: number, given: Partial<Spending[number]>): Spending[number] {
  const tokens = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
  return { stage, model, calls, failedCalls: 0, ...tokens, costUsd: 0, ...given };
}
