import type { Execution } from "../../src/example/execution.ts";
import type { Survey } from "../../src/repository/survey.ts";
import { makeStep } from "../../test/support/author-context.ts";

const functions = 4;
const setupLogBytes = 39_000;

/** What the rules' own draft comes to: an environment that builds, one example that ends well, the others that do not. */
export function groundworkExecution(survey: Survey, examples: number): Execution {
  const names = Array.from({ length: examples }, (_, index) => `example${index + 1}`);
  const errors = names.slice(1).map((example) => ({ example, text: traceback(survey, 0) }));
  return execution(survey, {
    program: makeStep({ exitCode: 1, stdout: printed(700), stderr: errors.map(({ text }) => text).join("\n") }),
    log: names.flatMap((example, index) => [
      { level: "info", message: "started", example },
      index === 0 ? finished(example) : failed(example, survey, 0),
    ]),
  });
}

/** A run whose environment could not be built, for a reason that no rule knows. */
export function failingEnvironment(survey: Survey, failure: number): Execution {
  const stderr = [
    ...Array.from(
      { length: 60 },
      (_, line) => `src/kernels.cpp:${40 + line}:17: note: candidate: evaluate_${line}(int)`,
    ),
    `src/kernels.cpp:${310 + failure}:9: error: no member named 'option_${failure}' in 'struct Settings'`,
    "error: command '/usr/bin/g++' failed with exit code 1",
    "ERROR: Failed building wheel for library",
  ].join("\n");
  return execution(survey, { environment: makeStep({ exitCode: 1, seconds: 95, stdout: setupLog(survey), stderr }) });
}

/** A run whose environment was built and whose program made a mistake that no rule knows, another each time. */
export function failingExecution(survey: Survey, failure: number): Execution {
  const broken = failure % functions;
  const names = Array.from({ length: functions }, (_, index) => `example${index + 1}`);
  return execution(survey, {
    program: makeStep({
      exitCode: 1,
      seconds: 12,
      stdout: printed(2200),
      stderr: `${warnings}\n${traceback(survey, failure)}`,
    }),
    log: names.flatMap((example, index) => [
      { level: "info", message: "started", example },
      index === broken ? failed(example, survey, failure) : finished(example),
    ]),
    resultsProblem: null,
    results: results(2500),
  });
}

/** A run in which everything ended well: 3 KB printed, 4 KB of results, 30 functions of the repository seen. */
export function goodExecution(survey: Survey): Execution {
  return execution(survey, {
    program: makeStep({ seconds: 14, stdout: printed(3000), stderr: warnings }),
    log: Array.from({ length: functions }, (_, index) => `example${index + 1}`).flatMap((example) => [
      { level: "info", message: "started", example },
      finished(example),
    ]),
    results: results(4000),
    files: [
      { path: "to_save/curve.png", bytes: 41_213 },
      { path: "to_save/table.csv", bytes: 2210 },
    ],
    evidence: {
      processes: 1,
      python: "3.11.2",
      functions: observedFunctions(survey),
      impostors: [],
      modules: [],
      swallowed: [],
      errors: [],
    },
  });
}

function execution(survey: Survey, given: Partial<Execution>): Execution {
  return {
    environment: makeStep({ seconds: 95, stdout: setupLog(survey) }),
    program: null,
    results: null,
    resultsProblem: null,
    log: [],
    files: [],
    left: [],
    evidence: {
      processes: 1,
      python: "3.11.2",
      functions: observedFunctions(survey).slice(0, 12),
      impostors: [],
      modules: [],
      swallowed: [],
      errors: [],
    },
    packages: [],
    ...given,
  };
}

function finished(example: string): Execution["log"][number] {
  return { level: "info", message: "finished", example, seconds: 2.4 };
}

function failed(example: string, survey: Survey, failure: number): Execution["log"][number] {
  return {
    level: "error",
    message: "failed",
    example,
    error: { type: "TypeError", message: messageOf(failure), traceback: traceback(survey, failure) },
  };
}

function messageOf(failure: number): string {
  return `evaluate() got an unexpected keyword argument 'option_${failure + 1}'`;
}

function traceback({ coreFunctions }: Survey, failure: number): string {
  const frames = [0, 1, 2, 3].map((depth) => {
    const core = coreFunctions[(failure + depth) % Math.max(1, coreFunctions.length)];
    return `  File "/work/source/${core?.path ?? "library/core.py"}", line ${(core?.line ?? 40) + depth}, in ${core?.name ?? "call"}\n    return self._dispatch(points, temperature=temperature, option_${failure + 1}=settings.option, check=check)\n           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^`;
  });
  return [
    "Traceback (most recent call last):",
    `  File "/work/example_recording.py", line 214, in run\n    values = function()\n             ^^^^^^^^^^`,
    `  File "/work/main.py", line ${60 + 9 * failure}, in example${(failure % functions) + 1}\n    response_${failure} = calculator_${failure}.evaluate(grid(8), option_${failure + 1}=True)\n                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^`,
    ...frames,
    `TypeError: ${messageOf(failure)}\n`,
  ].join("\n");
}

const warnings = [
  "/work/.venv/lib/python3.11/site-packages/package/io.py:88: UserWarning: No electronegativity is known for He: nan is used instead.",
  "  warnings.warn(",
  "/work/.venv/lib/python3.11/site-packages/package/core.py:412: FutureWarning: the default of `site` will change in the next version.",
  "  values = self.read(path)",
].join("\n");

/** Lines of pip, until there are as many as in the runs that are compared with. */
function setupLog({ foreignImports }: Survey): string {
  const modules = foreignImports.map(({ module }) => module);
  const lines: string[] = [];
  for (let index = 0, length = 0; length < setupLogBytes; index++) {
    const name = `${modules[index % Math.max(1, modules.length)] ?? "package"}-${index}`;
    const line = `Collecting ${name}>=1.${index % 30} (from -r requirements.txt (line ${(index % 20) + 1}))\n  Downloading ${name}-1.${index}.0-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (${(index % 9) + 1}.2 kB)\n     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 18.${index % 10}/18.${index % 10} MB 52.1 MB/s eta 0:00:00`;
    lines.push(line);
    length += line.length + 1;
  }
  return lines.join("\n");
}

function printed(characters: number): string {
  let text = "";
  for (let step = 0; text.length < characters; step++)
    text += `step ${step}: mean ${digitsOf(step).toFixed(4)} eV, largest ${(3 * digitsOf(step + 7)).toFixed(4)} eV\n`;
  return text;
}

function results(characters: number): Record<string, unknown> {
  const values: Record<string, Record<string, unknown>> = {};
  for (let step = 0; JSON.stringify(values).length < characters; step++) {
    const example = `example${(step % functions) + 1}`;
    values[example] ??= {};
    values[example][`step_${step}`] = {
      mean: digitsOf(step),
      largest: 3 * digitsOf(step + 7),
      first: [0, 1, 2, 3].map((place) => digitsOf(step + place)),
    };
  }
  return values;
}

/** Digits without a pattern, the same every time. */
function digitsOf(step: number): number {
  return Math.abs(Math.sin(12.9898 * (step + 1)));
}

/** The core functions first, then whatever else has an outline. */
function observedFunctions({ coreFunctions, outlines }: Survey): Execution["evidence"]["functions"] {
  const core = coreFunctions.map(({ path, qualifiedName }) => ({ path, qualname: qualifiedName }));
  const others = outlines
    .filter(({ path }) => path.endsWith(".py"))
    .flatMap(({ path, symbols }) => symbols.map(({ qualifiedName }) => ({ path, qualname: qualifiedName })));
  return [...core, ...others].slice(0, 30).map(({ path, qualname }, index) => ({
    file: `/work/source/${path}`,
    sha256: null,
    module: path.replace(/\.py$/, "").replaceAll("/", "."),
    qualname,
    line: 1,
    count: 1200 - 40 * index,
    compiled: false,
    path,
  }));
}
