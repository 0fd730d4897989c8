import type { Model, Question, TextAnswer, ValueAnswer } from "../../../src/models/model.ts";

type Kind = "text" | "value";

/** What is answered: a text or a value as it is, an answer of another kind, or an error to throw. */
export type Scripted = string | TextAnswer | ValueAnswer<unknown> | Error | ((question: Question) => Scripted);

export interface ScriptedModel extends Model {
  readonly questions: Question[];
}

/** Answers in turn; a value has to fit the schema that is asked for. Throws when asked for what was not scripted. */
export function createScriptedModel(
  answers: readonly Scripted[],
  { contextTokens = 200_000 }: { contextTokens?: number } = {},
): ScriptedModel {
  const questions: Question[] = [];
  const next = (kind: Kind, question: Question): TextAnswer | ValueAnswer<unknown> => {
    const answer = answers[questions.length];
    const { onText: _onText, signal: _signal, ...asked } = question;
    questions.push(asked);
    if (answer === undefined) throw new Error(`Question ${questions.length} (${question.stage}) was not scripted.`);
    const said = resolve(answer, question);
    if (said.kind === "answered" && (kind === "text") !== "text" in said)
      throw new Error(`Question ${questions.length} (${question.stage}) asks for a ${kind}.`);
    return said;
  };
  return {
    name: "scripted-model",
    contextTokens,
    questions,
    async ask(question) {
      const answer = next("text", question);
      if (answer.kind !== "answered") return answer;
      const text = "text" in answer ? answer.text : "";
      question.onText?.(text);
      return { kind: "answered", text };
    },
    async askFor({ answer: shape, ...question }) {
      const answer = next("value", question);
      if (answer.kind !== "answered") return answer;
      return { kind: "answered", value: shape.schema.parse("value" in answer ? answer.value : null) };
    },
  };
}

function resolve(answer: Scripted, question: Question): TextAnswer | ValueAnswer<unknown> {
  if (typeof answer === "function") return resolve(answer(question), question);
  if (answer instanceof Error) throw answer;
  return typeof answer === "string" ? { kind: "answered", text: answer } : answer;
}

export function value(value: unknown): ValueAnswer<unknown> {
  return { kind: "answered", value };
}

/** Everything that a question says, in order. */
export function textOf({ system, messages }: Question): string {
  return [system, ...messages.flatMap(({ parts }) => parts.map(({ text }) => text))].join("\n");
}

/** What stands outside all blocks of data: what a model may take for our own words. */
export function ownWordsOf(text: string): string {
  return text.replace(/<data-([0-9a-f]{6})[^>\n]*>\n[\s\S]*?\n?<\/data-\1>/g, "");
}
