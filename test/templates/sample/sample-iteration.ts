import { readFile } from "node:fs/promises";
import type { StepResult } from "../../../src/example/execution.ts";
import type { Iteration } from "../../../src/pipeline/run-state.ts";
import { commit, coreFunctions } from "./sample-survey.ts";

const step = (given: Partial<StepResult>): StepResult => ({
  status: "exited",
  exitCode: 0,
  detail: null,
  seconds: 0.42,
  peakMemoryMb: 34.2,
  stdout: "",
  stderr: "",
  reused: false,
  ...given,
});

export const printed = [
  "period:    11.99 h",
  "periapsis: 538 km",
  "apoapsis:  39906 km",
  "two hours later: a=26600.0 km e=0.7400 i=63.40 raan=40.00 argp=270.00 nu=152.61",
];

const results = {
  example1: { values: { period: 43175.2604, later: "a=26600.0 km e=0.7400 i=63.40 deg" }, printed },
  example2: {
    values: { parking: 6678.137, target: 46284, burns: [2.4912, 1.3761], number: 2 },
    printed: ["burn 1:  2491.2 m/s"],
  },
  example3: {
    values: {
      latitudes: {
        type: "array",
        shape: [558],
        dtype: "float64",
        min: -51.7812,
        max: 51.7804,
        mean: 0.2137,
        first: [0.1, 0.2],
      },
      station: {
        type: "orbelem.elements.OrbitalElements",
        attributes: { semi_major_axis: 6797, eccentricity: 0.0005 },
      },
    },
    printed: ["558 points over 278.5 minutes"],
  },
};

const requirements = {
  gpu_required: false,
  gpu_normally_recommended: false,
  min_gpu_memory_gb: null,
  cpu_cores: 1,
  ram_gb: 0.1,
  disk_space_gb: 0.1,
  api_keys_required: [],
  api_keys_optional: null,
  time_constraint_limited: false,
};

export const metadata = {
  repository_url: "https://github.com/marit-solheim/orbital-elements",
  description: "Two-body orbits from their classical elements.",
  example_description:
    "Describes a Molniya orbit by its elements, moves along it, plans the transfer to it, and draws the ground track of a space station.",
  example_inclusion_criteria: "An orbit is given by its elements and positions, transfers or ground tracks are wanted.",
  example_exclusion_criteria: "Hyperbolic orbits, drag, third bodies.",
  example_type: "library_demo" as const,
  user_type: "no_user" as const,
  compute_requirements: requirements,
};

export const mainPy = await readFile(new URL("./main.py", import.meta.url), "utf8");
export const groundTrack = await readFile(new URL("./ground_track.svg", import.meta.url), "utf8");

export const runscript = `#!/usr/bin/env bash
# Builds what main.py needs.
set -euo pipefail
cd "$(dirname "$0")"
if [ ! -d source ]; then
  git clone https://github.com/marit-solheim/orbital-elements source
  git -C source checkout --quiet ${commit}
fi
python3 -m venv .venv && .venv/bin/python -m pip install ./source
`;

const provenance = [
  { example: "example1", title: "A first orbit", path: "README.md", place: "lines 20-36", changes: [] },
  {
    example: "example2",
    title: "Getting there",
    path: "README.md",
    place: "lines 70-81",
    changes: ["defines `molniya`, which an earlier block of the README made"],
  },
  {
    example: "example3",
    title: "Ground track of a space station",
    path: "examples/iss_ground_track.py",
    place: "",
    changes: [],
  },
];

const observed = (core: (typeof coreFunctions)[number], count: number) => ({
  file: `/work/example/source/${core.path}`,
  path: core.path,
  sha256: null,
  module: "orbelem",
  qualname: core.qualifiedName,
  line: core.line,
  count,
  compiled: false,
});

const counts = [3, 559, 1, 1, 1118];
export const called = coreFunctions.slice(0, 5).map((each, index) => ({ ...each, count: counts[index] ?? 1 }));
export const coverage = { called, notCalled: coreFunctions.slice(5) };

export function iteration(index: number, given: Partial<Iteration>): Iteration {
  return {
    index,
    folder: `local-python-20261005-14020${index}`,
    draft: {
      files: {
        "main.py": mainPy,
        "requirements.txt": "# Nothing: only Python's standard library is used.\n",
        "runscript.sh": runscript,
      },
      metadata,
      python: "/usr/bin/python3",
      changesSource: false,
      preliminary: false,
      provenance,
      memory: null,
    },
    execution: {
      environment: step({
        seconds: 6.81,
        stdout: "Processing ./source\nSuccessfully installed orbital-elements-0.4.0\n",
      }),
      program: step({ stdout: `=== example1: A first orbit\n${printed.join("\n")}\n`, stderr: "" }),
      results,
      resultsProblem: null,
      log: [{ level: "info", message: "finished", example: "example1", seconds: 0.012 }],
      files: [
        { path: "example3/ground_track.csv", bytes: 20114 },
        { path: "example3/ground_track.svg", bytes: groundTrack.length },
        { path: "residuals.png", bytes: 512 },
      ],
      left: [],
      evidence: {
        processes: 1,
        python: "3.11.2",
        functions: called.map((each) => observed(each, each.count)),
        impostors: [],
        modules: [],
        swallowed: [
          {
            file: "/work/example/main.py",
            line: 75,
            type: "FileNotFoundError",
            message: "no such file: cache.json",
            count: 1,
            reraises: false,
          },
        ],
        errors: [],
      },
      packages: ["orbital-elements==0.4.0", "pip==26.0", "setuptools==79.0.1"],
    },
    verdict: {
      executed: {
        result: "passed",
        evidence: "Both steps exited with 0 (environment 6.81 s, main.py 0.42 s), and results.json holds values.",
      },
      grounded: {
        result: "passed",
        evidence: "5 functions of the repository ran from the files of the pinned commit, 5 of its 6 core functions.",
      },
      coverage,
    },
    reproduction: null,
    review: null,
    recipe: null,
    issuesIdentified: [],
    changesMade: [],
    startedAt: "2026-10-05T14:02:11.000Z",
    seconds: 8.04,
    ...given,
  };
}

/** The same iteration, its program ended by an exception. */
export function fail(given: Iteration, type: string, message: string, line: number): Iteration {
  if (!given.execution) return given;
  const traceback = `Traceback (most recent call last):\n  File "/work/example/main.py", line ${line}, in example1\n    molniya.state()\n${type}: ${message}\n`;
  return {
    ...given,
    execution: {
      ...given.execution,
      program: step({ exitCode: 1, stdout: "=== example1: A first orbit\n", stderr: traceback }),
      results: null,
      resultsProblem: "main.py left no results.json",
      log: [{ level: "error", message: "failed", example: "example1", error: { type, message, traceback } }],
      files: [],
    },
    verdict: {
      executed: { result: "failed", evidence: "The environment was built; main.py ended with exit status 1." },
      grounded: { result: "not-made", evidence: "Not made: the example did not run to its end." },
      coverage: { called: called.slice(0, 1), notCalled: coreFunctions.slice(1) },
    },
  };
}
