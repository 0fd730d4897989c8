import type { CapturedOutput } from "./sandbox.ts";

/** Kept of each stream where the caller names no limit, in bytes. */
const defaultOutputLimitBytes = 200_000;

export interface OutputCapture {
  write(chunk: Buffer): void;
  /** Takes note of bytes that nobody sends, and of the lines among them that look like errors. */
  leaveOut(leftOut: { bytes: number; lines: readonly string[] }): void;
  finish(): CapturedOutput;
}

/**
 * Keeps the head and the tail of a stream, and from between them the lines that look like errors, within
 * `limitBytes` altogether (the two notes about what was left out come on top). Memory stays near that limit
 * whatever arrives, and the work per byte is a few native searches.
 */
export function captureOutput(limitBytes: number = defaultOutputLimitBytes): OutputCapture {
  const limit = Math.max(1024, Math.floor(limitBytes));
  const headSize = Math.floor(limit * 0.4);
  const errorSize = Math.floor(limit * 0.2);
  const tailSize = limit - headSize - errorSize;
  const head: Buffer[] = [];
  // While nothing has to be left out the ring also holds what would go to the error lines.
  const ring = createRing(limit - headSize);
  const errorLines = createErrorLines(errorSize);
  let totalBytes = 0;
  let seen = 0;

  const lines = createProgressCollapser((data) => {
    const forHead = Math.max(0, Math.min(headSize - seen, data.length));
    if (forHead > 0) head.push(Buffer.from(data.subarray(0, forHead)));
    const rest = data.subarray(forHead);
    if (rest.length > 0) {
      errorLines.scan(rest, seen + forHead);
      ring.write(rest);
    }
    seen += data.length;
  });

  return {
    write(chunk) {
      totalBytes += chunk.length;
      lines.write(chunk);
    },
    leaveOut({ bytes, lines: errors }) {
      totalBytes += bytes;
      lines.end();
      seen += bytes;
      ring.clear();
      for (const line of errors) errorLines.add(line, seen);
    },
    finish() {
      lines.end();
      const start = Buffer.concat(head);
      if (seen <= limit) return { text: Buffer.concat([start, ring.read()]).toString(), totalBytes, truncated: false };
      const tail = ring.read().subarray(-tailSize);
      const between = errorLines.before(seen - tailSize);
      const left = seen - start.length - tail.length;
      const note =
        between.length === 0
          ? `\n[... ${left} bytes left out ...]\n`
          : `\n[... ${left} bytes left out; lines among them that look like errors: ...]\n${between.join("\n")}\n[... end of those lines ...]\n`;
      return { text: wholeCharacters(start) + note + wholeCharacters(tail), totalBytes, truncated: true };
    },
  };
}

/** Longest unfinished line that is held back in case a carriage return takes it back, in bytes. */
const heldLineBytes = 4096;
const lineFeed = 10;
const carriageReturn = 13;

/** Of a line that was rewritten by carriage returns, as progress bars do, passes on what was left standing. */
function createProgressCollapser(emit: (data: Buffer) => void): { write(chunk: Buffer): void; end(): void } {
  let held: Buffer = Buffer.alloc(0);

  function hold(line: Buffer): void {
    // Carriage returns at the very end may belong to a line break that is still to come.
    let end = line.length;
    while (end > 0 && line[end - 1] === carriageReturn) end -= 1;
    const kept = end === 0 ? line : line.subarray(line.lastIndexOf(carriageReturn, end - 1) + 1);
    if (kept.length > heldLineBytes) {
      emit(kept);
      held = Buffer.alloc(0);
    } else {
      held = Buffer.from(kept);
    }
  }

  return {
    write(chunk) {
      const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const end = data.lastIndexOf(lineFeed) + 1;
      if (end > 0) emit(collapseLines(data.subarray(0, end)));
      hold(data.subarray(end));
    },
    end() {
      emit(Buffer.from(held.toString("latin1").replace(/\r+$/, ""), "latin1"));
      held = Buffer.alloc(0);
    },
  };
}

function collapseLines(lines: Buffer): Buffer {
  let next = lines.indexOf(carriageReturn);
  if (next === -1) return lines;
  const kept: Buffer[] = [];
  let from = 0;
  while (next !== -1) {
    const start = lines.lastIndexOf(lineFeed, next) + 1;
    const lineEnd = lines.indexOf(lineFeed, next);
    let end = lineEnd;
    while (end > start && lines[end - 1] === carriageReturn) end -= 1;
    const line = lines.subarray(start, end);
    kept.push(lines.subarray(from, start), line.subarray(line.lastIndexOf(carriageReturn) + 1));
    from = lineEnd;
    next = lines.indexOf(carriageReturn, lineEnd);
  }
  kept.push(lines.subarray(from));
  return Buffer.concat(kept);
}

/** The last `size` bytes of what was written. */
function createRing(size: number): { write(data: Buffer): void; clear(): void; read(): Buffer } {
  let ring: Buffer | undefined;
  let written = 0;
  return {
    write(data) {
      ring ??= Buffer.alloc(size);
      const kept = data.length > size ? data.subarray(data.length - size) : data;
      const position = (written + data.length - kept.length) % size;
      const first = kept.copy(ring, position);
      if (first < kept.length) kept.copy(ring, 0, first);
      written += data.length;
    },
    clear() {
      written = 0;
    },
    read() {
      if (ring === undefined) return Buffer.alloc(0);
      if (written <= size) return ring.subarray(0, written);
      const position = written % size;
      return Buffer.concat([ring.subarray(position), ring.subarray(0, position)]);
    },
  };
}

const errorMarks = [
  "Traceback (",
  "rror:",
  "Error",
  "ERROR",
  "xception",
  "fatal",
  "FATAL",
  "Killed",
  "Segmentation",
].map((mark) => Buffer.from(mark));
const keptLineBytes = 400;

/** The first lines that look like errors, each once, until `budget` bytes of them are kept. */
function createErrorLines(budget: number): {
  scan(data: Buffer, offset: number): void;
  /** A line that somebody else found, which ended before the offset. */
  add(text: string, end: number): void;
  before(offset: number): string[];
} {
  const lines: Array<{ end: number; text: string }> = [];
  const known = new Set<string>();
  let carried: Buffer = Buffer.alloc(0);
  let left = budget;

  return {
    scan(chunk, chunkOffset) {
      if (left <= 0) return;
      const data = carried.length === 0 ? chunk : Buffer.concat([carried, chunk]);
      const offset = chunkOffset - carried.length;
      const found = new Map<number, { mark: number; end: number }>();
      for (const mark of errorMarks) {
        let at = data.indexOf(mark);
        while (at !== -1) {
          const end = data.indexOf(lineFeed, at);
          if (end === -1) break;
          const start = data.lastIndexOf(lineFeed, at) + 1;
          if (!found.has(start)) found.set(start, { mark: at, end });
          at = data.indexOf(mark, end);
        }
      }
      for (const [start, { mark, end }] of [...found].sort(([a], [b]) => a - b)) {
        const from = Math.max(start, mark - keptLineBytes / 2);
        const text = data.toString("utf8", from, Math.min(end, from + keptLineBytes));
        // Seen before: it is not kept again, but it was paid for, and a million of them must not be.
        if (known.has(text)) {
          left -= 1;
          continue;
        }
        left -= end - from > keptLineBytes ? keptLineBytes : end - from + 1;
        if (left < 0) break;
        known.add(text);
        lines.push({ end: offset + end, text });
      }
      const rest = data.subarray(data.lastIndexOf(lineFeed) + 1);
      carried = Buffer.from(rest.subarray(-2 * keptLineBytes));
    },
    add(text, end) {
      left -= text.length + 1;
      if (left < 0 || known.has(text)) return;
      known.add(text);
      lines.push({ end, text });
    },
    before(offset) {
      return lines.filter(({ end }) => end <= offset).map(({ text }) => text);
    },
  };
}

/** Decodes UTF-8 that was cut at either end without leaving replacement characters there. */
function wholeCharacters(bytes: Buffer): string {
  let start = 0;
  while (start < Math.min(3, bytes.length) && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  let end = bytes.length;
  for (let back = 1; back <= Math.min(3, bytes.length - start); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (needed > back) end = bytes.length - back;
    break;
  }
  return bytes.toString("utf8", start, end);
}
