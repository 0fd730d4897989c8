import type { Readable } from "node:stream";
import { repositoryError } from "./clone-errors.ts";

/** Reads what `git cat-file --batch` writes: `<id> blob <size>`, the bytes, and a line feed, again and again. */
export class BlobReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);
  /** Bytes of the current blob that nobody has taken yet. */
  #remaining = 0;

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Moves to the next blob and returns its size in bytes. */
  async nextBlob(): Promise<number> {
    let end = this.#buffer.indexOf(10);
    while (end === -1) {
      await this.#fill();
      end = this.#buffer.indexOf(10);
    }
    const header = this.#buffer.toString("latin1", 0, end);
    const [, size] = /^[0-9a-f]+ blob (\d+)$/.exec(header) ?? [];
    if (size === undefined) throw corrupt(`git cat-file answered "${header}"`);
    this.#buffer = this.#buffer.subarray(end + 1);
    this.#remaining = Number(size);
    return this.#remaining;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    while (this.#remaining > 0) {
      if (this.#buffer.length === 0) await this.#fill();
      const chunk = this.#buffer.subarray(0, this.#remaining);
      this.#buffer = this.#buffer.subarray(chunk.length);
      this.#remaining -= chunk.length;
      yield chunk;
    }
  }

  /** The rest of the current blob in memory, for small ones. */
  async readRest(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Passes over what is left of the current blob and the line feed after it. */
  async skipRest(): Promise<void> {
    this.#remaining += 1;
    for await (const _ of this.chunks());
  }

  async #fill(): Promise<void> {
    const { value, done } = await this.#chunks.next();
    if (done === true) throw corrupt("git cat-file ended early");
    this.#buffer = this.#buffer.length === 0 ? value : Buffer.concat([this.#buffer, value]);
  }
}

function corrupt(reason: string) {
  return repositoryError({
    code: "repository-corrupt",
    userMessage:
      "The git data of the repository cannot be read to its end: clone it anew, or give a copy without .git.",
    cause: new Error(reason),
  });
}
