import { type FileHandle, open } from "node:fs/promises";
import { describeFullDisk, RunFolderError } from "../errors.ts";
import { type AnsweredCall, isAnswered, type NewCall, type RecordedAnswer, RecordedCall } from "./recorded-call.ts";
import { redactAnswer } from "./redact-answer.ts";

/**
 * A file of calls, one JSON object a line. Each run keeps one as its journal: a run that was killed asks the same
 * questions again, gets these answers, and pays for nothing twice.
 */
export interface Recording extends AsyncDisposable {
  /** What was there when it was opened. */
  readonly calls: readonly RecordedCall[];
  /** Lines that could not be read; a last one that a kill cut off is not among them. */
  readonly damagedLines: number;
  /**
   * The next answer to a question that was there at opening, from any model or from one. Each is given once, in order:
   * whoever asks the same twice got two answers.
   */
  find(key: string, model?: string): AnsweredCall | null;
  /** Returns when the call is on the disk. */
  append(call: NewCall): Promise<void>;
}

/** Opens a recording to go on with it, or begins one that only its owner may read; throws RunFolderError. */
export async function openRecording(
  path: string,
  { redact }: { redact: (text: string) => string },
): Promise<Recording> {
  try {
    const file = await open(path, "a+", 0o600);
    try {
      const { calls, damagedLines } = await mend(file);
      const append = createAppender(file, path);
      return {
        calls,
        damagedLines,
        find: createQueue(calls),
        append: (call) => append(redactCall({ version: 1, ...call, at: new Date().toISOString() }, redact)),
        [Symbol.asyncDispose]: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw describeWriteError(path, error);
  }
}

/** Reads a recording that nobody writes to; lines `{"note": ...}` are for people. Throws the system's error. */
export async function readRecording(path: string): Promise<{ calls: RecordedCall[]; damagedLines: number }> {
  await using file = await open(path, "r");
  return parseLines(await readWhole(file));
}

/** Hands out the answers to each question, in the order in which they were recorded. */
export function createQueue(calls: readonly RecordedCall[]): Recording["find"] {
  const waiting = new Map<string, AnsweredCall[]>();
  for (const call of calls) if (isAnswered(call)) pushTo(waiting, call.key, call);
  return (key, model) => {
    const queue = waiting.get(key) ?? [];
    const index = queue.findIndex((call) => model === undefined || call.model === model);
    return index < 0 ? null : (queue.splice(index, 1)[0] ?? null);
  };
}

function pushTo<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** Cuts off what a kill left of the last line, so that the next one begins at a line's beginning. */
async function mend(file: FileHandle): Promise<ReturnType<typeof parseLines>> {
  const bytes = await readWhole(file);
  const parsed = parseLines(bytes);
  const end = bytes.lastIndexOf(lineFeed) + 1;
  if (end === bytes.length) return parsed;
  // Of a line that is whole but for its end nothing is lost.
  if (parseLine(bytes.subarray(end))) {
    await file.appendFile("\n");
    return parsed;
  }
  await file.truncate(end);
  return { ...parsed, damagedLines: parsed.damagedLines - 1 };
}

/** A device would have no end. */
async function readWhole(file: FileHandle): Promise<Buffer> {
  if (!(await file.stat()).isFile()) throw Object.assign(new Error("not a regular file"), { code: "no regular file" });
  return file.readFile();
}

const lineFeed = 0x0a;

function parseLines(bytes: Buffer): { calls: RecordedCall[]; damagedLines: number } {
  const calls: RecordedCall[] = [];
  let damagedLines = 0;
  for (let start = 0; start < bytes.length; ) {
    const next = bytes.indexOf(lineFeed, start);
    const end = next < 0 ? bytes.length : next;
    const line = bytes.subarray(start, end);
    const call = parseLine(line);
    if (call) calls.push(call);
    else if (end > start && !isNote(line)) damagedLines++;
    start = end + 1;
  }
  return { calls, damagedLines };
}

/** Whoever keeps a recording may say in it how it was made. */
function isNote(line: Buffer): boolean {
  return /^\{\s*"note"\s*:/.test(line.toString("utf8", 0, 40));
}

function parseLine(line: Buffer): RecordedCall | null {
  try {
    return RecordedCall.parse(JSON.parse(line.toString("utf8")));
  } catch {
    return null;
  }
}

/** One line after the other, each with one write that is flushed. */
function createAppender(file: FileHandle, path: string): (call: RecordedCall) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  // What a failed write left is ended, so that it spoils no other line.
  let begin = "";
  const write = async (call: RecordedCall): Promise<void> => {
    try {
      await file.appendFile(`${begin}${JSON.stringify(call)}\n`);
      begin = "";
      await file.sync();
    } catch (error) {
      begin = "\n";
      throw describeWriteError(path, error);
    }
  };
  return (call) => {
    const written = last.then(() => write(call));
    last = written.catch(() => undefined);
    return written;
  };
}

function redactCall(call: RecordedCall, redact: (text: string) => string): RecordedCall {
  const redactText = ({ text, stop }: RecordedAnswer): RecordedAnswer => ({
    text: redactAnswer(text, redact),
    stop: { ...stop, raw: redact(stop.raw) },
  });
  return {
    ...call,
    stage: redact(call.stage),
    model: redact(call.model),
    answer: call.answer && redactText(call.answer),
  };
}

function describeWriteError(path: string, cause: unknown): RunFolderError {
  if (cause instanceof RunFolderError) return cause;
  const full = describeFullDisk(path, cause);
  if (full) return full;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
  return new RunFolderError({
    code: "recording-not-writable",
    userMessage: `${path} cannot be written (${code}): the answers of models have to be kept there. Name another place.`,
    cause,
  });
}
