import { join } from "node:path";
import type { Readable } from "node:stream";
import { GrpcError } from "./grpc-error.ts";
import type { EnteredProgram, ProgramEnd } from "./isolated-place.ts";
import { OutputSpool } from "./output-spool.ts";

export interface EmulatedExecOptions {
  program: EnteredProgram;
  /** For the files with its output. */
  folder: string;
  execId: string;
  /** Undefined for a stream that is thrown away. */
  keep: { stdout: boolean; stderr: boolean };
  /** When it is ended by SIGKILL. */
  timeoutMs: number | null;
}

/** One program of a sandbox, as the router shows it. */
export class EmulatedExec implements Disposable {
  readonly stdout: OutputSpool;
  readonly stderr: OutputSpool;
  readonly program: EnteredProgram;
  readonly ended: Promise<ProgramEnd | null>;
  end: ProgramEnd | null = null;
  /** Its sandbox went away under it. */
  lost = false;
  #stdinBytes = 0;
  #stdinClosed = false;

  constructor({ program, folder, execId, keep, timeoutMs }: EmulatedExecOptions) {
    this.program = program;
    this.stdout = spoolOf(program.stdout, keep.stdout, join(folder, `${execId}.stdout`));
    this.stderr = spoolOf(program.stderr, keep.stderr, join(folder, `${execId}.stderr`));
    const timer = timeoutMs === null ? undefined : setTimeout(() => program.kill(), timeoutMs);
    this.ended = program.ended.then((end) => {
      clearTimeout(timer);
      this.end = end;
      this.lost ||= end === null;
      this.#stdinClosed = true;
      return end;
    });
  }

  get stdinStatus(): { numBytesWritten: number; closed: boolean } {
    return { numBytesWritten: this.#stdinBytes, closed: this.#stdinClosed };
  }

  /** What was written before may come again; nothing may be left out. */
  async writeStdin(offset: number, data: Buffer, eof: boolean): Promise<void> {
    const missing = data.subarray(this.#stdinBytes - offset);
    if (offset > this.#stdinBytes) throw new GrpcError("INVALID_ARGUMENT", `Bytes before ${offset} were not written.`);
    if (this.#stdinClosed) {
      if (missing.length === 0) return;
      throw new GrpcError("FAILED_PRECONDITION", "The program's stdin is closed.");
    }
    this.#stdinBytes += missing.length;
    if (eof) this.#stdinClosed = true;
    const written = new Promise<void>((resolve) => {
      this.program.stdin.write(missing, () => resolve());
    });
    if (eof) this.program.stdin.end();
    await Promise.race([written, this.ended]);
  }

  [Symbol.dispose](): void {
    this.lost = this.end === null;
    this.program.kill();
    this.stdout[Symbol.dispose]();
    this.stderr[Symbol.dispose]();
  }
}

function spoolOf(stream: Readable, keep: boolean, path: string): OutputSpool {
  const spool = new OutputSpool(path);
  stream.on("data", (bytes: Buffer) => {
    if (keep) spool.append(bytes);
  });
  stream.on("error", () => {});
  stream.on("close", () => spool.end());
  return spool;
}
