import { advise } from "../jobs/advise.ts";
import { cutLine, cutLinesIn, linkAddress } from "../jobs/cut-line.ts";
import { formatDate, formatDollars, formatSeconds, plural } from "../pipeline/report-format.ts";
import { render } from "../templates/render.ts";
import { proseWithCode } from "../templates/reports/prose-with-code.ts";
import type { ActionResult, ExampleResult } from "./action-result.ts";
import { linkCommit } from "./link-commit.ts";
import { badgeMarkdown } from "./render-badge.ts";

export interface JobSummaryInput {
  result: ActionResult;
  /** The page of the workflow's run; null where there is none. */
  runUrl: string | null;
  wroteAt: Date;
}

/** Bytes. GitHub refuses the summary of a step that has more than 1 MiB, and other text of ours may be in it. */
const mostBytes = 900_000;
/** Bytes for what is round the examples. */
const frameBytes = 2000;

/** What became of a step, as Markdown for the page of its workflow's run. */
export function renderJobSummary({ result, runUrl, wroteAt }: JobSummaryInput): string {
  const ending = { runUrl: linkAddress(runUrl), wrote: formatDate(wroteAt.toISOString()) };
  const [first, second] = result.examples;
  if (!first) return renderMessage(result, ending);
  if (second) return renderSeveral(result, runUrl, ending);
  const example = describeExample(first);
  const details = renderDetails(first, runUrl);
  return render("reports/job-summary.md", { ...ending, ...example, details, isOne: true });
}

/** A table with a row for each, then a section for each: as many as fit, and a row is worth more than a section. */
function renderSeveral({ examples, costUsd }: ActionResult, runUrl: string | null, ending: object): string {
  const seconds = examples.reduce((sum, each) => sum + each.seconds, 0);
  const rows = takeWhatFits(examples, mostBytes - frameBytes, (example) =>
    render("reports/job-summary-row.md", describeExample(example)),
  );
  const sections = takeWhatFits(examples, mostBytes - frameBytes - bytesOf(rows), (example) =>
    render("reports/job-summary-section.md", { ...describeExample(example), details: renderDetails(example, runUrl) }),
  );
  return render("reports/job-summary.md", {
    ...ending,
    isOne: false,
    count: plural(examples.length, "example"),
    verdicts: countVerdicts(examples),
    cost: formatDollars(costUsd),
    duration: formatSeconds(seconds),
    rows,
    sections,
    fewer: sections.length < examples.length ? describeFewer(examples.length, rows.length, sections.length) : null,
  });
}

function takeWhatFits<T>(all: readonly T[], room: number, renderOne: (one: T) => string): string[] {
  const taken: string[] = [];
  let left = room;
  for (const one of all) {
    const text = renderOne(one);
    left -= bytesOf([text]);
    if (left < 0) break;
    taken.push(text);
  }
  return taken;
}

/** With a line end each. */
function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
}

function describeFewer(all: number, rows: number, sections: number): string {
  const table = rows < all ? `The table ends after ${plural(rows, "example")}, and the` : "The";
  return `${table} details end after ${plural(sections, "example")}: GitHub takes no more here. The output \`result\` has all of them.`;
}

function renderMessage({ command, verdict, reasonCode, explanation }: ActionResult, ending: object): string {
  const door = command === "comment" ? "workflow-comment" : "workflow";
  return render("reports/job-summary.md", {
    ...ending,
    isOne: true,
    verdict: verdicts[verdict],
    folder: null,
    details: render("reports/job-summary-message.md", {
      explanation: proseWithCode(cutLine(explanation, 2000)),
      reasonCode: cutLine(reasonCode, 60),
      ...describeAdvice(advise({ outcome: verdict, reasonCode, door })),
    }).trim(),
  });
}

const verdicts: Readonly<Record<ActionResult["verdict"], string>> = {
  verified: "Verified",
  partial: "Partial",
  failed: "Failed",
  skipped: "Skipped",
  cancelled: "Cancelled",
  error: "Stopped by an error",
};

function nameVerdict({ action, verdict }: ExampleResult): string {
  return action === "verified" && verdict === "failed" ? "Broken" : verdicts[verdict];
}

/** Such as "2 verified, 1 broken". */
function countVerdicts(examples: readonly ExampleResult[]): string {
  const names = examples.map(nameVerdict);
  return [...new Set(names)]
    .map((name) => `${names.filter((each) => each === name).length} ${name.toLowerCase()}`)
    .join(", ");
}

/** One example as the table shows it. */
function describeExample(example: ExampleResult) {
  return {
    // A folder that was found may have any name.
    folder: /^\w[\w.-]{0,79}$/.test(example.slug) ? `examples/${example.slug}` : "examples",
    repository: cutLine(example.repository, 120),
    verdict: nameVerdict(example),
    reasonCode: cutLine(example.reasonCode, 60),
    cost: formatDollars(example.costUsd),
    duration: formatSeconds(example.seconds),
    pullRequest: describePlace(example.pullRequest),
    issue: describePlace(example.issue),
  };
}

function renderDetails(example: ExampleResult, runUrl: string | null): string {
  const facts = describeExample(example);
  const { checks, figures } = cutLinesIn({ checks: example.checks, figures: example.figures }, 600, 12);
  const text = render("reports/job-summary-example.md", {
    ...facts,
    wasRunAgain: example.action === "verified",
    iterations: example.iterations > 0 ? plural(example.iterations, "iteration") : null,
    explanation: proseWithCode(cutLine(example.explanation, 1000)),
    checks: checks.map(describeCheck),
    commit: linkCommit(example.commit, { repository: example.repository, runUrl }),
    // What was cut is an address no more.
    figures: figures.flatMap(({ name }, index) => {
      const url = linkAddress(example.figures[index]?.url ?? null);
      return url?.startsWith("https:") ? [{ name: cutLine(name, 120), url }] : [];
    }),
    badge: example.badgeUrl && badgeMarkdown({ badgeUrl: example.badgeUrl, folder: facts.folder }),
    ...describeAdvice(example.advice),
  });
  return text.trim();
}

function describeAdvice(advice: string | null) {
  return { advice: advice && proseWithCode(cutLine(advice, 600)) };
}

function describeCheck({ name, result, evidence }: ExampleResult["checks"][number]) {
  const notMade = name === "reviewed" ? "not reviewed" : "not made";
  return {
    name: name.charAt(0).toUpperCase() + name.slice(1),
    result: result === "not-made" ? notMade : result,
    evidence,
  };
}

function describePlace(place: ExampleResult["pullRequest"]) {
  const href = linkAddress(place?.url ?? null);
  return place && { number: place.number, href };
}
