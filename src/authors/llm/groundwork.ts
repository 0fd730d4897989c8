import { aptFile } from "../../example/apt.ts";
import type { Draft } from "../../example/example.ts";
import { describeStep, type Execution, stepSucceeded } from "../../example/execution.ts";
import { trimOutput } from "../../example/trim-output.ts";
import { render } from "../../templates/render.ts";
import type { Attempt, Author, GivingUp, Revision, WritingContext } from "../author.ts";
import { searchOf } from "../extractive/candidate.ts";
import { createInitialDecisions, type Decisions } from "../extractive/decisions.ts";
import { findRequirements } from "../extractive/find-requirements.ts";
import { chooseInitialPython } from "../extractive/repair-environment.ts";
import { readFailures } from "../extractive/repair-program.ts";
import { writeRunscript } from "../extractive/write-runscript.ts";
import { showCaught, showOutput } from "./describe.ts";
import type { Groundwork, Memory } from "./memory.ts";
import { plainName, quoteData } from "./quoted-data.ts";

/** Runs of the repository's own examples before a model is paid. */
const maxRuns = 4;
const shownCode = 5000;
const shownPrint = 1500;

type GroundworkMemory = Extract<Memory, { phase: "groundwork" }>;

/** What stands when the rules have done what they can. */
export interface Ground {
  groundwork: Groundwork;
  decisions: Decisions;
  /** `requirements.txt` and `runscript.sh`; `apt.txt` where there is one. */
  files: Record<string, string>;
}

/** Reasons that a model cannot argue away either. */
const final = new Set<GivingUp["reasonCode"]>(["not-python", "environment-not-buildable"]);

/**
 * The extractive author's first draft as a preliminary one; what stands without one where it has none to offer, or why
 * nobody can write an example here.
 */
export async function startGroundwork(
  context: WritingContext,
  extractive: Author,
  mark: string,
): Promise<{ kind: "drafted"; draft: Draft } | { kind: "ground"; ground: Ground } | GivingUp> {
  const outcome = await extractive.draft(context);
  if (outcome.kind === "drafted") return { kind: "drafted", draft: preliminary(outcome.draft, 1) };
  const python = chooseInitialPython(context);
  if (final.has(outcome.reasonCode) || !python) return outcome;
  const decisions = createInitialDecisions(context, python);
  const { text, isEmpty } = await findRequirements({ context, search: searchOf(context), decisions, sources: [] });
  const requirements = isEmpty ? "# The repository declares nothing.\n" : text;
  const files = { "requirements.txt": requirements, "runscript.sh": writeRunscript(context, decisions, isEmpty) };
  const told = render("prompts/groundwork.md", {
    summary: `Nothing in the repository could be run as it is:\n${quoteData(mark, { kind: "finding" }, outcome.explanation)}`,
    importing: describeImporting(context, decisions),
    verified: "",
  });
  return {
    kind: "ground",
    ground: { groundwork: { told, measured: showFiles(mark, files) }, decisions, files },
  };
}

/** One more free run where a rule may help; null where the model has to be asked. */
export async function continueGroundwork(
  context: WritingContext,
  extractive: Author,
  attempt: Attempt,
  { decisions, runs }: GroundworkMemory,
): Promise<Revision | null> {
  const { environment, program } = attempt.execution;
  const learned = stepSucceeded(environment) && readFailures(attempt.execution).finished.size > 0;
  if (learned || runs >= maxRuns || program?.status === "timed-out" || failsAlike(decisions)) return null;
  const revision = await extractive.revise(context, { ...attempt, draft: { ...attempt.draft, memory: decisions } });
  if (revision.kind === "gave-up") return null;
  return { ...revision, draft: preliminary(revision.draft, runs + 1) };
}

/** Whether two candidates that were run lacked the same module: the next would lack it as well. */
function failsAlike({ rejected }: Decisions): boolean {
  // In the words of a rule that saw it run; what reading alone rejects has others.
  const ran = rejected.filter(({ why }) => /^(it needs|the module|nothing in the repository says)\b/.test(why));
  return new Set(ran.map(({ why }) => why)).size < ran.length;
}

/** What the preliminary runs established, for the writer. */
export function reportGroundwork(
  context: WritingContext,
  mark: string,
  { draft, execution }: Attempt,
  { decisions }: GroundworkMemory,
): Ground {
  const { finished, failed } = readFailures(execution);
  const main = draft.files["main.py"] ?? "";
  const bodies = [...finished].map((name) => bodyOf(main, name)).join("\n\n");
  const files = {
    "requirements.txt": draft.files["requirements.txt"] ?? "",
    "runscript.sh": draft.files["runscript.sh"] ?? "",
    ...(draft.files[aptFile] ? { [aptFile]: draft.files[aptFile] } : {}),
  };
  const failures = [...failed.keys()].map((name) => bodyOf(main, name).slice(0, 1200)).join("\n\n");
  const { program } = execution;
  // What examples printed that ran is shown as such, and once.
  const others = finished.size > 0 && program ? { ...execution, program: { ...program, stdout: "" } } : execution;
  const errors = failed.size > 0 || finished.size === 0 ? showOutput(others, mark, 3000) : [];
  const told = render("prompts/groundwork.md", {
    summary: describeRuns(execution, finished.size, failed.size),
    importing: describeImporting(context, decisions),
    verified: bodies ? quoteData(mark, { kind: "verified" }, bodies.slice(0, shownCode)) : "",
  });
  const measured = showFiles(mark, files, {
    printed:
      finished.size > 0 ? quoteData(mark, { kind: "output" }, trimOutput(program?.stdout ?? "", shownPrint)) : "",
    failures: [
      ...(failures ? [quoteData(mark, { kind: "code" }, failures.slice(0, 2500))] : []),
      ...[...errors, ...showCaught(execution, mark)].map(({ title, text }) => `${title}\n${text}`),
    ].join("\n"),
    packages: execution.packages,
  });
  return { groundwork: { told, measured }, decisions, files };
}

/** A draft of the extractive author's as one that is run to learn from it. */
export function preliminary(draft: Draft, runs: number): Draft {
  return { ...draft, preliminary: true, memory: { phase: "groundwork", decisions: draft.memory, runs } };
}

function describeImporting({ survey, repository }: WritingContext, { install, port }: Decisions): string {
  if (port)
    return "The repository is Python 2. runscript.sh ports the files in source/ to Python 3 before anything runs; what you read below is the original. runscript.sh cannot be changed here.";
  if (install !== "path")
    return `runscript.sh installs the repository${repository.subdirectory ? ` (its folder ${repository.subdirectory})` : ""} into .venv/.`;
  const folders = [...new Set(survey.modules.map(({ folder }) => `source/${folder}`))].sort().slice(0, 6);
  return `The repository is not installed: put what is imported in front of sys.path (${folders.map(plainName).join(", ") || "source/"}).`;
}

function describeRuns({ environment, program }: Execution, finished: number, failed: number): string {
  if (!stepSucceeded(environment))
    return "The environment below could not be built, and no rule helped: it has to change.";
  const ran = `The environment below was built. Of the repository's own examples that were tried in it, ${finished} ran to the end and ${failed} failed`;
  return program?.status === "exited" || !program
    ? `${ran}.`
    : `${ran}; then the program ended with ${describeStep(program)}.`;
}

interface Shown {
  printed: string;
  failures: string;
  packages: readonly string[];
}

function showFiles(
  mark: string,
  files: Readonly<Record<string, string>>,
  { printed, failures, packages }: Shown = { printed: "", failures: "", packages: [] },
): string {
  return render("prompts/measured.md", {
    printed,
    failures,
    packages: packages.length > 0 ? quoteData(mark, { kind: "packages" }, packages.slice(0, 60).join(" ")) : "",
    requirements: quoteData(mark, { kind: "file" }, files["requirements.txt"] ?? ""),
    runscript: quoteData(mark, { kind: "file" }, files["runscript.sh"] ?? ""),
    apt: files[aptFile] ? quoteData(mark, { kind: "file" }, files[aptFile]) : "",
  });
}

/** A function of `main.py`, up to the next one. */
function bodyOf(main: string, name: string): string {
  const start = main.indexOf(`def ${name}():`);
  if (start < 0) return "";
  const end = main.slice(start + 1).search(/^(?:def |EXAMPLES = )/m);
  const body = main.slice(start, end < 0 ? undefined : start + 1 + end);
  // How this program records its values is of no use to another.
  return body.replace(/^ {4}return collect\(locals\(\)\)$/m, "").trimEnd();
}
