import { type AnswerRoom, type Asked, createAnswerRoom } from "./answer-room.ts";
import { type CallContext, callModel } from "./call-model.ts";
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
  const asking = { ...context, room: createAnswerRoom({ contextTokens }) };
  return {
    name: client.name,
    contextTokens,
    ask: (question) => ask(asking, question),
    askFor: (question) => askFor(asking, question),
  };
}

type AskContext = CallContext & { room: AnswerRoom };

/** Further calls for one text that the token limit cuts. */
const mostContinuations = 3;

async function ask(context: AskContext, question: Question): Promise<TextAnswer> {
  let request = requestOf(question);
  let text = "";
  for (let continuation = 0; continuation <= mostContinuations; continuation++) {
    const asked = await (text ? callForText : callUntilText)(context, question, request);
    const { completion } = asked;
    if (completion.stop.unified === "refusal") return refused(completion);
    text += completion.text;
    if (completion.stop.unified !== "length" && !isBlank(text)) return { kind: "answered", text };
    if (isBlank(completion.text)) return saidNothing(asked);
    context.notes(`${question.stage}: the answer was cut at the token limit and is continued.`);
    const messages = [...asked.request.messages, says("assistant", completion.text), says("user", continueText)];
    request = { ...asked.request, messages };
  }
  return unusable(`The answer was cut ${mostContinuations + 1} times at ${request.maxOutputTokens} tokens.`);
}

const continueText = "Continue exactly where you stopped; repeat nothing.";

async function askFor<T>(
  context: AskContext,
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
async function askWhole(context: AskContext, question: Question, request: CompletionRequest): Promise<TextAnswer> {
  const first = await callUntilText(context, question, request);
  const isCut = first.completion.stop.unified === "length" && !isBlank(first.completion.text);
  const note = "the answer was cut at the token limit and is asked for again with more room.";
  const asked = isCut ? await callWider(context, question, first.request, note) : first;
  if (asked === null || (isCut && asked.completion.stop.unified === "length"))
    return unusable(`The answer is too long for ${first.request.maxOutputTokens} tokens and for twice as many.`);
  const { completion } = asked;
  if (completion.stop.unified === "refusal") return refused(completion);
  return isBlank(completion.text) ? saidNothing(asked) : { kind: "answered", text: completion.text };
}

/** An empty answer is an accident of the provider's: the same is asked once more. */
async function callUntilText(context: AskContext, question: Question, request: CompletionRequest): Promise<Asked> {
  const asked = await callForText(context, question, request);
  const { unified } = asked.completion.stop;
  if (!isBlank(asked.completion.text) || unified === "refusal" || unified === "length") return asked;
  context.notes(`${question.stage}: the answer was empty and is asked for again.`);
  return callForText(context, question, asked.request);
}

/** How often the room of an answer is doubled whose model used up all of it before it said anything. */
const mostDoublings = 2;

/** A model that thinks may use up its room by that; the same room would not help it. */
async function callForText(context: AskContext, question: Question, request: CompletionRequest): Promise<Asked> {
  let asked = await context.room.ask(request, (granted) => call(context, question, granted));
  for (let doubling = 0; doubling < mostDoublings && usedUpRoom(asked.completion); doubling++) {
    const note = `the model used up ${asked.request.maxOutputTokens} tokens without an answer and is given more.`;
    const wider = await callWider(context, question, asked.request, note);
    if (wider === null) return asked;
    asked = wider;
  }
  return asked;
}

/** Null where the model has no more room. */
function callWider(
  context: AskContext,
  question: Question,
  request: CompletionRequest,
  note: string,
): Promise<Asked | null> {
  return context.room.askWider(request, (wider) => {
    context.notes(`${question.stage}: ${note}`);
    return call(context, question, wider);
  });
}

function usedUpRoom({ text, stop }: Completion): boolean {
  return isBlank(text) && stop.unified === "length";
}

function saidNothing({ request, completion }: Asked): { kind: "unusable"; why: string } {
  if (!usedUpRoom(completion)) return unusable("The answer was empty.");
  return unusable(`The model used up ${request.maxOutputTokens} tokens before it answered anything.`);
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
