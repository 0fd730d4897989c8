import { hash } from "node:crypto";
import { type CacheLookup, ExpiringKeys, type PromptCache } from "./prompt-cache.ts";
import type { PromptPart } from "./received-request.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Places that are tried for a breakpoint, itself the first; platform.claude.com, "Prompt caching". */
const lookback = 20;

/**
 * Anthropic's cache: a prefix is written where `cache_control` marks its end, and nowhere else; a later prompt reads
 * the longest one that was written at one of the block boundaries before its own marks.
 */
export class BreakpointCache implements PromptCache {
  readonly #written: ExpiringKeys;
  readonly #tokenizer: Tokenizer;

  constructor({ tokenizer, now }: { tokenizer: Tokenizer; now: () => number }) {
    this.#tokenizer = tokenizer;
    this.#written = new ExpiringKeys(now);
  }

  lookUp({ prompt, model, scope }: Parameters<PromptCache["lookUp"]>[0]): CacheLookup {
    const prefixes = this.#prefixes(prompt, `${scope}\0${model}`);
    const minimum = minimumTokens(model);
    const breakpoints = [...prefixes.keys()].filter(
      (index) => prompt[index]?.marked && (prefixes[index]?.tokens ?? 0) >= minimum,
    );
    const read = breakpoints
      .flatMap((index) => prefixes.slice(Math.max(0, index + 1 - lookback), index + 1))
      .filter((prefix) => this.#written.has(prefix.key))
      .reduce<Prefix | null>((longest, prefix) => (prefix.tokens > (longest?.tokens ?? 0) ? prefix : longest), null);
    const readTokens = read?.tokens ?? 0;
    const ends = breakpoints.flatMap((index) => prefixes[index] ?? []);
    return {
      promptTokens: prefixes.at(-1)?.tokens ?? 0,
      readTokens,
      writeTokens: (ends.at(-1)?.tokens ?? readTokens) - readTokens,
      begin: () => {
        for (const { key } of read ? [read, ...ends] : ends) this.#written.keep(key);
      },
    };
  }

  /** The prompt up to the end of each part; a key stands for every text before it. */
  #prefixes(prompt: readonly PromptPart[], seed: string): Prefix[] {
    let [key, tokens] = [seed, 0];
    return prompt.map((part) => {
      key = hash("sha1", `${key}\0${part.identity}\0${part.text}`, "base64");
      tokens += this.#tokenizer.count(part.text);
      return { key, tokens };
    });
  }
}

interface Prefix {
  key: string;
  tokens: number;
}

/** Shorter prefixes are not cached, though marked; the table of "Prompt caching" as far as its models matter here. */
function minimumTokens(model: string): number {
  if (/haiku-4-5|opus-4-[56]/.test(model)) return 4096;
  if (/haiku|sonnet-4-6/.test(model)) return 2048;
  return 1024;
}
