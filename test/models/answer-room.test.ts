import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { createAnswerRoom } from "../../src/models/answer-room.ts";
import type { Completion, CompletionRequest } from "../../src/models/model.ts";

const request: CompletionRequest = {
  system: "",
  messages: [{ role: "user", parts: [{ text: "Write." }] }],
  maxOutputTokens: 16_000,
  answer: null,
};
const completion: Completion = { text: "done", stop: { unified: "end", raw: "stop" }, usage: null };

/** A provider that refuses more than so many tokens of answer, in its own words. */
function refuse(above: number, code: string, userMessage: string) {
  const asked: number[] = [];
  const complete = async ({ maxOutputTokens }: CompletionRequest): Promise<Completion> => {
    asked.push(maxOutputTokens);
    if (maxOutputTokens > above) throw new ModelError({ code, userMessage });
    return completion;
  };
  return { asked, complete };
}

describe("the room for an answer", () => {
  it.each([
    ["model-request-refused", "max_tokens: 16000 > 8192, which is the maximum allowed"],
    ["prompt-too-long", "A prompt is too long: this model's maximum context length is 8192 tokens"],
  ])("is halved until the provider takes it, and then remembered: %s", async (code, message) => {
    const room = createAnswerRoom({ contextTokens: 200_000 });
    const { asked, complete } = refuse(4096, code, message);
    expect((await room.ask(request, complete)).completion).toBe(completion);
    expect(asked).toEqual([16_000, 8000, 4000]);
    await room.ask(request, complete);
    expect(asked.at(-1)).toBe(4000);
  });

  it("is not what a prompt lacks that is too long by itself", async () => {
    const room = createAnswerRoom({ contextTokens: 200_000 });
    const { asked, complete } = refuse(0, "prompt-too-long", "A prompt is too long");
    await expect(room.ask(request, complete)).rejects.toMatchObject({ code: "prompt-too-long" });
    expect(asked.at(-1)).toBe(2048);
  });

  it("is not made smaller for any other refusal", async () => {
    const room = createAnswerRoom({ contextTokens: 200_000 });
    const { asked, complete } = refuse(0, "model-request-refused", "unsupported parameter: max_tokens");
    await expect(room.ask(request, complete)).rejects.toMatchObject({ code: "model-request-refused" });
    expect(asked).toEqual([16_000]);
  });
});
