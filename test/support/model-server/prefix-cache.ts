import { hash } from "node:crypto";
import { type CacheLookup, ExpiringKeys, type PromptCache } from "./prompt-cache.ts";
import type { PromptPart } from "./received-request.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Shortest prefix that is cached, and the step by which longer ones are; OpenAI's guide "Prompt caching". */
const shortest = 1024;
const step = 128;

/** cl100k's own marks around a message: start, role, separator, end. Three more tokens prime the answer. */
const [messageStart, messageSeparator, messageEnd] = [100264, 100266, 100265];
const primingTokens = 3;

/** OpenAI's cache: every prompt leaves its prefixes, unasked and free of charge; the longest that fits is read. */
export class PrefixCache implements PromptCache {
  readonly #seen: ExpiringKeys;
  readonly #tokenizer: Tokenizer;

  constructor({ tokenizer, now }: { tokenizer: Tokenizer; now: () => number }) {
    this.#tokenizer = tokenizer;
    this.#seen = new ExpiringKeys(now);
  }

  lookUp({ prompt, model, scope }: Parameters<PromptCache["lookUp"]>[0]): CacheLookup {
    const tokens = this.#render(prompt);
    const keys = prefixKeys(tokens, `${scope}\0${model}`);
    const longest = keys.findLastIndex((key) => this.#seen.has(key));
    return {
      promptTokens: tokens.length + primingTokens,
      readTokens: longest < 0 ? 0 : shortest + longest * step,
      writeTokens: 0,
      begin: () => {
        for (const key of keys) this.#seen.keep(key);
      },
    };
  }

  #render(prompt: readonly PromptPart[]): Uint32Array {
    const messages = prompt.map(({ identity, text }) => {
      const role = this.#tokenizer.encode(identity)[0] ?? 0;
      return { role, tokens: this.#tokenizer.encode(text) };
    });
    const rendered = new Uint32Array(messages.reduce((sum, { tokens }) => sum + tokens.length + 4, 0));
    let at = 0;
    for (const { role, tokens } of messages) {
      rendered.set([messageStart, role, messageSeparator], at);
      rendered.set(tokens, at + 3);
      at += tokens.length + 4;
      rendered[at - 1] = messageEnd;
    }
    return rendered;
  }
}

/** A key for each cacheable length, shortest first; each stands for everything before it. */
function prefixKeys(tokens: Uint32Array, seed: string): string[] {
  const keys: string[] = [];
  let [from, key] = [0, seed];
  for (let to = shortest; to <= tokens.length; to += step) {
    const part = tokens.subarray(from, to);
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    key = hash("sha1", Buffer.concat([Buffer.from(key), bytes]), "base64");
    keys.push(key);
    from = to;
  }
  return keys;
}
