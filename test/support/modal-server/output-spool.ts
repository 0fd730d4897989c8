import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { GrpcError } from "./grpc-error.ts";

/** What a program wrote to one stream, in a file, so that it can be read from any offset and more than once. */
export class OutputSpool implements Disposable {
  readonly #file: number;
  readonly #waiting = new Set<() => void>();
  #size = 0;
  #ended = false;
  #closed = false;

  constructor(path: string) {
    this.#file = openSync(path, "w+", 0o600);
  }

  append(bytes: Uint8Array): void {
    if (this.#closed) return;
    writeSync(this.#file, bytes);
    this.#size += bytes.length;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Yields what is there and what comes, to the end of the stream; nothing after the signal. */
  async *read(offset: number, signal: AbortSignal): AsyncIterable<Buffer> {
    let at = offset;
    while (!signal.aborted) {
      if (this.#closed) throw new GrpcError("NOT_FOUND", "The task is not running.");
      if (at < this.#size) {
        const buffer = Buffer.allocUnsafe(Math.min(this.#size - at, largestChunk));
        const bytes = readSync(this.#file, buffer, 0, buffer.length, at);
        at += bytes;
        yield buffer.subarray(0, bytes);
      } else if (this.#ended) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }
}

const largestChunk = 256 * 1024;
