import { ModelError } from "../errors.ts";
import { boundPrompt, type CallContext, callModel } from "./call-model.ts";
import type {
  AnswerShape,
  Completion,
  CompletionRequest,
  Message,
  Model,
  Question,
  TextAnswer,
  ValueAnswer,
} from "./model.ts";
import { answerSchema, parseAnswer } from "./structured-answer.ts";

/** A model as authors see it: every call of a conversation goes through `callModel`. */
export function createModel(context: CallContext): Model {
  const { client, prices } = context;
  const contextTokens = prices.contextTokens(client.name);
  return {
    name: client.name,
    contextTokens,
    ask: (question) => ask(context, question),
    askFor: (question) => askFor({ ...context, contextTokens }, question),
  };
}

/** Further calls for one text that the token limit cuts. */
const mostContinuations = 3;

async function ask(context: CallContext, question: Question): Promise<TextAnswer> {
  let messages = question.messages;
  let text = "";
  for (let continuation = 0; continuation <= mostContinuations; continuation++) {
    const request = requestOf({ ...question, messages });
    const completion = await (text ? call : callUntilText)(context, question, request);
    if (completion.stop.unified === "refusal") return refused(completion);
    text += completion.text;
    if (completion.stop.unified !== "length" && !isBlank(text)) return { kind: "answered", text };
    if (isBlank(completion.text)) return unusable("The answer was empty.");
    context.notes(`${question.stage}: the answer was cut at the token limit and is continued.`);
    messages = [...messages, says("assistant", completion.text), says("user", continueText)];
  }
  return unusable(`The answer was cut ${mostContinuations + 1} times at ${question.maxOutputTokens} tokens.`);
}

const continueText = "Continue exactly where you stopped; repeat nothing.";

type ValueContext = CallContext & { contextTokens: number };

async function askFor<T>(
  context: ValueContext,
  question: Question & { answer: AnswerShape<T> },
): Promise<ValueAnswer<T>> {
  const { name, schema } = question.answer;
  const answer = { name, schema: answerSchema(schema) };
  const first = await askWhole(context, question, requestOf(question, answer));
  if (first.kind !== "answered") return first;
  const parsed = parseAnswer(first.text, schema);
  if (parsed.kind === "fits") return { kind: "answered", value: parsed.value };
  context.notes(`${question.stage}: the answer does not fit (${parsed.problems[0]}) and is asked for again.`);
  const messages = [...question.messages, ...askForRepair(first.text, parsed.problems)];
  const second = await askWhole(context, question, requestOf({ ...question, messages }, answer));
  if (second.kind !== "answered") return second;
  const repaired = parseAnswer(second.text, schema);
  if (repaired.kind === "fits") return { kind: "answered", value: repaired.value };
  return unusable(`The answer does not fit: ${repaired.problems.slice(0, 3).join("; ")}`);
}

/** Characters of an answer that did not fit which the model is shown again. */
const mostShownAgain = 4000;

function askForRepair(text: string, problems: readonly string[]): Message[] {
  const listed = problems.map((problem) => `- ${problem}`).join("\n");
  return [
    says("assistant", text.slice(0, mostShownAgain)),
    says("user", `This answer does not fit:\n${listed}\nAnswer again with the whole JSON and nothing else.`),
  ];
}

/** A value cannot be continued: one that the token limit cut is asked for again with twice as much room. */
async function askWhole(context: ValueContext, question: Question, request: CompletionRequest): Promise<TextAnswer> {
  let completion: Completion | null = await callUntilText(context, question, request);
  if (completion.stop.unified === "length") completion = await callWithMoreRoom(context, question, request);
  if (completion?.stop.unified === "refusal") return refused(completion);
  if (completion === null || completion.stop.unified === "length")
    return unusable(`The answer is too long for ${request.maxOutputTokens} tokens and for twice as many.`);
  return isBlank(completion.text) ? unusable("The answer was empty.") : { kind: "answered", text: completion.text };
}

/** Null where the model has no more room. */
async function callWithMoreRoom(
  context: ValueContext,
  question: Question,
  request: CompletionRequest,
): Promise<Completion | null> {
  const room = context.contextTokens - boundPrompt(request);
  const maxOutputTokens = Math.min(2 * request.maxOutputTokens, room);
  if (maxOutputTokens <= request.maxOutputTokens) return null;
  context.notes(`${question.stage}: the answer was cut at the token limit and is asked for again with more room.`);
  try {
    return await call(context, question, { ...request, maxOutputTokens });
  } catch (error) {
    // No list says how long an answer of a model may be; a provider refuses what is longer.
    if (error instanceof ModelError && error.code === "model-request-refused") return null;
    throw error;
  }
}

/** An empty answer is an accident of the provider's: the same is asked once more. */
async function callUntilText(
  context: CallContext,
  question: Question,
  request: CompletionRequest,
): Promise<Completion> {
  const completion = await call(context, question, request);
  if (!isBlank(completion.text) || completion.stop.unified === "refusal") return completion;
  context.notes(`${question.stage}: the answer was empty and is asked for again.`);
  return call(context, question, request);
}

function call(
  context: CallContext,
  { stage, onText, signal }: Question,
  request: CompletionRequest,
): Promise<Completion> {
  return callModel(context, request, { stage, onText, signal });
}

function requestOf(
  { system, messages, maxOutputTokens }: Question,
  answer: CompletionRequest["answer"] = null,
): CompletionRequest {
  return { system, messages, maxOutputTokens, answer };
}

function says(role: Message["role"], text: string): Message {
  return { role, parts: [{ text }] };
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}

function refused({ text }: Completion): { kind: "refused"; why: string } {
  return { kind: "refused", why: text.trim().slice(0, 200) || "no reason given" };
}

function unusable(why: string): { kind: "unusable"; why: string } {
  return { kind: "unusable", why };
}
