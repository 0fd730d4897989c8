import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, ModelError } from "../../src/errors.ts";
import type { CompletionRequest, Message } from "../../src/models/model.ts";
import { describePrompt, keyOf } from "../../src/models/recorded-call.ts";
import { openRecording } from "../../src/models/recording.ts";
import { createReplayClient } from "../../src/models/replay.ts";
import { smallUsage } from "./scripted-client.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "replay-"));
  path = join(folder, "calls.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

const says = (...texts: string[]): Message => ({ role: "user", parts: texts.map((text) => ({ text })) });
const request = (...messages: Message[]): CompletionRequest => ({
  system: "You write.",
  messages,
  maxOutputTokens: 100,
  answer: null,
});

async function record(...calls: Array<[CompletionRequest, string | null]>): Promise<void> {
  await using recording = await openRecording(path, { redact: (text) => text });
  for (const [asked, text] of calls) {
    await recording.append({
      key: keyOf(asked),
      stage: "draft",
      model: "claude-haiku-4-5",
      prompt: describePrompt(asked),
      answer: text === null ? null : { text, stop: { unified: "end", raw: "end_turn" } },
      usage: smallUsage,
      costUsd: 0.01,
    });
  }
}

async function messageOf(asked: CompletionRequest): Promise<string> {
  const client = await createReplayClient({ path });
  const error: unknown = await client.complete(asked, {}).catch((thrown: unknown) => thrown);
  if (error instanceof ModelError) return `${error.code} ${error.retryable} ${error.userMessage}`;
  throw error;
}

describe("createReplayClient", () => {
  it("answers for free what is in the recording, whoever gave the answer", async () => {
    await record([request(says("a")), "alpha"]);
    const client = await createReplayClient({ path });
    const pieces: string[] = [];
    const completion = await client.complete(request(says("a")), { onText: (text) => pieces.push(text) });
    expect(completion).toEqual({ text: "alpha", stop: { unified: "end", raw: "end_turn" }, usage: smallUsage });
    expect([client.billed, client.provider, pieces]).toEqual([false, "replay", ["alpha"]]);
  });

  it("gives the answers of one question in order, then the last again", async () => {
    await record([request(says("a")), "first"], [request(says("a")), null], [request(says("a")), "second"]);
    const client = await createReplayClient({ path });
    const texts = [];
    for (let index = 0; index < 3; index++) texts.push((await client.complete(request(says("a")), {})).text);
    expect(texts).toEqual(["first", "second", "second"]);
  });

  it("answers the same question about another machine", async () => {
    await record([request(says("a")), "alpha"]);
    const client = await createReplayClient({ path });
    const elsewhere = { role: "user" as const, parts: [{ text: "Linux 6", volatile: true }, { text: "a" }] };
    expect((await client.complete(request(elsewhere), {})).text).toBe("alpha");
  });

  it("says which recorded prompt is nearest and where it first differs", async () => {
    await record([request(says("x"), says("y")), "1"], [request(says("task"), says("files", "errors!")), "2"]);
    expect(await messageOf(request(says("task"), says("files", "errors")))).toBe(
      "replay-no-answer false The recording calls.jsonl holds no answer to this prompt. The nearest, answer 2 of 2 " +
        "(stage draft), has the same first 3 of 4 parts and differs in message 2 (user), part 2 of 2: 7 characters " +
        "recorded, 6 asked. Record it anew, or use the files and the version that it was recorded with.",
    );
  });

  it("says so where the system's text, the length of the prompt or the form of the answer differs", async () => {
    await record([request(says("task")), "1"]);
    expect(await messageOf({ ...request(says("task")), system: "You judge." })).toMatch(/differs in the system's text/);
    expect(await messageOf(request(says("task"), says("more")))).toMatch(/lacks message 2 \(user\), part 1 of 1/);
    expect(await messageOf(request())).toMatch(/has the same 1 parts and 1 more/);
    expect(await messageOf({ ...request(says("task")), answer: { name: "a", schema: {} } })).toMatch(/form of answer/);
  });

  it("refuses a file that is missing, no file, or without answers", async () => {
    const failure = async (): Promise<unknown> => createReplayClient({ path }).catch((error: unknown) => error);
    const missing = await failure();
    expect(missing).toBeInstanceOf(ConfigError);
    expect(missing).toMatchObject({ code: "replay-unreadable", userMessage: expect.stringMatching(/does not exist/) });
    await record([request(says("a")), null]);
    expect(await failure()).toMatchObject({ userMessage: expect.stringMatching(/holds no answer/) });
    await writeFile(path, "rubbish");
    expect(await failure()).toMatchObject({ userMessage: expect.stringMatching(/holds no answer/) });
    path = folder;
    expect(await failure()).toMatchObject({ userMessage: expect.stringMatching(/cannot be read \(no regular file\)/) });
    path = "/dev/zero";
    expect(await failure()).toMatchObject({ userMessage: expect.stringMatching(/cannot be read \(no regular file\)/) });
  });
});
