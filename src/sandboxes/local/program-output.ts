import { execFile } from "node:child_process";
import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { captureOutput } from "../capture-output.ts";
import { createReporter } from "../report-output.ts";
import type { CapturedOutput, RunCommandOptions } from "../sandbox.ts";

const names = ["stdout", "stderr"] as const;

/**
 * Makes the named pipes that programs write to. What Node calls a pipe is a socket, and neither a socket nor
 * another account's pipe can be opened again as /dev/stdout, which scripts do. The folder keeps others away.
 */
export async function makeOutputPipes(folder: string): Promise<void> {
  const paths = names.map((name) => join(folder, name));
  await promisify(execFile)("mkfifo", ["--", ...paths], { env: { PATH: "/usr/bin:/bin" } });
}

export interface OutputStream {
  /** The end that the program gets; to be closed here once it is started. */
  writeEnd: number;
  finish(): Promise<CapturedOutput>;
}

/** What a pipe holds at most on Linux, unless asked for more. */
const chunkBytes = 65_536;
/** How long to wait for the end of a stream after its program ended, in milliseconds: only a process that got away holds it open. */
const lastWordsMs = 2_000;

export function openOutput(
  folder: string,
  name: (typeof names)[number],
  { outputLimitBytes, onOutput }: Pick<RunCommandOptions, "outputLimitBytes" | "onOutput">,
): OutputStream {
  const path = join(folder, name);
  // Where the program runs as our own account it may have shut the pipe.
  chmodSync(path, 0o666);
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  const capture = captureOutput(outputLimitBytes);
  const report = onOutput === undefined ? null : createReporter((text) => onOutput(name, text));
  const closed = Promise.withResolvers<void>();
  // One buffer for all that arrives: nobody may keep what the callback is given.
  const onread = {
    buffer: Buffer.alloc(chunkBytes),
    callback(bytes: number, buffer: Uint8Array) {
      const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
      capture.write(chunk);
      report?.(chunk);
      return true;
    },
  };
  const socket = new Socket({ fd: readEnd, readable: true, writable: false, onread });
  socket.resume();
  socket.on("error", () => socket.destroy());
  socket.on("close", () => closed.resolve());

  return {
    writeEnd,
    async finish() {
      const limit = new AbortController();
      await Promise.race([
        closed.promise,
        sleep(lastWordsMs, undefined, { signal: limit.signal }).catch(() => undefined),
      ]);
      limit.abort();
      socket.destroy();
      return capture.finish();
    },
  };
}

export function closeQuietly(file: number): void {
  try {
    closeSync(file);
  } catch {
    // Closed before.
  }
}
