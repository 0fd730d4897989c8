import { z } from "zod";
import type { Model } from "../../models/model.ts";
import type { SurveyFile } from "../../repository/survey.ts";
import { render } from "../../templates/render.ts";
import { type Author, type AuthorContext, FileClass, type FileClassification, RepositorySummary } from "../author.ts";
import { describeCore, describePackage, listPaths } from "./describe.ts";
import { cleanData, markOf, plainName, quoteData } from "./quoted-data.ts";
import { cleanReadme, cutToTokens, showCells, showOutline } from "./select-context.ts";

const readmeTokens = 2500;
const fileTokens = 350;
/** Files classified at all, and in one call. */
const maxFiles = 24;
const batchSize = 12;

/** What the repository is for, in the fast model's words; in its own where the model has no usable ones. */
export async function summarizeRepository(
  context: AuthorContext,
  model: Model,
  extractive: Author,
): Promise<RepositorySummary> {
  const { repository, survey, readText, signal } = context;
  const mark = markOf(repository, survey);
  const readme = survey.readme ? await readText(survey.readme) : null;
  const text = render("prompts/summarize.md", {
    name: cleanData(mark, repository.name),
    package: describePackage(survey),
    coreFunctions: describeCore(survey.coreFunctions, mark),
    files: listPaths(survey, mark),
    readme: readme
      ? quoteData(mark, { path: survey.readme ?? "" }, cutToTokens(cleanReadme(readme), readmeTokens))
      : "It has no README.",
  });
  const answer = await model.askFor({
    stage: "summarize",
    system: render("prompts/summarize-system.md", { mark }),
    messages: [{ role: "user", parts: [{ text }] }],
    answer: { name: "summary", schema: RepositorySummary },
    maxOutputTokens: 2000,
    signal,
  });
  const byRule = await extractive.summarize(context);
  if (answer.kind !== "answered" || answer.value.description.trim() === "") return byRule;
  const known = new Set(survey.files.map(({ path }) => path));
  const named = answer.value.highlyRelevantFiles.filter((path) => known.has(path));
  return {
    description: answer.value.description.trim().slice(0, 2000),
    highlyRelevantFiles: [...new Set([...named, ...byRule.highlyRelevantFiles])].slice(0, 10),
  };
}

const Batch = z.object({
  files: z.array(
    z.object({
      number: z.number().int(),
      classification: FileClass,
      description: z.string(),
      important_information: z.string(),
      computational_requirements: z.string(),
      how_relevant_rating: z.number().int(),
      stand_alone_example: z.boolean(),
    }),
  ),
});

/**
 * The files most worth reading, classified in few calls from their outlines. What the rules say stands for every file that a
 * model has no usable answer for.
 */
export async function classifyFiles(
  context: AuthorContext,
  { summary, model, extractive }: { summary: RepositorySummary; model: Model; extractive: Author },
): Promise<FileClassification[]> {
  const byRule = await extractive.classify(context, summary);
  // What a README or a packaging file is for needs no opinion.
  const worthAsking = (path: string): boolean => {
    const type = context.survey.files.find((file) => file.path === path)?.type;
    return (
      path !== context.survey.readme && type !== "packaging" && type !== "licence" && !/changelog|history/i.test(path)
    );
  };
  const asked: DescribedFile[] = [];
  for (const each of byRule) {
    if (asked.length >= maxFiles) break;
    const described = worthAsking(each.path) ? await describeFile(context, each) : null;
    if (described) asked.push(described);
  }
  const batches: DescribedFile[][] = [];
  for (let start = 0; start < asked.length; start += batchSize) batches.push(asked.slice(start, start + batchSize));
  // Whatever becomes of one, the others are waited for: they are paid, and their answers are kept.
  const settled = await Promise.allSettled(batches.map((batch) => classifyBatch(context, summary, model, batch)));
  const answered = settled.map((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  });
  const classified = [
    ...answered.flat(),
    ...byRule.filter((each) => !asked.some(({ byRule: known }) => known === each)),
  ];
  return classified.sort((a, b) => b.how_relevant_rating - a.how_relevant_rating || (a.path < b.path ? -1 : 1));
}

async function classifyBatch(
  context: AuthorContext,
  summary: RepositorySummary,
  model: Model,
  batch: readonly DescribedFile[],
): Promise<FileClassification[]> {
  const { repository, survey, signal } = context;
  const mark = markOf(repository, survey);
  const files = batch.map(({ byRule: { path }, type, bytes, text }, index) => ({
    number: index + 1,
    path: plainName(path),
    type,
    bytes,
    text: quoteData(mark, {}, text),
  }));
  const answer = await model.askFor({
    stage: "classify",
    system: render("prompts/summarize-system.md", { mark }),
    messages: [
      {
        role: "user",
        parts: [
          {
            text: render("prompts/classify.md", {
              name: cleanData(mark, repository.name),
              purpose: quoteData(mark, { kind: "purpose" }, summary.description),
              files,
            }),
          },
        ],
      },
    ],
    answer: { name: "classification", schema: Batch },
    maxOutputTokens: 4000,
    signal,
  });
  const told = answer.kind === "answered" ? answer.value.files : [];
  return batch.map(({ byRule }, index) => {
    const found = told.find(({ number }) => number === index + 1);
    if (!found) return byRule;
    const { number: _number, how_relevant_rating, description, important_information, ...rest } = found;
    return {
      ...byRule,
      ...rest,
      description: description.slice(0, 500),
      important_information: important_information.slice(0, 1000),
      how_relevant_rating: Math.min(5, Math.max(1, how_relevant_rating)),
    };
  });
}

interface DescribedFile extends Pick<SurveyFile, "type" | "bytes"> {
  byRule: FileClassification;
  text: string;
}

/** An outline, cells of a notebook, or the beginning; null where there is nothing to see. */
async function describeFile(
  { survey, readText }: AuthorContext,
  byRule: FileClassification,
): Promise<DescribedFile | null> {
  const { path } = byRule;
  const file = survey.files.find((each) => each.path === path);
  const outline = survey.outlines.find((each) => each.path === path);
  if (!file) return null;
  const text =
    outline && outline.symbols.length > 0
      ? showOutline(outline, fileTokens)
      : cutToTokens(
          file.type === "notebook" ? showCells(survey, path) : ((await readText(path)) ?? "").slice(0, 8000),
          fileTokens,
        );
  return text.trim() ? { byRule, type: file.type, bytes: file.bytes, text } : null;
}
