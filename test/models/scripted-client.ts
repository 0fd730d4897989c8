import { ModelError } from "../../src/errors.ts";
import type { Completion, CompletionOptions, CompletionRequest, ModelClient, Usage } from "../../src/models/model.ts";

/** One answer: a text that ended well, a completion, an error to throw, or what makes one of them. */
export type Scripted =
  | string
  | Partial<Completion>
  | Error
  | ((request: CompletionRequest, options: CompletionOptions) => Promise<Scripted> | Scripted);

export interface ScriptedClient extends ModelClient {
  readonly requests: CompletionRequest[];
  /** What nobody asked for yet. */
  readonly left: number;
}

export const smallUsage: Usage = { inputTokens: 1000, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 100 };

/** Answers in turn, and throws a plain error when it is asked for what was not scripted. */
export function createScriptedClient(
  answers: readonly Scripted[],
  { name = "claude-haiku-4-5", billed = true }: { name?: string; billed?: boolean } = {},
): ScriptedClient {
  const requests: CompletionRequest[] = [];
  return {
    name,
    provider: "scripted",
    billed,
    requests,
    get left() {
      return answers.length - requests.length;
    },
    async complete(request, options) {
      const answer = answers[requests.length];
      requests.push(structuredClone(request));
      if (answer === undefined) throw new Error(`Call ${requests.length} was not scripted.`);
      return resolve(answer, request, options);
    },
  };
}

async function resolve(answer: Scripted, request: CompletionRequest, options: CompletionOptions): Promise<Completion> {
  if (typeof answer === "function") return resolve(await answer(request, options), request, options);
  if (answer instanceof Error) throw answer;
  const given = typeof answer === "string" ? { text: answer } : answer;
  options.onText?.(given.text ?? "");
  return { text: "", stop: { unified: "end", raw: "end_turn" }, usage: smallUsage, ...given };
}

export function unavailable(options: Partial<ConstructorParameters<typeof ModelError>[0]> = {}): ModelError {
  return new ModelError({
    code: "model-unavailable",
    userMessage: "The provider is overloaded.",
    retryable: true,
    ...options,
  });
}
