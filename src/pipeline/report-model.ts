import { showHiddenIn } from "../templates/reports/show-hidden.ts";
import { listCode } from "./report-code.ts";
import { describeCost } from "./report-cost.ts";
import { rankFile } from "./report-diff.ts";
import { describeExample, describeSwallowed } from "./report-example.ts";
import { assessErrors, describeIterations, describeSteps } from "./report-execution.ts";
import { formatBytes, formatDate, formatSeconds, plural } from "./report-format.ts";
import type { Linker } from "./report-links.ts";
import type { OutputFile } from "./report-outputs.ts";
import { describeResults } from "./report-results.ts";
import { describeRun, linkerOf, type ReportedSurvey, shownIteration } from "./report-run.ts";
import type { RunState } from "./run-state.ts";

export interface ReportInput {
  state: RunState;
  /** Null where the repository was never read. */
  survey: ReportedSurvey | null;
  outputs: readonly OutputFile[];
}

const maxClassified = 200;
const maxPackages = 300;

/** Everything the templates show, as plain values. Nothing unseen is left in any text. */
export function buildReport(input: ReportInput) {
  const { state, survey, outputs } = showHiddenIn({ ...input, survey: input.survey && pickSurvey(input.survey) });
  const linker = linkerOf(state);
  const iteration = shownIteration(state);
  const mainLines = (iteration?.draft.files["main.py"] ?? "").split("\n").length;
  const execution = iteration?.execution ?? null;
  return {
    run: describeRun(state, survey, linker),
    reproduction: describeReproduction(state),
    example: describeExample(state, survey, linker),
    output: { ...describeOutputs(outputs), results: describeResults(execution?.results) },
    code: Object.entries(iteration?.draft.files ?? {})
      .sort(([a], [b]) => rankFile(a) - rankFile(b) || (a < b ? -1 : 1))
      .map(([name, text]) => ({ ...listCode(name, text), isMain: name === "main.py" })),
    execution: {
      steps: describeSteps(execution, mainLines),
      packages: (execution?.packages ?? []).slice(0, maxPackages),
      processes: execution ? plural(execution.evidence.processes, "Python process", "Python processes") : null,
    },
    errors: { ...assessErrors(state, mainLines), swallowed: describeSwallowed(execution) },
    iterations: describeIterations(state),
    cost: describeCost(state),
    overview: describeOverview(state, survey),
    files: describeFiles(state, survey, linker),
    configuration: describeConfiguration(state),
  };
}

/** A survey of a large repository is mostly outlines, which no report shows. */
export function pickSurvey({ files, languages, licence, coreFunctions, needs, notes }: ReportedSurvey): ReportedSurvey {
  return { files, languages, licence, coreFunctions, needs, notes };
}

function describeReproduction(state: RunState) {
  const reproduction = shownIteration(state)?.reproduction;
  return (
    reproduction && {
      seconds: formatSeconds(reproduction.seconds),
      compared: plural(reproduction.comparedValues, "value"),
      differences: reproduction.differences.slice(0, 50),
      ignored: reproduction.ignored.slice(0, 50),
    }
  );
}

function describeOutputs(outputs: readonly OutputFile[]) {
  const described = outputs.map(({ name, path, bytes, figure, preview }) => ({
    name,
    path,
    size: formatBytes(bytes),
    figure,
    preview,
  }));
  return {
    figures: described.filter(({ figure }) => figure !== null),
    previews: described.filter(({ preview }) => preview !== null && preview.trim() !== ""),
    files: described,
  };
}

function describeOverview(state: RunState, survey: ReportedSurvey | null) {
  const { metadata, distiller, repository_description } = state;
  const { repository, summary } = distiller;
  return {
    description: repository_description ?? summary?.description ?? "",
    metadata: metadata && {
      rows: [
        { name: "Take it when", value: metadata.example_inclusion_criteria },
        { name: "Leave it when", value: metadata.example_exclusion_criteria },
        { name: "Kind of example", value: metadata.example_type.replace(/_/g, " ") },
        { name: "Needs a person", value: metadata.user_type === "needs_user" ? "yes" : "no" },
      ].filter(({ value }) => value),
      requirements: Object.entries(metadata.compute_requirements).map(([key, value]) => ({
        name: key.replace(/_/g, " "),
        value: describeRequirement(value),
      })),
    },
    repository: repository
      ? [
          { name: "Named as", value: repository.source },
          { name: "Files", value: `${plural(repository.fileCount, "file")}, ${formatBytes(repository.totalBytes)}` },
          { name: "Languages", value: describeLanguages(survey) },
          { name: "Branch or tag", value: repository.ref ?? "default" },
          { name: "Part", value: repository.subdirectory ?? "all of it" },
        ].filter(({ value }) => value)
      : [],
    notes: [...distiller.notes, ...(repository?.notes ?? []), ...(survey?.notes ?? [])].slice(0, 60),
  };
}

function describeRequirement(value: boolean | number | string[] | null): string {
  if (value === null) return "unknown";
  if (Array.isArray(value)) return value.join(", ") || "none";
  return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}

function describeLanguages(survey: ReportedSurvey | null): string {
  return Object.entries(survey?.languages ?? {})
    .slice(0, 5)
    .map(([language, bytes]) => `${language} ${formatBytes(bytes)}`)
    .join(", ");
}

function describeFiles({ classification_list }: RunState, survey: ReportedSurvey | null, linker: Linker) {
  const counts = new Map<string, number>();
  for (const { type } of survey?.files ?? []) counts.set(type, (counts.get(type) ?? 0) + 1);
  return {
    total: survey ? plural(survey.files.length, "file") : null,
    types: [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(", "),
    classified: classification_list.slice(0, maxClassified).map((file) => ({
      place: linker.file(file.path),
      class: file.classification.replace(/_/g, " "),
      rating: file.how_relevant_rating,
      alone: file.stand_alone_example,
      description: file.description,
      information: file.important_information,
      requirements: file.computational_requirements,
    })),
    needs: (survey?.needs ?? []).slice(0, 30).map(({ kind, path, line, text }) => ({
      kind: kind.replace(/-/g, " "),
      place: linker.file(path, line),
      text: text.slice(0, 200),
    })),
  };
}

function describeConfiguration({
  distiller,
  model_str_code,
  model_str_fast,
  max_runtime_mins,
  max_debug_iterations,
}: RunState) {
  const { config, sandbox, startedAt, finishedAt, runId, productVersion, author } = distiller;
  const {
    model_str_code: _code,
    model_str_fast: _fast,
    model_str_judge,
    max_runtime_mins: _runtime,
    max_debug_iterations: _debug,
    ...ours
  } = config;
  return {
    models: [
      { name: "Author", value: author },
      { name: "model_str_code", value: model_str_code },
      { name: "model_str_fast", value: model_str_fast },
      { name: "model_str_judge", value: model_str_judge },
      { name: "max_runtime_mins", value: String(max_runtime_mins) },
      { name: "max_debug_iterations", value: String(max_debug_iterations) },
    ],
    config: Object.entries(ours).map(([name, value]) => ({ name, value: describeSetting(value) })),
    sandbox: sandbox && {
      isolated: sandbox.isolated,
      summary: `${sandbox.provider}${sandbox.isolated ? "" : ", without isolation"}${sandbox.chosenBecause ? `, because ${sandbox.chosenBecause}` : ""}; ${sandbox.system}, ${sandbox.architecture}`,
      rows: [
        {
          name: "Sandbox",
          value: sandbox.chosenBecause ? `${sandbox.provider}, because ${sandbox.chosenBecause}` : sandbox.provider,
        },
        ...(sandbox.image ? [{ name: "Image", value: sandbox.image }] : []),
        { name: "System", value: `${sandbox.system}, ${sandbox.architecture}` },
        { name: "Python", value: sandbox.python ?? "unknown" },
      ],
    },
    run: [
      { name: "Run", value: runId },
      { name: "CodeDistiller", value: productVersion },
      { name: "Started", value: formatDate(startedAt) },
      { name: "Finished", value: finishedAt ? formatDate(finishedAt) : "not finished" },
    ],
  };
}

function describeSetting(value: unknown): string {
  if (value === null) return "not set";
  if (typeof value !== "object") return String(value);
  return Object.keys(value).length === 0 ? "none" : JSON.stringify(value);
}
