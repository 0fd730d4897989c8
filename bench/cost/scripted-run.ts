import { createAuthorAdapters } from "../../src/adapters/author-adapters.ts";
import type { Attempt, Author, Spending, WritingContext } from "../../src/authors/author.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { resolveConfig } from "../../src/config.ts";
import type { Draft } from "../../src/example/example.ts";
import type { Execution } from "../../src/example/execution.ts";
import { assessExecution } from "../../src/pipeline/assess-execution.ts";
import { makeFolder } from "../../test/support/author-context.ts";
import type { BilledRequest } from "../../test/support/model-server/bill.ts";
import { startModelServer } from "../../test/support/model-server/model-server.ts";
import { createScript, type Style } from "./scripted-answers.ts";
import { failingEnvironment, failingExecution, goodExecution, groundworkExecution } from "./scripted-executions.ts";

const codeModel = "claude-sonnet-4-5-20250929";
const fastModel = "claude-haiku-4-5-20251001";

export interface ScriptedRunOptions {
  /** With the survey, and neither summary nor classification. */
  context: WritingContext;
  /** Runs of the writer's program that fail before the good one. */
  failures: number;
  style: Style;
  /** What fails in them. */
  failing: "program" | "environment";
  /** Minutes that a run in the sandbox takes: providers forget a prompt after five. */
  minutesARun: number;
}

export interface ScriptedRun {
  bill: readonly BilledRequest[];
  /** By the server's price list. */
  dollars: number;
  /** What the product says it has spent. */
  ledger: Spending;
}

/** One job from its survey to its judge: only what the models say and what the sandbox does is made up. */
export async function runScripted({
  context,
  failures,
  style,
  failing,
  minutesARun,
}: ScriptedRunOptions): Promise<ScriptedRun> {
  const { repository, survey } = context;
  let minutes = 0;
  const paths = survey.outlines.map(({ path }) => path);
  const answer = createScript({ repository: repository.name, paths, style });
  await using server = await startModelServer({ answer, now: () => minutes * 60_000 });
  await using folder = await makeFolder();
  const author = await createAuthor(server.url, folder.path);
  const fail = failing === "program" ? failingExecution : failingEnvironment;
  const failed = Array.from({ length: failures }, (_, failure) => fail(survey, failure));
  await distill(author, context, failed, () => {
    minutes += minutesARun;
  });
  const ledger = author.spending();
  await author.dispose();
  if (server.unexpected.length > 0) throw new Error(server.unexpected.join("\n"));
  const revisions = ledger.find(({ stage }) => stage === "revise")?.calls ?? 0;
  if (revisions !== failures) throw new Error(`${revisions} revisions by the model instead of ${failures}`);
  return { bill: [...server.bill], dollars: server.dollars, ledger };
}

/** The order of `src/pipeline/distill.ts`. */
async function distill(
  author: Author,
  reading: WritingContext,
  failures: readonly Execution[],
  run: () => void,
): Promise<void> {
  const { survey } = reading;
  const summary = await author.summarize(reading);
  const context = { ...reading, summary, classification: await author.classify(reading, summary) };
  const first = await author.draft(context);
  if (first.kind === "gave-up") throw new Error(first.explanation);
  let { draft } = first;
  const revise = async (execution: Execution): Promise<void> => {
    run();
    const revision = await author.revise(context, attempt(draft, execution, context));
    if (revision.kind === "gave-up") throw new Error(revision.explanation);
    draft = revision.draft;
  };
  while (draft.preliminary) await revise(groundworkExecution(survey, draft.provenance.length));
  for (const failure of failures) await revise(failure);
  run();
  const review = await author.judge?.(context, attempt(draft, goodExecution(survey), context));
  if (review?.kind !== "judged") throw new Error("The example was not judged.");
}

function attempt(draft: Draft, execution: Execution, { survey }: WritingContext): Attempt {
  const { executed, grounded } = assessExecution(execution, survey.coreFunctions);
  const failed = [executed, grounded].filter(({ result }) => result === "failed");
  return { draft, execution, shortcomings: failed.map(({ evidence }) => evidence), differences: [] };
}

/** By the command line's own wiring, so that limits, ledger and journal are those of a real run. */
function createAuthor(url: string, folder: string): Promise<Author> {
  const environment = { ANTHROPIC_API_KEY: "sk-ant-bench", ANTHROPIC_BASE_URL: url };
  const terminal: Terminal = {
    arguments: [],
    environment,
    homeFolder: folder,
    workingFolder: folder,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: new AbortController().signal,
  };
  const flags = { model_str_code: codeModel, model_str_fast: fastModel, max_cost_usd: 100 };
  const config = resolveConfig({ flags, file: null, environment: {} });
  const warn = (text: string): void => {
    throw new Error(text);
  };
  const { createAuthor } = createAuthorAdapters({ host: terminal, recordFile: null });
  return createAuthor(config, { folder, jobId: "bench", onSpent: () => undefined, warn });
}
