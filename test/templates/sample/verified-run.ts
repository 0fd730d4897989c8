import type { ReportedSurvey } from "../../../src/pipeline/report-run.ts";
import { RunState } from "../../../src/pipeline/run-state.ts";
import { drawPng } from "./draw-png.ts";
import { coverage, fail, groundTrack, iteration, mainPy, metadata, printed, runscript } from "./sample-iteration.ts";
import { classified, commit, sampleSurvey } from "./sample-survey.ts";

/** A finished run as it lies on disk: its state, what the survey said, and the files in its folder. */
export interface SampleRun {
  state: RunState;
  survey: ReportedSurvey | null;
  files: Record<string, string | Uint8Array>;
}

export const notReviewed = { result: "not-made" as const, evidence: "Not made: this author has no judge." };

const config = {
  model_str_code: "builtin/extract",
  model_str_fast: "builtin/extract",
  model_str_judge: "builtin/extract",
  model_base_url: null,
  prices: {},
  max_context_tokens: 24000,
  model_concurrency: 16,
  model_tokens_per_minute: null,
  max_runtime_mins: 15,
  max_debug_iterations: 8,
  output_base_path: "output/",
  max_cost_usd: 5,
  sandbox: "local" as const,
  focus: null,
  ref: null,
  subdirectory: null,
  program_network: false,
  max_memory_mb: 8192,
  max_processes: 512,
  max_disk_mb: 10240,
  max_repository_mb: 2048,
  sandbox_image: null,
  sandbox_cpu_cores: 2,
  container_engine: null,
  gpu: null,
  egress_domains: null,
  recipes: true,
};

/** Everything passed; two iterations, two figures. */
export function verifiedRun(): SampleRun {
  const first = iteration(0, {});
  const broken = mainPy
    .replace("SOURCE = HERE", "SOURCE = HERE.parent")
    .replace("    molniya = OrbitalElements.from_degrees(26600.0, 0.74, 63.4, 40.0, 270.0, 0.0)\n", "");
  const failing = fail(first, "NameError", "name 'molniya' is not defined", 48);
  failing.draft = { ...failing.draft, files: { ...failing.draft.files, "main.py": broken } };
  const second = iteration(1, {
    reproduction: {
      check: {
        result: "passed",
        evidence:
          "A new sandbox, given only the published folder, came to the same 42 values (1 times and the like are not compared).",
      },
      comparedValues: 42,
      differences: [],
      ignored: ["example3.values.elapsed"],
      seconds: 7.9,
    },

    issuesIdentified: ["example2 (README.md): NameError: name 'molniya' is not defined"],
    changesMade: ["example2 takes the definition of `molniya` from an earlier block of README.md"],
    startedAt: "2026-10-05T14:02:24.000Z",
  });
  const state = RunState.parse({
    repo_url: metadata.repository_url,
    repository_description:
      "Two-body orbits from their classical elements: Kepler's equation, state vectors, J2 drift, impulsive transfers and ground tracks.",
    status: "COMPLETED",
    status_message: "verified",
    model_str_code: config.model_str_code,
    model_str_fast: config.model_str_fast,
    total_cost: 0,
    costs: {},
    total_runtime_secs: 31.7,
    runtimes: {
      clone: 1.2,
      survey: 0.9,
      summarize: 0.01,
      classify: 0.02,
      draft: 0.6,
      execute: 16.1,
      revise: 0.2,
      verify: 12.6,
      report: 0.07,
    },
    max_runtime_mins: 15,
    max_debug_iterations: 8,
    reflection_idx: 1,
    is_finished: true,
    change_log: [],
    code: mainPy,
    requirements: null,
    runscript,
    metadata,
    error_information: null,
    classification_list: [
      classified("README.md", "documentation_example", 5, "A first orbit, Kepler's equation, transfers, ground tracks"),
      classified("src/orbelem/elements.py", "code_general", 5, "Classical elements and state vectors"),
      classified("examples/iss_ground_track.py", "code_example", 5, "Ground track of a space station in low orbit"),
      classified("tests/test_orbits.py", "code_general", 2, "test, 3120 bytes"),
    ],
    execution_result: null,
    distiller: {
      version: 2,
      productVersion: "0.1.0",
      runId: "orbital-elements-20261005-140205",
      author: "builtin/extract",
      source: metadata.repository_url,
      config,
      startedAt: "2026-10-05T14:02:05.000Z",
      finishedAt: "2026-10-05T14:02:37.000Z",
      stage: "report",
      repository: {
        source: "marit-solheim/orbital-elements",
        kind: "git",
        name: "marit-solheim/orbital-elements",
        url: metadata.repository_url,
        commit,
        ref: null,
        archiveSha256: null,
        subdirectory: null,
        folder: "/tmp/run/repository",
        fileCount: 16,
        totalBytes: 28_412,
        notes: ["1 link was left out: docs/latest."],
        modified: false,
      },
      summary: { description: "Two-body orbits from their classical elements.", highlyRelevantFiles: ["README.md"] },
      sandbox: {
        provider: "local",
        system: "Debian GNU/Linux 12 (bookworm)",
        architecture: "x86_64",
        python: "3.11.2",
        isolated: true,
        image: null,
        chosenBecause: null,
      },
      iterations: [failing, second],
      best: 1,
      gaveUp: null,
      sentBack: null,
      spending: [],
      verdict: {
        executed: second.verdict?.executed,
        grounded: second.verdict?.grounded,
        reproduced: {
          result: "passed",
          evidence: "A new sandbox, given only the published folder, came to the same 42 values.",
        },
        reviewed: notReviewed,
        coverage,
      },
      outcome: {
        outcome: "verified",
        reasonCode: "verified",
        explanation:
          "The example ran, called the repository's core functions, and gave the same values in a clean room.",
      },
      notes: [],
    },
  });
  return {
    state,
    survey: sampleSurvey(),
    files: {
      "example/outputs/example3/ground_track.csv": `seconds,latitude_deg,longitude_deg,altitude_km\n${"0.000,-51.131,-140.023,421.464\n".repeat(90)}`,
      "example/outputs/example3/ground_track.svg": groundTrack,
      "example/outputs/residuals.png": drawPng(320, 200),
      "example/outputs/stdout.python.txt": printed.join("\n"),
    },
  };
}
