import type { ReportedSurvey } from "../../../src/pipeline/report-run.ts";
import { Survey } from "../../../src/repository/survey.ts";

export const commit = "3f1c9a7be2d84065917ac2fd58e0b36c4d2e9f10";

const core = (
  qualifiedName: string,
  kind: "function" | "class" | "method",
  path: string,
  line: number,
  doc: string,
) => ({
  name: qualifiedName.split(".").at(-1) ?? qualifiedName,
  qualifiedName,
  kind,
  signature: `${qualifiedName}(…)`,
  doc,
  path: `src/orbelem/${path}`,
  line,
  score: 12,
  usedIn: ["README.md", "examples/iss_ground_track.py", "tests/test_orbits.py", "tests/test_kepler.py"],
});

export const coreFunctions = [
  core("OrbitalElements.from_degrees", "method", "elements.py", 47, "Elements with the angles in degrees."),
  core("OrbitalElements.propagate", "method", "elements.py", 95, "The orbit some seconds later."),
  core(
    "hohmann_transfer",
    "function",
    "transfers.py",
    35,
    "Two burns between coplanar circular orbits; a negative burn brakes.",
  ),
  core("ground_track", "function", "groundtrack.py", 29, "Points below the satellite, evenly spaced in time."),
  core(
    "solve_kepler",
    "function",
    "kepler.py",
    22,
    "Solve ``M = E - e sin E`` for the eccentric anomaly E by Newton's method.",
  ),
  core(
    "elements_from_state",
    "function",
    "elements.py",
    145,
    "Elements of the orbit through a position with a velocity.",
  ),
];

export function classified(path: string, classification: string, rating: number, description: string) {
  return {
    path,
    classification,
    description,
    important_information: "defines OrbitalElements, ground_track",
    computational_requirements: "",
    highly_relevant_files: [],
    how_relevant_rating: rating,
    stand_alone_example: classification === "code_example",
  };
}

/** What reports take from a survey, checked. */
export function parseSurvey(survey: unknown): ReportedSurvey {
  return Survey.pick({
    files: true,
    languages: true,
    licence: true,
    coreFunctions: true,
    needs: true,
    notes: true,
  }).parse(survey);
}

export function sampleSurvey(): ReportedSurvey {
  const file = (path: string, type: string) => ({
    path,
    bytes: 1200,
    type,
    language: path.endsWith(".py") ? "Python" : null,
  });
  return parseSurvey({
    files: [
      file("README.md", "readme"),
      file("LICENSE", "licence"),
      file("src/orbelem/elements.py", "source"),
      file("src/orbelem/kepler.py", "source"),
      file("examples/iss_ground_track.py", "example"),
      file("tests/test_orbits.py", "test"),
    ],
    licence: { path: "LICENSE", name: "MIT" },
    languages: { Python: 21_480 },
    coreFunctions,
    needs: [{ kind: "network-data", path: "examples/iss_ground_track.py", line: 14, text: "urlopen(catalogue)" }],
    notes: [],
  });
}
