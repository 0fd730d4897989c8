import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { redactSecrets } from "../../src/log.ts";
import type { CompletionRequest } from "../../src/models/model.ts";
import { describePrompt, keyOf, type NewCall } from "../../src/models/recorded-call.ts";
import { openRecording, readRecording } from "../../src/models/recording.ts";
import { smallUsage } from "./scripted-client.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "recording-"));
  path = join(folder, "model-calls.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

const open = (): ReturnType<typeof openRecording> => openRecording(path, { redact: redactSecrets });
const call = (text: string | null, given: Partial<NewCall> = {}): NewCall => ({
  key: "k",
  stage: "draft",
  model: "m",
  prompt: [],
  answer: text === null ? null : { text, stop: { unified: "end", raw: "end_turn" } },
  usage: smallUsage,
  costUsd: 0.5,
  ...given,
});
const textOf = (found: { answer: { text: string } } | null): string | null => found?.answer.text ?? null;

async function write(...calls: NewCall[]): Promise<void> {
  await using recording = await open();
  for (const each of calls) await recording.append(each);
}

describe("openRecording", () => {
  it("gives back what was appended, in a file for its owner alone", async () => {
    await write(call("first"), call(null));
    await using recording = await open();
    expect(recording.calls).toMatchObject([
      { version: 1, answer: { text: "first" } },
      { answer: null, costUsd: 0.5 },
    ]);
    expect(recording.damagedLines).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("gives each answer of a question once, in order, and none that was written since", async () => {
    await write(call("first"), call(null), call("second"), call("other", { key: "l" }));
    await using recording = await open();
    await recording.append(call("third"));
    expect([1, 2, 3].map(() => textOf(recording.find("k")))).toEqual(["first", "second", null]);
    expect(textOf(recording.find("l"))).toBe("other");
    expect(recording.find("unknown")).toBeNull();
  });

  it("tells models apart where asked to", async () => {
    await write(call("of m"), call("of n", { model: "n" }));
    await using recording = await open();
    expect(textOf(recording.find("k", "n"))).toBe("of n");
    expect(recording.find("k", "n")).toBeNull();
    expect(textOf(recording.find("k"))).toBe("of m");
  });

  it("cuts off a last line that a kill tore, wherever it did", async () => {
    await write(call("first"), call("zweite Antwort: schön"));
    const whole = await readFile(path);
    const secondLine = whole.indexOf("\n") + 1;
    for (let length = secondLine + 1; length < whole.length - 1; length += 13) {
      await writeFile(path, whole);
      await truncate(path, length);
      await write(call("third"));
      const { calls, damagedLines } = await readRecording(path);
      expect([calls.map((each) => each.answer?.text), damagedLines]).toEqual([["first", "third"], 0]);
    }
  });

  it("keeps a last line that lacks only its end", async () => {
    await write(call("first"));
    await truncate(path, (await stat(path)).size - 1);
    await write(call("second"));
    expect((await readRecording(path)).calls.map((each) => each.answer?.text)).toEqual(["first", "second"]);
  });

  it("skips damaged lines in the middle and counts them", async () => {
    await write(call("first"));
    await appendFile(path, 'rubbish\n{"version":2}\n\n[]\n');
    await write(call("second"));
    await using recording = await open();
    expect(recording.calls.map((each) => each.answer?.text)).toEqual(["first", "second"]);
    expect(recording.damagedLines).toBe(3);
  });

  it("writes whole lines also when many are appended at one time", async () => {
    await using recording = await open();
    const texts = Array.from({ length: 50 }, (_, index) => `${index} ${"x".repeat(20_000)}`);
    await Promise.all(texts.map((text) => recording.append(call(text))));
    expect((await readRecording(path)).calls.map((each) => each.answer?.text)).toEqual(texts);
  });

  it("lets no secret out, and leaves JSON that holds one JSON", async () => {
    const key = `sk-ant-${"a".repeat(30)}`;
    await write(
      call(`the key is ${key}`, { stage: key, model: key }),
      call(JSON.stringify({ site: "https://example.org", mail: "a@b.org", note: key })),
    );
    const text = await readFile(path, "utf8");
    expect(text).not.toContain(key);
    const [, value] = (await readRecording(path)).calls;
    expect(JSON.parse(value?.answer?.text ?? "")).toEqual({
      site: "https://example.org",
      mail: "a@b.org",
      note: "[redacted]",
    });
  });

  it("says what is wrong with a place that cannot be written", async () => {
    const error = await openRecording(folder, { redact: redactSecrets }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "recording-not-writable", userMessage: expect.stringContaining(folder) });
  });
});

describe("keyOf", () => {
  const request = (given: Partial<CompletionRequest> = {}): CompletionRequest => ({
    system: "You write.",
    messages: [{ role: "user", parts: [{ text: "The task." }, { text: "The files." }] }],
    maxOutputTokens: 100,
    answer: null,
    ...given,
  });
  const key = keyOf(request());

  it("is the same whatever the answer's length, the cache, the split into parts, or what is volatile", () => {
    const parts = [
      { text: "The task.", cache: true },
      { text: "On Linux with 8 cores.", volatile: true },
      { text: "The files." },
    ];
    expect(keyOf(request({ maxOutputTokens: 7 }))).toBe(key);
    expect(keyOf(request({ messages: [{ role: "user", parts }] }))).toBe(key);
    expect(keyOf(request({ messages: [{ role: "user", parts: [{ text: "The task.The files." }] }] }))).toBe(key);
  });

  it("is another for another system, text, role, message or form of answer", () => {
    const others = [
      request({ system: "You judge." }),
      request({ messages: [{ role: "user", parts: [{ text: "The task" }] }] }),
      request({ messages: [{ role: "assistant", parts: [{ text: "The task.The files." }] }] }),
      request({
        messages: [
          { role: "user", parts: [{ text: "The task." }] },
          { role: "user", parts: [{ text: "The files." }] },
        ],
      }),
      request({ answer: { name: "a", schema: {} } }),
      request({ answer: { name: "b", schema: {} } }),
      request({ answer: { name: "b", schema: { type: "object" } } }),
    ].map(keyOf);
    expect(new Set([key, ...others]).size).toBe(others.length + 1);
  });

  it("does not depend on the order of a schema's keys", () => {
    const a = request({ answer: { name: "a", schema: { type: "object", properties: { x: {}, y: {} } } } });
    const b = request({ answer: { name: "a", schema: { properties: { y: {}, x: {} }, type: "object" } } });
    expect(keyOf(a)).toBe(keyOf(b));
  });

  it("comes with a description of the prompt that holds none of its text", () => {
    const described = describePrompt(request());
    expect(described.map(({ role, characters }) => [role, characters])).toEqual([
      ["system", 10],
      ["user", 9],
      ["user", 10],
    ]);
    expect(described.every(({ sha256 }) => /^[0-9a-f]{16}$/.test(sha256))).toBe(true);
  });
});
