import { describe, it } from "vitest";
import type { OutputFile } from "../../src/pipeline/report-outputs.ts";
import { renderExampleReadme, renderMarkdownReport, renderReport } from "../../src/pipeline/write-report.ts";
import { failedRun, hostileRun, partialRun, type SampleRun, skippedRun, verifiedRun } from "../support/sample-run.ts";
import { expectGolden } from "./golden.ts";

const file = (name: string, figure: string | null, preview: string | null): OutputFile => ({
  path: `example/outputs/${name}`,
  name,
  bytes: 12_345,
  figure,
  preview,
});

const outputs = [
  file("example3/ground track.svg", "data:image/svg+xml;base64,PHN2Zy8+", null),
  file("example3/ground_track.csv", null, "seconds,latitude_deg\n0.000,-51.131\n"),
  file("movie.mp4", null, null),
];

const runs: Array<[string, SampleRun, OutputFile[]]> = [
  ["verified", verifiedRun(), outputs],
  ["partial", partialRun(), outputs],
  ["failed", failedRun(), []],
  ["skipped", skippedRun(), []],
  ["hostile", hostileRun({ linked: true }), []],
];

describe.each(runs)("the templates of a %s run", (name, { state, survey }, files) => {
  it("make report.html as it was", () =>
    expectGolden(`${name}.html.txt`, renderReport({ state, survey, outputs: files })));

  it("make REPORT.md as it was", () =>
    expectGolden(`${name}.REPORT.md.txt`, renderMarkdownReport({ state, survey, outputs: files })));

  it("make the example's README.md as it was", () =>
    expectGolden(`${name}.README.md.txt`, renderExampleReadme(state, survey)));
});
