import { ModelError } from "../../errors.ts";
import type { Draft } from "../../example/example.ts";
import type { Message, Model } from "../../models/model.ts";
import { estimateTokens } from "../../models/tokens.ts";
import { render } from "../../templates/render.ts";
import { AuthorReason, type GivingUp, type WritingContext } from "../author.ts";
import { giveUp } from "../extractive/give-up.ts";
import { type AnswerBlocks, readAnswerBlocks } from "./answer-blocks.ts";
import { assembleDraft, type Before } from "./assemble-draft.ts";
import { buildMessages, createOpening } from "./conversation.ts";
import type { Turn, WrittenMemory } from "./memory.ts";

/** Longest answer, in tokens: about ten times a usual example, so that models which think have room for it. */
const maxOutputTokens = 16_000;
/** Answers in a row that cannot be used. */
const maxUnusable = 3;
const smallestContext = 2000;

export interface WriteOptions {
  context: WritingContext;
  model: Model;
  stage: "draft" | "revise";
  memory: WrittenMemory;
  before: Before;
  next: Pick<Turn, "question" | "measured">;
}

export type Written = { kind: "written"; draft: Draft; issues: string[]; changes: string[] } | GivingUp;

/** Asks the writer until its answer can be used: an answer whose form is wrong is told what is, twice at most. */
export async function writeDraft(options: WriteOptions): Promise<Written> {
  const { context, before, memory } = options;
  let { turns, contextTokens } = memory;
  let next = options.next;
  for (let answers = 1; ; answers++) {
    const asked = await askWriter({
      ...options,
      memory: { ...memory, turns, contextTokens },
      next,
      task: options.next,
    });
    if (asked.kind === "gave-up") return asked;
    const { mark, text } = asked;
    contextTokens = asked.contextTokens;
    turns = [...asked.turns, { ...asked.next, answer: text }];
    const blocks = readAnswerBlocks(mark, text);
    const refused = readGivingUp(blocks);
    if (refused) return refused;
    if (blocks.files.size === 0 && blocks.edits.length === 0)
      blocks.problems.push("It holds no file and no edit block with the mark of this conversation.");
    const assembled = assembleDraft(context, blocks, before);
    if (assembled.kind === "draft") {
      const { draft, decisions, ownRunscript } = assembled;
      const kept: WrittenMemory = { ...memory, decisions, ownRunscript, turns, contextTokens, byRule: [] };
      return {
        kind: "written",
        draft: { ...draft, memory: kept },
        issues: listOf(blocks, "issues"),
        changes: listOf(blocks, "changes"),
      };
    }
    const { problems, wholeFiles } = assembled;
    if (answers >= maxUnusable)
      return giveUp(
        "failed",
        "model-unusable",
        `${options.model.name} gave ${answers} answers that could not be used. The last: ${problems[0]}`,
      );
    next = {
      question: render("prompts/fix-answer.md", { problems, wholeFiles: wholeFiles.join(" and ") }),
      measured: "",
    };
  }
}

interface Asked {
  kind: "asked";
  mark: string;
  text: string;
  /** The conversation as it was in the end, which a model with little room may have made start over. */
  turns: Turn[];
  contextTokens: number;
  next: Pick<Turn, "question" | "measured">;
}

/** `task`: what is asked for in the end, where `next` only says what is wrong with an answer. */
async function askWriter(options: WriteOptions & { task: WriteOptions["next"] }): Promise<Asked | GivingUp> {
  const { context, model, stage, memory, before, task } = options;
  let { turns, contextTokens } = memory;
  let { next } = options;
  for (;;) {
    const opening = await createOpening(context, contextTokens);
    let messages = buildMessages(opening, memory.groundwork, turns, next);
    if (turns.length > 0 && countTokens(opening.system, messages) + maxOutputTokens > model.contextTokens) {
      ({ turns, next } = startOver(opening.mark, before, task, next));
      messages = buildMessages(opening, memory.groundwork, turns, next);
    }
    try {
      const answer = await model.ask({
        stage,
        system: opening.system,
        messages,
        maxOutputTokens,
        onText: describeProgress(context),
        signal: context.signal,
      });
      if (answer.kind === "answered")
        return { kind: "asked", mark: opening.mark, text: answer.text, turns, contextTokens, next };
      return answer.kind === "refused"
        ? giveUp("failed", "model-refused", `${model.name} refused to write the example: ${answer.why}`)
        : giveUp("failed", "model-unusable", `${model.name} gave no usable answer: ${answer.why}`);
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== "prompt-too-long") throw error;
      if (turns.length > 0) ({ turns, next } = startOver(opening.mark, before, task, next));
      else if (contextTokens > smallestContext) contextTokens = Math.floor(contextTokens / 2);
      else throw error;
    }
  }
}

/** A conversation that has grown too long begins again with the files as they stand. */
function startOver(
  mark: string,
  { files }: Before,
  task: WriteOptions["next"],
  next: WriteOptions["next"],
): Pick<WriteOptions, "next"> & { turns: Turn[] } {
  const shown = Object.entries(files).map(
    ([path, text]) => `<file-${mark} path="${path}">\n${text.trimEnd()}\n</file-${mark}>`,
  );
  const asked = task === next ? [task] : [task, next];
  const questions = [`# Your files as they stand\n${shown.join("\n\n")}`, ...asked.map(({ question }) => question)];
  return {
    turns: [],
    next: { question: questions.join("\n\n"), measured: asked.map(({ measured }) => measured).join("\n") },
  };
}

function countTokens(system: string, messages: readonly Message[]): number {
  return messages
    .flatMap(({ parts }) => parts)
    .reduce((sum, { text }) => sum + estimateTokens(text), estimateTokens(system));
}

/** How much of the answer is there, and its last line. */
function describeProgress({ onProgress }: WritingContext): (text: string) => void {
  let received = 0;
  return (text) => {
    received += text.length;
    onProgress?.(`${received} characters: ${text.trimEnd().split("\n").at(-1)?.trim() ?? ""}`);
  };
}

function readGivingUp({ notes }: AnswerBlocks): GivingUp | null {
  const text = notes.get("give-up");
  if (text === undefined) return null;
  const [, word = "", rest = ""] = /^([a-z-]+)\s*:?\s*([\s\S]*)$/.exec(text) ?? [];
  const reason = AuthorReason.safeParse(word);
  return giveUp(
    "failed",
    reason.success ? reason.data : "examples-fail",
    `The writer gave up: ${(reason.success ? rest : text).slice(0, 600)}`,
  );
}

function listOf({ notes }: AnswerBlocks, name: string): string[] {
  return (notes.get(name) ?? "")
    .split("\n")
    .map((line) => line.replace(/^\s*([-*•]|\d+[.)])\s*/, "").trim())
    .filter((line) => line !== "")
    .slice(0, 20)
    .map((line) => line.slice(0, 500));
}
