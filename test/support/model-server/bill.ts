import type { Usage } from "../../../src/models/model.ts";
import type { Delivered } from "./deliver-answer.ts";
import { priceOf } from "./price-list.ts";
import type { Answer } from "./protocol.ts";
import type { Api } from "./received-request.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A response that began: its prompt is billed in full, and of the answer what was sent. */
export interface BilledRequest {
  /** Of the request, counted from 0. */
  index: number;
  api: Api;
  model: string;
  usage: Usage;
  /** Null for a model without a list price. */
  dollars: number | null;
  /** False where the response broke off or the client went away. */
  complete: boolean;
}

export function billFor(
  answer: Answer,
  { characters, complete }: Delivered,
  tokenizer: Tokenizer,
): Omit<BilledRequest, "index"> {
  const { api, model } = answer.request;
  const outputTokens = complete
    ? answer.usage.outputTokens
    : answer.reasoningTokens + tokensSent(answer.text, characters, tokenizer);
  const usage = { ...answer.usage, outputTokens };
  return { api, model, usage, dollars: priceOf(usage, model), complete };
}

/** An endless answer sends its text over and over. */
function tokensSent(text: string, characters: number, tokenizer: Tokenizer): number {
  if (text === "") return 0;
  const times = Math.floor(characters / text.length);
  return times * tokenizer.count(text) + tokenizer.count(text.slice(0, characters % text.length));
}
