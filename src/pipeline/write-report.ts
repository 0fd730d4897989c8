import { join } from "node:path";
import { systemPackagesOf } from "../example/apt.ts";
import { render, renderText, trustedHtml } from "../templates/render.ts";
import { showHiddenIn } from "../templates/reports/show-hidden.ts";
import { describeProvenance } from "./report-example.ts";
import { plural } from "./report-format.ts";
import { encodePath } from "./report-links.ts";
import { buildReport, pickSurvey, type ReportInput } from "./report-model.ts";
import { readOutputs } from "./report-outputs.ts";
import { describeRun, linkerOf, type ReportedSurvey, shownIteration } from "./report-run.ts";
import { type RunState, writeFileAtomically } from "./run-state.ts";

const reportFile = "report.html";
const markdownReportFile = "REPORT.md";

/** In the order in which one may change what another says. */
const styleSheets = ["colours", "base", "head", "page", "evidence", "code", "figures", "narrow", "print"];

/** Writes `report.html` and `REPORT.md` into the run's folder; throws RunFolderError where that cannot be done. */
export async function writeReport({
  runFolder,
  state,
  survey,
}: {
  runFolder: string;
  state: RunState;
  survey: ReportedSurvey | null;
}): Promise<void> {
  const outputs = await readOutputs(runFolder, state);
  await writeFileAtomically(join(runFolder, reportFile), renderReport({ state, survey, outputs }));
  await writeFileAtomically(join(runFolder, markdownReportFile), renderMarkdownReport({ state, survey, outputs }));
}

/** The whole report as one page that fetches nothing and runs nothing. */
export function renderReport(input: ReportInput): string {
  const style = styleSheets.map((name) => renderText(`reports/style/${name}.css`)).join("");
  return render("reports/report.html", { ...buildReport(input), style: trustedHtml(style) });
}

/** `REPORT.md` as it lies in the published folder itself, with paths from there. */
export async function renderPublishedReport({
  runFolder,
  state,
  survey,
}: {
  runFolder: string;
  state: RunState;
  survey: ReportedSurvey | null;
}): Promise<string> {
  return renderMarkdownReport({ state, survey, outputs: await readOutputs(runFolder, state) }, "");
}

/** The report in short. `exampleFolder` is where the example lies, seen from the report. */
export function renderMarkdownReport(input: ReportInput, exampleFolder: "example/" | "" = "example/"): string {
  const { output, ...report } = buildReport(input);
  const published = ["verified", "partial"].includes(report.run.outcome);
  const figures = published ? output.figures.slice(0, 6) : [];
  return tidy(
    render("reports/REPORT.md", {
      ...report,
      published,
      exampleFolder,
      figures: figures.map(({ name, path }) => ({
        name,
        path: encodePath(path.replace(/^example\//, exampleFolder)),
      })),
      python: input.state.distiller.sandbox?.python ?? null,
      iterationCount: plural(report.iterations.length, "iteration"),
      lastError: published ? "" : (report.iterations.at(-1)?.error ?? ""),
    }),
  );
}

/** `README.md` of the published folder; without a survey it cannot name the licence. */
export function renderExampleReadme(state: RunState, survey: ReportedSurvey | null = null): string {
  const shown = showHiddenIn({ state, survey: survey && pickSurvey(survey) });
  const linker = linkerOf(shown.state);
  const iteration = shownIteration(shown.state);
  const outputs = (iteration?.execution?.files ?? []).map(({ path }) => path.replace(/^to_save\//, ""));
  return tidy(
    render("reports/example-README.md", {
      run: describeRun(shown.state, shown.survey, linker),
      description: iteration?.draft.metadata.example_description ?? "",
      provenance: describeProvenance(shown.state, linker),
      outputs: outputs.slice(0, 12),
      moreOutputs: Math.max(0, outputs.length - 12),
      python: shown.state.distiller.sandbox?.python ?? null,
      systemPackages: systemPackagesOf(iteration?.draft.files ?? {}),
    }),
  );
}

/** No more than one empty line in a row. */
function tidy(markdown: string): string {
  return `${markdown.replace(/\n{3,}/g, "\n\n").trim()}\n`;
}
