import { describe, expect, it, onTestFinished } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { type StreamLimits, watchStream } from "../../src/models/watch-stream.ts";
import { impatient, patient, type ScriptedReply, startScriptedEndpoint } from "./scripted-endpoint.ts";

describe("watchStream", () => {
  it("hands on every event of a stream that ends", async () => {
    const { events } = await watch({ chunks: ["a", "b"] }, { limits: patient });
    expect(events.join("")).toBe("ab");
  });

  it("ends one that does not begin", async () => {
    await expect(watch({ chunks: [], ending: "hang" }, { limits: impatient })).rejects.toMatchObject({
      code: "model-timed-out",
      retryable: true,
      userMessage: "Tester did not begin to answer within 0.15 s: try again later, or use another --model.",
    });
  });

  it("ends one that falls silent, and gives the connection up", async () => {
    const endpoint = await start({ chunks: ["a"], ending: "hang" });
    await expect(watchAt(endpoint.url, { limits: impatient })).rejects.toMatchObject({
      code: "model-timed-out",
      userMessage: expect.stringContaining("fell silent"),
    });
    await expect.poll(() => endpoint.abandoned()).toBe(1);
  });

  it("ends one that takes too long though it never falls silent", async () => {
    const limits = { firstByteMs: 5_000, idleMs: 5_000, totalMs: 200 };
    await expect(watch({ chunks: ["a"], ending: "repeat" }, { limits, length: () => 0 })).rejects.toMatchObject({
      code: "model-timed-out",
      userMessage: expect.stringContaining("did not finish its answer within 0.2 s"),
    });
  });

  it("ends one that goes on beyond what the model may say, for good", async () => {
    const reply: ScriptedReply = { chunks: ["x".repeat(10_000)], ending: "repeat" };
    await expect(watch(reply, { limits: patient })).rejects.toMatchObject({
      code: "model-answer-endless",
      retryable: false,
    });
  });

  it("ends one whose bytes never become an event", async () => {
    const reply: ScriptedReply = { chunks: ["x".repeat(1_000_000)], ending: "repeat" };
    await expect(watch(reply, { limits: patient, eventless: true })).rejects.toMatchObject({
      code: "model-answer-endless",
    });
  });

  it("counts bytes without an event as a sign of life", async () => {
    const limits = { firstByteMs: 200, idleMs: 200, totalMs: 20_000 };
    const { url } = await start({ chunks: ["ping"], ending: "hang" });
    const watched = watchStream<string>({
      provider: "Tester",
      limits,
      maxOutputTokens: 1,
      signal: undefined,
      read: () => 0,
      open: async ({ fetch, signal }) => bodyOf(await fetch(url, { signal }), true),
    });
    await expect(watched).rejects.toMatchObject({ userMessage: expect.stringContaining("in the middle") });
  });

  it("says that a stream without any event is none", async () => {
    await expect(watch({ chunks: [] }, { limits: patient })).rejects.toMatchObject({
      code: "model-answer-garbled",
      retryable: true,
    });
  });

  it("is cancelled before and during the answer", async () => {
    const endpoint = await start({ chunks: ["a"], ending: "hang" });
    const controller = new AbortController();
    const watched = watchAt(endpoint.url, { limits: patient, signal: controller.signal });
    await expect.poll(() => endpoint.requests.length).toBe(1);
    controller.abort();
    await expect(watched).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => endpoint.abandoned()).toBe(1);
    await expect(watchAt(endpoint.url, { limits: patient, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(
      CancelledError,
    );
    expect(endpoint.requests).toHaveLength(1);
  });

  it("does not follow a redirect, which would take the key along", async () => {
    const target = await start();
    const from = await start({ status: 307, headers: { location: target.url } });
    const statuses: number[] = [];
    await watchStream<string>({
      provider: "Tester",
      limits: patient,
      maxOutputTokens: 1,
      signal: undefined,
      read: () => 0,
      open: async ({ fetch }) => {
        statuses.push((await fetch(from.url, { method: "POST", body: "{}" })).status);
        return bodyOf(new Response("x"));
      },
    });
    expect(statuses).toEqual([307]);
    expect(target.requests).toEqual([]);
  });

  it("lets a failure of the request and of the reader pass as it is", async () => {
    await expect(watchAt("http://127.0.0.1:1", { limits: patient })).rejects.toBeInstanceOf(TypeError);
    const length = () => {
      throw new RangeError("mine");
    };
    await expect(watch({ chunks: ["a"] }, { limits: patient, length })).rejects.toBeInstanceOf(RangeError);
  });
});

interface Watching {
  limits: StreamLimits;
  signal?: AbortSignal;
  eventless?: boolean;
  length?: (text: string) => number;
}

async function watch(reply: ScriptedReply, watching: Watching) {
  return watchAt((await start(reply)).url, watching);
}

async function watchAt(url: string, { limits, signal, eventless = false, length = (text) => text.length }: Watching) {
  const events: string[] = [];
  await watchStream<string>({
    provider: "Tester",
    limits,
    maxOutputTokens: 10,
    signal,
    async open(connection) {
      const response = await connection.fetch(url, { method: "POST", body: "{}", signal: connection.signal });
      return bodyOf(response, eventless);
    },
    read(event) {
      events.push(event);
      return length(event);
    },
  });
  return { events };
}

async function* bodyOf(response: Response, eventless = false): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    if (!eventless) yield decoder.decode(bytes);
  }
}

async function start(...replies: ScriptedReply[]) {
  const endpoint = await startScriptedEndpoint(...replies);
  onTestFinished(() => endpoint[Symbol.asyncDispose]());
  return endpoint;
}
