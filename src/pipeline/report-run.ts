import { extractiveModel } from "../config.ts";
import type { Survey } from "../repository/survey.ts";
import { currentIterations } from "./feedback.ts";
import type { Check, Outcome } from "./outcome.ts";
import { formatDate, formatDollars, formatSeconds } from "./report-format.ts";
import { createLinker, type Linker, type Place } from "./report-links.ts";
import type { Iteration, RunState } from "./run-state.ts";

/** The iteration that a report shows: the published one, else the last that ran, else the last; none from before a person's last words. */
export function shownIteration(state: RunState): Iteration | null {
  const iterations = currentIterations(state);
  const { best } = state.distiller;
  return (
    iterations.find(({ index }) => index === best) ??
    iterations.findLast(({ execution }) => execution !== null) ??
    iterations.at(-1) ??
    null
  );
}

/** What reports take from a survey. */
export type ReportedSurvey = Pick<Survey, "files" | "languages" | "licence" | "coreFunctions" | "needs" | "notes">;

type RunOutcome = Outcome["outcome"] | "unfinished";

export interface RunDescription {
  name: string;
  outcome: RunOutcome;
  /** The outcome as a reader's word. */
  verdict: string;
  /** Null where it says no more than the outcome. */
  reasonCode: string | null;
  explanation: string;
  repository: Place;
  /** What the files were taken from. */
  origin: Origin;
  licence: Place;
  date: string;
  duration: string;
  cost: string;
  author: string;
  checks: CheckDescription[];
}

interface Origin extends Place {
  kind: "Commit" | "Archive" | "Files";
}

const verdicts: Record<RunOutcome, string> = {
  verified: "Verified",
  partial: "Partial",
  failed: "Failed",
  skipped: "Skipped",
  cancelled: "Cancelled",
  unfinished: "Not finished",
};

/** What stands at the head of every report. */
export function describeRun(state: RunState, survey: ReportedSurvey | null, linker = linkerOf(state)): RunDescription {
  const { repository, outcome, startedAt, finishedAt } = state.distiller;
  const word = outcome?.outcome ?? "unfinished";
  return {
    name: repository?.name ?? state.repo_url,
    outcome: word,
    verdict: verdicts[word],
    reasonCode: outcome && outcome.reasonCode !== word ? outcome.reasonCode : null,
    explanation: outcome?.explanation ?? `The run has not ended: ${state.status_message}`,
    repository: linker.home,
    origin: describeOrigin(state, linker),
    licence: describeLicence(survey, linker),
    date: formatDate(finishedAt ?? startedAt),
    duration: formatSeconds(state.total_runtime_secs),
    cost: formatDollars(state.total_cost),
    author: describeAuthor(state),
    checks: describeChecks(state),
  };
}

export function linkerOf({ distiller, repo_url }: RunState): Linker {
  return createLinker(distiller.repository, repo_url);
}

function describeOrigin({ distiller: { repository } }: RunState, linker: Linker): Origin {
  if (!repository) return { kind: "Files", text: "not fetched", href: null };
  if (linker.commit && repository.modified)
    return { kind: "Commit", text: `${linker.commit.text}, with changes`, href: null };
  if (linker.commit) return { kind: "Commit", ...linker.commit };
  const hash = repository.archiveSha256;
  if (hash) return { kind: "Archive", text: `SHA-256 ${hash.slice(0, 16)}…`, href: null };
  return { kind: "Files", text: `a ${repository.kind} without a commit`, href: null };
}

function describeLicence(survey: ReportedSurvey | null, linker: Linker): Place {
  if (!survey) return { text: "see the repository", href: null };
  if (!survey.licence) return { text: "no licence file found", href: null };
  const { name, path } = survey.licence;
  return { text: name === "see the file" ? path : name, href: linker.file(path).href };
}

function describeAuthor({ distiller: { author }, model_str_fast }: RunState): string {
  if (author === extractiveModel) return "builtin/extract (no model)";
  return model_str_fast && model_str_fast !== author ? `${author}, ${model_str_fast}` : author;
}

interface CheckDescription {
  name: string;
  /** What the check asks. */
  question: string;
  result: Check["result"];
  resultText: string;
  evidence: string;
}

const questions = [
  ["executed", "Executed", "Did both steps run to their end, with results?"],
  ["grounded", "Grounded", "Did the repository's own functions run, from its own files?"],
  ["reproduced", "Reproduced", "Does the published folder alone give the same values in a new sandbox?"],
  ["reviewed", "Reviewed", "Does a judge in a fresh context find no critical issue?"],
] as const;

function describeChecks(state: RunState): CheckDescription[] {
  const { verdict } = state.distiller;
  const partial = shownIteration(state)?.verdict;
  return questions.map(([key, name, question]) => {
    const known = verdict?.[key] ?? (key === "executed" || key === "grounded" ? partial?.[key] : undefined);
    const { result, evidence } = known ?? {
      result: "not-made" as const,
      evidence: "Not made: the run did not come to it.",
    };
    return { name, question, result, resultText: resultText(result, name), evidence };
  });
}

function resultText(result: Check["result"], name: string): string {
  if (result !== "not-made") return result;
  return name === "Reviewed" ? "not reviewed" : "not made";
}
