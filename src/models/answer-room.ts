import { ModelError } from "../errors.ts";
import { boundPrompt } from "./call-model.ts";
import type { Completion, CompletionRequest } from "./model.ts";

/**
 * How long the answers of one model may be. No list says so: a provider refuses a request for more. What it was seen to
 * take is remembered as long as the model lives.
 */
export interface AnswerRoom {
  /** Makes a call with the room it wants, or with half of it and so on where the provider refuses that much. */
  ask(request: CompletionRequest, complete: Complete): Promise<Asked>;
  /** Makes a call with twice the room it had; null where the model has no more. */
  askWider(request: CompletionRequest, complete: Complete): Promise<Asked | null>;
}

type Complete = (request: CompletionRequest) => Promise<Completion>;

/** A completion, and the request as it was made in the end. */
export interface Asked {
  request: CompletionRequest;
  completion: Completion;
}

/** Models that take no more than this would be of no use. */
const fewestTokens = 2048;

export function createAnswerRoom({ contextTokens }: { contextTokens: number }): AnswerRoom {
  /** Null until a request was refused. */
  let mostAccepted: number | null = null;
  const within = (tokens: number): number => Math.min(tokens, mostAccepted ?? tokens);
  const remember = (tokens: number): void => {
    mostAccepted = Math.max(tokens, mostAccepted ?? 0);
  };
  return {
    async ask(wanted, complete) {
      let request = { ...wanted, maxOutputTokens: within(wanted.maxOutputTokens) };
      for (let refused = false; ; refused = true) {
        try {
          const completion = await complete(request);
          if (refused) remember(request.maxOutputTokens);
          return { request, completion };
        } catch (error) {
          if (!refusesRoom(error) || request.maxOutputTokens <= fewestTokens) throw error;
          const half = Math.floor(request.maxOutputTokens / 2);
          request = { ...request, maxOutputTokens: Math.max(half, fewestTokens) };
        }
      }
    },
    async askWider(request, complete) {
      const tokens = request.maxOutputTokens;
      const wider = within(Math.min(2 * tokens, contextTokens - boundPrompt(request)));
      if (wider <= tokens) return null;
      try {
        const asked = { ...request, maxOutputTokens: wider };
        return { request: asked, completion: await complete(asked) };
      } catch (error) {
        if (!isRefused(error) && !refusesRoom(error)) throw error;
        if (refusesRoom(error)) remember(tokens);
        return null;
      }
    },
  };
}

/**
 * Providers have no common code for it: their sentence names the parameter, as it does one that they do not know; or
 * they count the room for the answer to a prompt that they call too long.
 */
function refusesRoom(error: unknown): boolean {
  if (error instanceof ModelError && error.code === "prompt-too-long") return true;
  if (!isRefused(error)) return false;
  const { userMessage } = error;
  return /max_((output|completion)_)?tokens/.test(userMessage) && !/unsupported|not supported/i.test(userMessage);
}

function isRefused(error: unknown): error is ModelError {
  return error instanceof ModelError && error.code === "model-request-refused";
}
