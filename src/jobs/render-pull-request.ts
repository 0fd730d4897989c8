import { describeCost } from "../pipeline/report-cost.ts";
import { describeExample } from "../pipeline/report-example.ts";
import { cutText, plural } from "../pipeline/report-format.ts";
import { describeResults } from "../pipeline/report-results.ts";
import { describeRun, linkerOf, type ReportedSurvey, shownIteration } from "../pipeline/report-run.ts";
import type { RunState } from "../pipeline/run-state.ts";
import type { RunRecord, ToldRun } from "../store/run-record.ts";
import { render } from "../templates/render.ts";
import { cutLine, cutLinesIn, linkAddress, plainLine } from "./cut-line.ts";
import { writeReviewForm } from "./review-form.ts";

export interface PullRequestInput {
  state: RunState;
  /** Null where it was not kept: the licence is then not named. */
  survey: ReportedSurvey | null;
  run: ToldRun;
  /** What a maintainer ticked before, for the form; false where nobody reads one. */
  review: RunRecord["maintainerReview"] | false;
  /** Whether somebody answers `/distill` there. */
  answersCommands: boolean;
  /** Paths in the folder that is added, such as `main.py` and `outputs/orbit.png`. */
  files: readonly string[];
  pageUrl: string | null;
  /** The address at which a file of that folder is shown as a picture; null where there is none. */
  figureUrl: (path: string) => string | null;
}

export interface RenderedPullRequest {
  title: string;
  /** From fullest to shortest. The last fits into 65,536 characters whatever the run holds; those before may not. */
  bodies: string[];
  commitMessage: string;
  /** One line of `examples/README.md`, as Markdown. */
  indexEntry: { slug: string; text: string };
}

interface Fullness {
  /** Characters of a text from outside, and entries of a list. */
  longest: number;
  entries: number;
  tables: boolean;
  provenance: boolean;
  core: boolean;
}

const steps: readonly Fullness[] = [
  { longest: 2000, entries: 24, tables: true, provenance: true, core: false },
  { longest: 600, entries: 12, tables: false, provenance: true, core: false },
  { longest: 300, entries: 6, tables: false, provenance: false, core: false },
  { longest: 120, entries: 4, tables: false, provenance: false, core: true },
];

export function renderPullRequest(input: PullRequestInput): RenderedPullRequest {
  const { state, survey, run } = input;
  const head = describeRun(state, survey);
  const slug = safeSlug(run.slug);
  const name = plainLine(run.source === null ? run.target.name : head.name, 80);
  const description = shownIteration(state)?.draft.metadata.example_description ?? "";
  return {
    title:
      head.outcome === "verified"
        ? `Add a verified example of ${name}`
        : `Add an example of ${name} (${head.verdict.toLowerCase()})`,
    bodies: steps.map((step) => renderBody(input, step)),
    commitMessage: writeCommitMessage(input, name),
    indexEntry: {
      slug,
      text: render("comments/index-entry.md", {
        slug,
        description: cutLine(description || head.name, 160).replace(/\.$/, ""),
        verdict: head.verdict.toLowerCase(),
        repository: cutLine(head.name, 100),
        commit: cutLine(head.origin.text, 40),
      }).trim(),
    },
  };
}

function writeCommitMessage({ state, run }: PullRequestInput, name: string): string {
  const { repository, productVersion, author } = state.distiller;
  const at = repository?.commit ? ` at commit ${plainLine(repository.commit, 12).replace("…", "")}` : "";
  return [
    `Add an example of ${name}`,
    "",
    `examples/${safeSlug(run.slug)}/run.sh builds its environment and runs it.`,
    `Distilled from ${plainLine(repository?.name ?? name, 100)}${at}`,
    `by CodeDistiller ${plainLine(productVersion, 20)} (${plainLine(author, 80)}).`,
  ].join("\n");
}

function renderBody(
  { state, survey, run, review, answersCommands, files, pageUrl, figureUrl }: PullRequestInput,
  step: Fullness,
): string {
  const iteration = shownIteration(state);
  const linker = linkerOf(state);
  const { distiller } = state;
  const { observed: _, ...example } = describeExample(state, survey, linker);
  const view = {
    run: describeRun(state, survey, linker),
    example,
    stages: describeCost(state).stages,
    values: listValues(iteration?.execution?.results),
    files: step.tables ? files : [],
    focus: distiller.config.focus,
    feedback: run.feedback,
    python: distiller.sandbox?.python ?? null,
    system: distiller.sandbox ? `${distiller.sandbox.system}, ${distiller.sandbox.architecture}` : null,
    version: distiller.productVersion,
    requestedBy: run.requestedBy,
  };
  const cut = cutLinesIn(view, step.longest, step.entries);
  const text = render("comments/pull-request.md", {
    ...cut,
    step,
    folder: `examples/${safeSlug(run.slug)}`,
    iterations: plural(distiller.iterations.length, "iteration"),
    moreFiles: Math.max(0, files.length - cut.files.length),
    originKind: cut.run.origin.kind.toLowerCase(),
    figures: step.provenance ? listFigures(files, figureUrl) : [],
    main: step.tables ? cutText(iteration?.draft.files["main.py"] ?? "", longestCode).text.trimEnd() : "",
    pageUrl: linkAddress(pageUrl),
    answersCommands,
    form:
      review === false
        ? null
        : writeReviewForm({
            runId: run.id,
            executed: review?.executed ?? false,
            showsCore: review?.showsCore ?? false,
            correct: review?.correct ?? false,
          }),
  });
  return `${text.trim()}\n`;
}

const longestCode = 12_000;
const maxFigures = 6;

/** Only where GitHub would show them: a relative address leads nowhere from a body. */
function listFigures(files: readonly string[], figureUrl: PullRequestInput["figureUrl"]) {
  return files
    .filter((path) => /\.(png|jpe?g|gif|svg|webp)$/i.test(path))
    .slice(0, maxFigures)
    .flatMap((path) => {
      const url = linkAddress(figureUrl(path));
      return url?.startsWith("https://") ? [{ name: cutLine(path, 100), url }] : [];
    });
}

/** What the examples computed, a line a value. */
function listValues(results: unknown): Array<{ example: string; name: string; value: string }> {
  return (describeResults(results)?.examples ?? []).flatMap(({ name: example, values }) =>
    values.slice(0, 8).map(({ name, value }) => ({ example, name, value })),
  );
}

/** As it stands in a path and in a shell's line. */
function safeSlug(slug: string): string {
  return slug
    .slice(0, 100)
    .replace(/[^\w.-]/g, "-")
    .replace(/^\./, "-");
}
