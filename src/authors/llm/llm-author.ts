import { stepSucceeded } from "../../example/execution.ts";
import type { Model } from "../../models/model.ts";
import { render } from "../../templates/render.ts";
import type { Attempt, Author, DraftOutcome, Revision, Spending, WritingContext } from "../author.ts";
import { adoptEnvironment } from "./adopt-environment.ts";
import { filesForWriter } from "./assemble-draft.ts";
import { listFacts, showCaught, showOutput, showPackages, showResults } from "./describe.ts";
import { continueGroundwork, type Ground, reportGroundwork, startGroundwork } from "./groundwork.ts";
import { judgeExample } from "./judge-example.ts";
import { Memory, type WrittenMemory } from "./memory.ts";
import { cleanData, markOf, quoteData } from "./quoted-data.ts";
import { classifyFiles, summarizeRepository } from "./read-files.ts";
import { repairByRule } from "./repair-by-rule.ts";
import { type Written, writeDraft } from "./write-draft.ts";

export interface LlmAuthorOptions {
  models: {
    /** Writes and repairs. */
    code: Model;
    /** Summarizes and classifies; null where the rules do. */
    fast: Model | null;
    /** Null where nobody judges. */
    judge: Model | null;
  };
  /** Does for nothing what can be done for nothing. */
  extractive: Author;
  /** Tokens of the repository's text that the writer is shown. */
  contextTokens: number;
  spending: () => Spending;
  dispose: () => Promise<void>;
}

/** Characters of what a failed run printed that the writer is shown. */
const digestCharacters = 8000;

/**
 * The author that asks models. It begins where the extractive author ends: with an environment that builds and lines that
 * ran. Every repair that a rule knows is made before a model is paid for it.
 */
export function createLlmAuthor(options: LlmAuthorOptions): Author {
  const { models, extractive, spending, dispose } = options;
  const { fast, judge } = models;
  return {
    name: models.code.name,
    summarize: (context) => (fast ? summarizeRepository(context, fast, extractive) : extractive.summarize(context)),
    classify: (context, summary) =>
      fast ? classifyFiles(context, { summary, model: fast, extractive }) : extractive.classify(context, summary),
    draft: (context) => draftExample(context, options),
    adopt: (context, draft, proven) => adoptEnvironment(context, draft, { proven, extractive }),
    revise: (context, attempt) => reviseExample(context, attempt, options),
    judge: judge && ((context, example) => judgeExample(context, example, judge)),
    answersObjections: true,
    spending,
    dispose,
  };
}

async function draftExample(context: WritingContext, options: LlmAuthorOptions): Promise<DraftOutcome> {
  const started = await startGroundwork(context, options.extractive, markOf(context.repository, context.survey));
  if (started.kind !== "ground") return started;
  const written = await writeFirst(context, started.ground, options);
  return written.kind === "gave-up" ? written : { kind: "drafted", draft: written.draft };
}

async function reviseExample(context: WritingContext, attempt: Attempt, options: LlmAuthorOptions): Promise<Revision> {
  const memory = Memory.parse(attempt.draft.memory);
  if (memory.phase === "groundwork") {
    const more = isRequested(attempt) ? null : await continueGroundwork(context, options.extractive, attempt, memory);
    if (more) return more;
    const ground = reportGroundwork(context, markOf(context.repository, context.survey), attempt, memory);
    return toRevision(
      await writeFirst(context, ground, options, attempt.requested),
      "written from what the repository's own examples showed",
    );
  }
  // What a person wants is told to the writer at once.
  const repaired = isRequested(attempt) ? null : await repairByRule(context, attempt, memory);
  return repaired ?? toRevision(await rewrite(context, attempt, memory, options), "changed");
}

function isRequested({ requested = [] }: Attempt): boolean {
  return requested.length > 0;
}

/** A person's words before a question. They are data: what they may decide is said by us. */
function withRequest(context: WritingContext, requested: readonly string[], question: string): string {
  if (requested.length === 0) return question;
  const mark = markOf(context.repository, context.survey);
  const request = quoteData(mark, { kind: "request" }, requested.map((text) => cleanData(mark, text)).join("\n\n"));
  return `${render("prompts/request.md", { request })}\n${question}`;
}

function writeFirst(
  context: WritingContext,
  { groundwork, decisions, files }: Ground,
  { models, contextTokens }: LlmAuthorOptions,
  requested: readonly string[] = [],
): Promise<Written> {
  const question = render("prompts/write.md", { focus: context.focus ?? "" });
  return writeDraft({
    context,
    model: models.code,
    stage: "draft",
    memory: { phase: "written", groundwork, decisions, ownRunscript: false, turns: [], contextTokens, byRule: [] },
    before: { files, metadata: null, decisions, ownRunscript: false },
    next: { question: withRequest(context, requested, question), measured: "" },
  });
}

/** One answer that both says what was wrong and changes it. */
function rewrite(
  context: WritingContext,
  { draft, execution, shortcomings, differences, requested = [] }: Attempt,
  memory: WrittenMemory,
  { models }: LlmAuthorOptions,
): Promise<Written> {
  const mark = markOf(context.repository, context.survey);
  const { decisions, ownRunscript, byRule } = memory;
  const parts = [
    ...(differences.length > 0
      ? [{ title: "Values that differ", text: quoteData(mark, { kind: "values" }, differences.join("\n")) }]
      : []),
    ...showOutput(execution, mark, digestCharacters),
    ...showCaught(execution, mark),
    ...showPackages(execution, mark),
    ...(stepSucceeded(execution.program) ? showResults(execution, mark, 2000) : []),
  ];
  const digest = render("prompts/digest.md", {
    facts: listFacts(execution),
    byRule,
    shortcomings: shortcomings.map((text) => cleanData(mark, text).replace(/\s+/g, " ").slice(0, 1000)),
  });
  return writeDraft({
    context,
    model: models.code,
    stage: "revise",
    memory,
    before: { files: filesForWriter(draft), metadata: draft.metadata, decisions, ownRunscript },
    next: {
      question: withRequest(context, requested, digest),
      measured: render("prompts/digest-output.md", { parts }),
    },
  });
}

function toRevision(written: Written, change: string): Revision {
  if (written.kind === "gave-up") return written;
  const { draft, issues, changes } = written;
  return { kind: "revised", draft, issuesIdentified: issues, changesMade: changes.length > 0 ? changes : [change] };
}
