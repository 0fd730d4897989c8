import { stepSucceeded } from "../../example/execution.ts";
import { findPythonModules } from "../../repository/modules.ts";
import { parsePython } from "../../repository/python-source.ts";
import type { Attempt, Author, AuthorContext, AuthorReason, DraftOutcome, GivingUp, Revision } from "../author.ts";
import { assembleExample, placeOf } from "./assemble-example.ts";
import type { Candidate } from "./candidate.ts";
import { Decisions } from "./decisions.ts";
import { type CandidateContext, findCandidates } from "./find-candidates.ts";
import { findUnknownModules, projectProse } from "./find-requirements.ts";
import { chooseInitialPython, lastErrorLine, repairEnvironment } from "./repair-environment.ts";
import { proposeRepair, readFailures } from "./repair-program.ts";
import { resolveSession } from "./resolve-session.ts";
import { classifyFiles, summarizeRepository } from "./summarize.ts";

const maxExamples = 3;

/** After so many revisions, an example that runs is worth more than another one that might. */
const revisionsWithNewCandidates = 2;
/** After so many, what has not run yet is let go. */
const revisionsWithUnproven = 5;

/**
 * The author that asks no model: it takes the examples a repository already holds, makes them run by rule, and drops
 * what does not. Every line that calls the repository was written by its authors.
 */
export function createExtractiveAuthor(): Author {
  return {
    name: "builtin/extract",
    summarize: summarizeRepository,
    classify: async ({ survey }) => classifyFiles(survey),
    draft: draftExample,
    revise: reviseExample,
    judge: null,
  };
}

async function draftExample(context: AuthorContext): Promise<DraftOutcome> {
  const { survey, sandbox } = context;
  const python = chooseInitialPython(context);
  if (!python)
    return giveUp(
      "skipped",
      "environment-not-buildable",
      `The ${sandbox.provider} sandbox has no Python 3. Install python3.`,
    );
  const notPython = isMostlyNotPython(context);
  if (notPython) return giveUp("skipped", "not-python", notPython);
  const search = searchOf(context);
  const candidates = await findCandidates(search);
  const { packaging } = survey;
  const standsAlone = packaging.dependencies.length === 0 && !packaging.compiled;
  const initial: Decisions = {
    chosen: [],
    proven: [],
    revisions: 0,
    rejected: [],
    droppedBlocks: [],
    replacements: [],
    requirements: [],
    leftOut: [],
    install: packaging.installable && !standsAlone ? "pip" : "path",
    buildRequirements: [],
    python: python.path,
    pythonVersion: python.version,
    port: survey.python2.length > 0 && !packaging.installable,
    standardInput: [],
  };
  return chooseAndAssemble(context, search, candidates, initial);
}

async function reviseExample(context: AuthorContext, { draft, execution, shortcomings }: Attempt): Promise<Revision> {
  const search = searchOf(context);
  const candidates = await findCandidates(search);
  let decisions = Decisions.parse(draft.memory);
  decisions = { ...decisions, revisions: decisions.revisions + 1 };
  const issues: string[] = [];
  const changes: string[] = [];
  if (!stepSucceeded(execution.environment)) {
    const repair = repairEnvironment(execution.environment, decisions, context, [decisions.python]);
    if (!repair)
      return giveUp(
        "failed",
        "environment-not-buildable",
        `The environment cannot be built: ${lastErrorLine(`${execution.environment.stdout}\n${execution.environment.stderr}`)}`,
      );
    decisions = repair.decisions;
    issues.push(...repair.issues);
    changes.push(...repair.changes);
  } else {
    // Each example is judged by the decisions it ran with: two that fail for one cause get one repair, not a repair and a rejection.
    const ranWith = decisions;
    const { failed, unfinished, finished } = readFailures(execution);
    const prose = await projectProse(context);
    const ended = ranWith.chosen.filter((_, index) => finished.has(`example${index + 1}`));
    decisions = { ...decisions, proven: [...new Set([...decisions.proven, ...ended])] };
    ranWith.chosen.forEach((id, index) => {
      const name = `example${index + 1}`;
      const candidate = candidates.find((each) => each.id === id);
      const error = failed.get(name);
      if (!candidate) return;
      if (error) {
        const proposal = proposeRepair(
          { candidate, error, main: draft.files["main.py"] ?? "" },
          ranWith,
          context,
          search,
          prose,
        );
        issues.push(`${name} (${candidate.path}): ${error.type}: ${error.message.slice(0, 300)}`);
        if (proposal.kind === "change" && changes.includes(proposal.change)) return;
        if (proposal.kind === "change") decisions = proposal.apply(decisions);
        else decisions = reject(decisions, id, proposal.why, proposal.reasonCode);
        changes.push(
          proposal.kind === "change" ? proposal.change : `${name} (${candidate.path}) dropped: ${proposal.why}`,
        );
      } else if (
        name === unfinished ||
        (execution.program?.status !== "exited" && !finished.has(name) && unfinished === null)
      ) {
        const why =
          execution.program?.status === "timed-out"
            ? `it did not end within ${context.maxProgramSeconds} seconds`
            : `the program was ended (${execution.program?.status ?? "unknown"})`;
        issues.push(`${name} (${candidate.path}): ${why}`);
        changes.push(`${name} (${candidate.path}) dropped: ${why}`);
        decisions = reject(decisions, id, why, "too-slow");
      }
    });
    if (changes.length === 0) {
      const neverBegan = !stepSucceeded(execution.program) && execution.log.length === 0;
      for (const id of decisions.chosen)
        decisions = reject(
          decisions,
          id,
          neverBegan ? "the program ended before it began" : shortcomings.join("; "),
          neverBegan ? "examples-fail" : "core-not-reached",
        );
      issues.push(...shortcomings);
      changes.push("taken other examples of the repository instead");
    }
  }
  const outcome = await chooseAndAssemble(context, search, candidates, decisions);
  return outcome.kind === "gave-up"
    ? outcome
    : { kind: "revised", draft: outcome.draft, issuesIdentified: issues, changesMade: changes };
}

/** Fills the free places with the best candidates that add core functions, and writes the draft. */
async function chooseAndAssemble(
  context: AuthorContext,
  search: CandidateContext,
  candidates: readonly Candidate[],
  given: Decisions,
): Promise<DraftOutcome> {
  let decisions: Decisions = {
    ...given,
    chosen: given.chosen.filter((id) => !given.rejected.some((rejected) => rejected.id === id)),
  };
  for (let attempts = 0; attempts < 30; attempts++) {
    decisions = await chooseCandidates(context, search, candidates, decisions);
    if (decisions.chosen.length === 0) return explainNothing(context, candidates, decisions);
    const draft = await assembleExample(context, search, candidates, decisions);
    if (draft) return { kind: "drafted", draft };
    for (const id of decisions.chosen)
      decisions = reject(decisions, id, "nothing of it is left that can run", "examples-fail");
  }
  return explainNothing(context, candidates, decisions);
}

async function chooseCandidates(
  context: AuthorContext,
  search: CandidateContext,
  candidates: readonly Candidate[],
  given: Decisions,
): Promise<Decisions> {
  let decisions = given;
  const best =
    candidates.find(({ id, needs }) => needs.length === 0 && !decisions.rejected.some((rejected) => rejected.id === id))
      ?.score ?? 0;
  const proven = decisions.chosen.filter((id) => decisions.proven.includes(id));
  if (proven.length > 0 && decisions.revisions > revisionsWithUnproven) return { ...decisions, chosen: proven };
  if (proven.length > 0 && decisions.revisions > revisionsWithNewCandidates) return decisions;
  for (const candidate of candidates) {
    if (decisions.chosen.length >= maxExamples) break;
    if (decisions.chosen.includes(candidate.id) || decisions.rejected.some(({ id }) => id === candidate.id)) continue;
    const chosen = candidates.filter(({ id }) => decisions.chosen.includes(id));
    const covered = new Set(
      chosen.flatMap(({ coreCalls }) => coreCalls.map(({ path, qualifiedName }) => `${path}:${qualifiedName}`)),
    );
    const adds = candidate.coreCalls.some(({ path, qualifiedName }) => !covered.has(`${path}:${qualifiedName}`));
    if (
      chosen.length > 0 &&
      (!adds || candidate.score < best * 0.4 || candidate.kind === "test" || candidate.kind === "script")
    )
      continue;
    if (candidate.needs.length > 0) {
      decisions = reject(
        decisions,
        candidate.id,
        `it needs what a sandbox does not have: ${candidate.needs.join(", ")}`,
        reasonOfNeed(candidate.needs[0] ?? ""),
      );
      continue;
    }
    const unknown = await unknownModules(context, search, candidate, decisions);
    if (unknown) {
      decisions = reject(decisions, candidate.id, unknown, "missing-module");
      continue;
    }
    decisions = { ...decisions, chosen: [...decisions.chosen, candidate.id] };
  }
  return decisions;
}

/** A sentence where the candidate imports a module that can be had nowhere, or has no block left; null where it can be tried. */
async function unknownModules(
  context: AuthorContext,
  search: CandidateContext,
  candidate: Candidate,
  decisions: Decisions,
): Promise<string | null> {
  if (candidate.script) {
    const source = await parsePython((await context.readText(candidate.script.path)) ?? "");
    const [unknown] = await findUnknownModules(context, search, [{ path: candidate.script.path, source }]);
    return unknown ? `${unknown.path} imports ${unknown.module}: ${unknown.why}` : null;
  }
  const { blocks } = await resolveSession(candidate, decisions, context.survey, search.modules);
  if (blocks.length === 0) return "nothing of it is left that can run";
  const [unknown] = await findUnknownModules(
    context,
    search,
    blocks.map(({ block, source }) => ({ path: block.path, source })),
  );
  return unknown ? `${unknown.path} imports ${unknown.module}: ${unknown.why}` : null;
}

function reject(decisions: Decisions, id: string, why: string, reasonCode: AuthorReason): Decisions {
  return {
    ...decisions,
    chosen: decisions.chosen.filter((each) => each !== id),
    rejected: [...decisions.rejected, { id, why, reasonCode }],
  };
}

/** Why nothing is left: the reason of the best candidate that was tried, or else of the best that was not. */
function explainNothing({ survey }: AuthorContext, candidates: readonly Candidate[], decisions: Decisions): GivingUp {
  if (candidates.length === 0) {
    const need = survey.needs.find(({ kind }) => kind === "gpu" || kind === "api-key");
    if (need)
      return giveUp(
        "skipped",
        reasonOfNeed(need.kind),
        `The repository holds nothing that can be run without ${need.kind} (${need.path}:${need.line}).`,
      );
    return giveUp(
      "skipped",
      "no-example-found",
      "The repository holds no Python example, script or test that calls its own functions.",
    );
  }
  const ordered = candidates.flatMap(({ id }) => decisions.rejected.filter((rejected) => rejected.id === id));
  const tried = ordered.filter(({ why }) => !/^it needs what a sandbox/.test(why));
  const told = tried[0] ?? ordered[0];
  const best = candidates.find(({ id }) => id === told?.id);
  const count =
    ordered.length === 1 ? "The only candidate" : `None of ${ordered.length} candidates can be run. The best`;
  const why = (told?.why ?? "it could not be tried").replace(/\.$/, "");
  return giveUp(
    tried.length > 0 ? "failed" : "skipped",
    told?.reasonCode ?? "examples-fail",
    `${count} (${best ? `${best.path}, ${placeOf(best)}` : "unknown"}): ${why}.`,
  );
}

function reasonOfNeed(need: string): AuthorReason {
  const reasons: Record<string, AuthorReason> = {
    gpu: "needs-gpu",
    "api-key": "needs-api-key",
    gui: "needs-gui",
    "network-data": "needs-data",
  };
  return reasons[need] ?? "examples-fail";
}

/** A sentence where the repository's own code is another language's; what little Python it has is not its core. */
function isMostlyNotPython({ survey }: AuthorContext): string | null {
  const sources = survey.files.filter(({ type, language }) => type === "source" && language !== null);
  const bytes = (languages: readonly string[]): number =>
    sources.filter(({ language }) => languages.includes(language ?? "")).reduce((sum, file) => sum + file.bytes, 0);
  const compiled = bytes(["C", "C++", "CUDA", "Fortran", "Rust", "Java", "Go", "Julia", "R", "MATLAB"]);
  const python = bytes(["Python", "Cython"]);
  const isPackage = survey.packaging.installable && survey.modules.length > 0;
  if (python === 0 && survey.snippets.every(({ kind }) => kind !== "python" && kind !== "doctest")) {
    const main = Object.keys(survey.languages)[0];
    return compiled > 0 ? `The repository is written in ${main}; this author runs Python only.` : null;
  }
  if (isPackage || python > compiled / 4) return null;
  return `The repository is mostly ${Object.keys(survey.languages)[0]} (${Math.round(compiled / 1000)} kB against ${Math.round(python / 1000)} kB of Python); this author runs Python only.`;
}

function searchOf({ survey, readText, focus }: AuthorContext): CandidateContext {
  return {
    survey,
    readText,
    focus,
    modules: findPythonModules(
      survey.files.map(({ path }) => path),
      survey.packaging,
    ),
  };
}

function giveUp(outcome: GivingUp["outcome"], reasonCode: AuthorReason, explanation: string): GivingUp {
  return { kind: "gave-up", outcome, reasonCode, explanation };
}
