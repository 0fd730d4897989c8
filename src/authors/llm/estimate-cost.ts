import type { Model, Question } from "../../models/model.ts";
import type { PriceList } from "../../models/pricing.ts";
import { estimateTokens } from "../../models/tokens.ts";
import type { Author, AuthorContext, CostEstimate } from "../author.ts";
import { createOpening } from "./conversation.ts";
import { classifyFiles, summarizeRepository } from "./read-files.ts";

export interface EstimateOptions {
  models: Readonly<Record<"code" | "fast" | "judge", string>>;
  prices: PriceList;
  extractive: Author;
  contextTokens: number;
}

/**
 * Tokens of what only a run can tell, as seen in runs of the development corpus: an example and its metadata, edits after a
 * failed run, what the writer is told of a run, what a judge is shown and says.
 */
const typical = {
  groundwork: 1800,
  task: 120,
  example: 4500,
  digest: 2200,
  edits: 1100,
  judged: 9000,
  judgement: 500,
  summary: 350,
  /** A file. */
  classification: 75,
};

/** Runs of the loop: the first draft is right, two revisions, eight revisions. */
const loops = [1, 3, 9];

/** What a run would cost by the known prices, from the true prompts of this repository; nobody is asked. */
export async function estimateCost(context: AuthorContext, options: EstimateOptions): Promise<CostEstimate> {
  const { models, prices, extractive, contextTokens } = options;
  const asked: Question[] = [];
  const counting = countQuestions(asked);
  const summary = await summarizeRepository(context, counting, extractive);
  const summarize = tokensOf(asked.splice(0));
  const classification = await classifyFiles(context, { summary, model: counting, extractive });
  const classify = asked.splice(0).map((question) => tokensOf([question]));
  const opening = await createOpening({ ...context, summary, classification }, contextTokens);
  const prefix =
    estimateTokens(opening.system + opening.repository + opening.sandbox) + typical.groundwork + typical.task;
  const price = (model: string, input: number, output: number, cacheRead = 0, cacheWrite = 0): number | null =>
    prices.priceOf(model, {
      inputTokens: input,
      outputTokens: output,
      cacheReadTokens: cacheRead,
      cacheWriteTokens: cacheWrite,
    });
  const reading = [
    price(models.fast, summarize, typical.summary),
    ...classify.map((input) => price(models.fast, input, 12 * typical.classification)),
  ];
  return {
    rows: loops.map((runs) => {
      const writing = [price(models.code, prefix, typical.example, 0, prefix)];
      let known = prefix + typical.example;
      for (let revision = 1; revision < runs; revision++) {
        const before = revision === 1 ? prefix : known - typical.edits;
        writing.push(
          price(models.code, known + typical.digest, typical.edits, before, known + typical.digest - before),
        );
        known += typical.digest + typical.edits;
      }
      const judging = price(models.judge, typical.judged, typical.judgement);
      return {
        runs,
        readingUsd: sum(reading),
        writingUsd: sum(writing),
        judgingUsd: judging,
        totalUsd: sum([...reading, ...writing, judging]),
      };
    }),
    openingTokens: prefix,
  };
}

/** Null where one of the prices is not known. */
function sum(amounts: ReadonlyArray<number | null>): number | null {
  return amounts.reduce((total, amount) => (total === null || amount === null ? null : total + amount), 0);
}

/** A model that writes down what it is asked and has no answer. */
function countQuestions(asked: Question[]): Model {
  const note = async (question: Question): Promise<{ kind: "unusable"; why: string }> => {
    asked.push(question);
    return { kind: "unusable", why: "nobody was asked" };
  };
  return { name: "nobody", contextTokens: 1_000_000, ask: note, askFor: note };
}

function tokensOf(questions: readonly Question[]): number {
  return questions.reduce(
    (total, { system, messages }) =>
      total +
      estimateTokens(system) +
      messages.flatMap(({ parts }) => parts).reduce((all, { text }) => all + estimateTokens(text), 0),
    0,
  );
}
