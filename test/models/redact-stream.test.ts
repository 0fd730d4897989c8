import { describe, expect, it } from "vitest";
import { redactStream } from "../../src/models/redact-stream.ts";

describe("redactStream", () => {
  it("lets no secret through that comes in pieces, and loses nothing else", () => {
    const passed: string[] = [];
    const text = "a first line\nthe key is secret-0123 and more\nan end without a line break secret-0123";
    for (let size = 1; size < 20; size++) {
      passed.length = 0;
      const stream = redactStream(
        (piece) => passed.push(piece),
        (whole) => whole.replaceAll("secret-0123", "[redacted]"),
      );
      for (let at = 0; at < text.length; at += size) stream.write(text.slice(at, at + size));
      stream.end();
      expect(passed.join("")).toBe(text.replaceAll("secret-0123", "[redacted]"));
    }
  });

  it("shows a line as soon as it is whole", () => {
    const passed: string[] = [];
    const stream = redactStream((piece) => passed.push(piece), String);
    stream.write("one\ntw");
    expect(passed).toEqual(["one\n"]);
    stream.write("o\n");
    expect(passed).toEqual(["one\n", "two\n"]);
  });
});
