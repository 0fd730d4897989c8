import type { z } from "zod";

/**
 * The port behind which models are asked. Authors see `Model`: it retries, waits its turn, pays, remembers and never
 * throws for an answer that is merely bad. An adapter is a `ModelClient`: one call, one attempt, one provider.
 */
export interface Model {
  /** As in the configuration: `claude-sonnet-4-5-20250929`, `openrouter/openai/gpt-oss-120b`. */
  readonly name: string;
  /** Tokens that a prompt and its answer may take together. */
  readonly contextTokens: number;
  /** Asks for text; an answer that the token limit cut is continued. */
  ask(question: Question): Promise<TextAnswer>;
  /** Asks for a value of a schema; an answer that does not fit is asked for once more, with what is wrong with it. */
  askFor<T>(question: Question & { answer: AnswerShape<T> }): Promise<ValueAnswer<T>>;
}

export interface Question {
  /** The stage that asks; costs are added up by it. */
  stage: string;
  /** The stable head of every prompt of a conversation. */
  system: string;
  /** Begins and ends with the user's. */
  messages: readonly Message[];
  maxOutputTokens: number;
  /** Told each piece of the answer as it comes. */
  onText?: ((text: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface AnswerShape<T> {
  /** Letters, digits and underscores: providers take it for a tool's name. */
  name: string;
  schema: z.ZodType<T>;
}

export interface Message {
  role: "user" | "assistant";
  parts: readonly MessagePart[];
}

export interface MessagePart {
  text: string;
  /** Everything up to the end of this part is worth keeping in the provider's prompt cache. At most four a prompt. */
  cache?: boolean;
  /** Says something about this machine, not about the task: another text here is still the same question to a recording. */
  volatile?: boolean;
}

/** Refused: the model would not. Unusable: it answered, and nothing could be made of it. Both are paid for. */
type NoAnswer = { kind: "refused" | "unusable"; why: string };
export type TextAnswer = { kind: "answered"; text: string } | NoAnswer;
export type ValueAnswer<T> = { kind: "answered"; value: T } | NoAnswer;

/** One provider's API for one model. */
export interface ModelClient {
  readonly name: string;
  /** Whom limits are shared with: `anthropic`, `openai`, `openrouter`, a base URL, `command`. */
  readonly provider: string;
  /** Whether tokens cost money that somebody has to know beforehand. */
  readonly billed: boolean;
  /** Whether a model may think what it neither shows nor reports before its answer ends, and what is billed as output. */
  readonly thinksUnseen?: boolean;
  /** One attempt. Throws ModelError for whatever is no completion, CancelledError on abort. */
  complete(request: CompletionRequest, options: CompletionOptions): Promise<Completion>;
}

export interface CompletionRequest {
  system: string;
  messages: readonly Message[];
  maxOutputTokens: number;
  /** JSON Schema of the answer, where a value is wanted. */
  answer: { name: string; schema: Record<string, unknown> } | null;
}

export interface CompletionOptions {
  onText?: ((text: string) => void) | undefined;
  /** Told once the provider has begun to answer, also where the model only thinks: from then on the call is billed. */
  onBegun?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface Completion {
  /** For a value, its JSON. */
  text: string;
  stop: StopReason;
  /** Null where the provider does not say. */
  usage: Usage | null;
}

export interface StopReason {
  /** `length`: the token limit cut it. */
  unified: "end" | "length" | "refusal" | "other";
  /** The provider's own word. */
  raw: string;
}

export interface Usage {
  /** All tokens of the prompt, those from and into the cache included. */
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  /** What a model thinks is part of it. */
  outputTokens: number;
}
