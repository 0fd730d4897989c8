import { hash } from "node:crypto";
import { decode, encode } from "gpt-tokenizer/encoding/cl100k_base";

/** Tokens that are kept, four bytes each. */
const memoryLimit = 8 * 2 ** 20;

/** Counts with cl100k_base whatever the model. Remembers what it has seen: a conversation repeats its parts. */
export class Tokenizer {
  readonly #seen = new Map<string, Uint32Array>();
  #remembered = 0;

  encode(text: string): Uint32Array {
    const key = hash("sha1", text, "base64");
    const seen = this.#seen.get(key);
    if (seen) return seen;
    const tokens = Uint32Array.from(encode(text, { disallowedSpecial: new Set() }));
    this.#remember(key, tokens);
    return tokens;
  }

  count(text: string): number {
    return this.encode(text).length;
  }

  /** The beginning of a text, not longer than so many tokens. */
  cut(text: string, limit: number): string {
    const tokens = this.encode(text);
    if (tokens.length <= limit) return text;
    return decode(tokens.subarray(0, limit)).replace(/\ufffd+$/, "");
  }

  #remember(key: string, tokens: Uint32Array): void {
    this.#seen.set(key, tokens);
    this.#remembered += tokens.length;
    for (const [oldest, forgotten] of this.#seen) {
      if (this.#remembered <= memoryLimit) break;
      this.#seen.delete(oldest);
      this.#remembered -= forgotten.length;
    }
  }
}
