export type Api = "messages" | "responses" | "chat";

/** A request as a script sees it, whichever API it came by. */
export interface ReceivedRequest {
  api: Api;
  model: string;
  system: string;
  messages: ReadonlyArray<{ role: "user" | "assistant"; text: string }>;
  /** The value that is asked for; its schema is JSON Schema. */
  wants: { name: string; schema: Record<string, unknown> } | null;
  /** Null where the request sets no limit. */
  maxTokens: number | null;
  stream: boolean;
  /** All tokens of the prompt, those from the cache included. */
  promptTokens: number;
  body: unknown;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A piece of the prompt in the order in which the provider's cache sees it. */
export interface PromptPart {
  /** What beside the text tells two parts apart: a role, a setting. It costs no tokens of its own. */
  identity: string;
  text: string;
  /** Carries `cache_control`. */
  marked: boolean;
}

/** A request that the provider would not take; `message` is in its words where they are known. */
export class RefusedRequest extends Error {}
