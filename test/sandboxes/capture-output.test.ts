import { describe, expect, it } from "vitest";
import { captureOutput } from "../../src/sandboxes/capture-output.ts";

function capture(chunks: ReadonlyArray<string | Buffer>, limitBytes = 2000) {
  const output = captureOutput(limitBytes);
  for (const chunk of chunks) output.write(Buffer.from(chunk));
  return output.finish();
}

/** The same bytes in pieces of every size up to `size`. */
function* inPieces(text: string | Buffer, size: number) {
  const bytes = Buffer.from(text);
  for (let at = 0, length = 1; at < bytes.length; at += length, length = (length % size) + 1) {
    yield bytes.subarray(at, at + length);
  }
}

describe("captured output", () => {
  it("is the whole of what is short", () => {
    expect(capture(["a\n", "b"])).toEqual({ text: "a\nb", totalBytes: 3, truncated: false });
    expect(capture([])).toEqual({ text: "", totalBytes: 0, truncated: false });
    expect(capture(["x".repeat(2000)]).truncated).toBe(false);
    expect(capture(["x".repeat(2001)]).truncated).toBe(true);
  });

  it("keeps head, tail and the lines between that look like errors", () => {
    const filler = "nothing to see\n".repeat(500);
    const text = `first\n${filler}Traceback (most recent call last):\n${filler}KeyError: 'x'\nKeyError: 'x'\n${filler}last\n`;
    for (const size of [7, 64, 100_000]) {
      const { text: kept, totalBytes, truncated } = capture([...inPieces(text, size)]);
      expect(kept.startsWith("first\nnothing")).toBe(true);
      expect(kept.endsWith("nothing to see\nlast\n")).toBe(true);
      expect(kept.match(/Traceback/g)).toHaveLength(1);
      expect(kept.match(/KeyError: 'x'/g)).toHaveLength(1);
      expect(kept.length).toBeLessThan(2200);
      expect(truncated).toBe(true);
      expect(totalBytes).toBe(text.length);
    }
  });

  it("says how much it left out", () => {
    const { text } = capture(["x".repeat(1_000_000)]);
    const left = Number(/\[\.\.\. (\d+) bytes left out/.exec(text)?.[1]);
    expect(left + (text.match(/x/g)?.length ?? 0)).toBe(1_000_000);
  });

  it("bounds the lines that look like errors, and each of them", () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `error: number ${index} ${"y".repeat(index % 5000)}\n`);
    expect(capture(["x".repeat(5000), "\n", ...lines]).text.length).toBeLessThan(2300);
  });

  it("keeps of a line that was rewritten what was left standing", () => {
    const bar = Array.from({ length: 300 }, (_, percent) => `\r${percent}% |####|`).join("");
    for (const size of [1, 5, 100_000]) {
      expect(capture([...inPieces(`start\n${bar}\nend\r\nmore\r\r\n50%\r100%`, size)]).text).toBe(
        "start\n299% |####|\nend\nmore\n100%",
      );
    }
  });

  it("costs a progress bar of megabytes nothing of the limit", () => {
    const bar = Array.from({ length: 100_000 }, (_, index) => `\rDownloading ${index} of 100000 bytes`);
    expect(capture(["before\n", ...bar, "\nafter\n"])).toMatchObject({
      text: "before\nDownloading 99999 of 100000 bytes\nafter\n",
      truncated: false,
    });
  });

  it("never cuts a character in two", () => {
    for (const offset of [0, 1, 2, 3]) {
      const { text } = capture([...inPieces("a".repeat(offset) + "€𝄞é".repeat(5000), 9)]);
      expect(text).not.toContain("\uFFFD");
    }
    expect(capture([Buffer.from([0x61, 0xff, 0x62])]).text).toBe("a\uFFFDb");
  });
});
