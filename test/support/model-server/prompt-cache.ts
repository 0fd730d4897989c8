import type { PromptPart } from "./received-request.ts";

/** What a provider keeps of prompts, and what it charges for accordingly. */
export interface PromptCache {
  /** `scope` is the key that pays; nobody reads another's entries. */
  lookUp(options: { prompt: readonly PromptPart[]; model: string; scope: string }): CacheLookup;
}

export interface CacheLookup {
  /** All tokens of the prompt. */
  promptTokens: number;
  readTokens: number;
  writeTokens: number;
  /** To be called when the response begins: only from then on others can read what this prompt wrote. */
  begin(): void;
}

/** Five minutes from the last use: Anthropic's default, and the shorter end of OpenAI's "5 to 10 minutes of inactivity". */
const lifetimeMs = 5 * 60 * 1000;

/** Keys that are forgotten five minutes after they were last kept. */
export class ExpiringKeys {
  /** From the one that was kept longest ago to the latest. */
  readonly #keptAt = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  has(key: string): boolean {
    const keptAt = this.#keptAt.get(key);
    return keptAt !== undefined && this.#now() - keptAt < lifetimeMs;
  }

  keep(key: string): void {
    const now = this.#now();
    this.#keptAt.delete(key);
    this.#keptAt.set(key, now);
    for (const [oldest, keptAt] of this.#keptAt) {
      if (now - keptAt < lifetimeMs) break;
      this.#keptAt.delete(oldest);
    }
  }
}
