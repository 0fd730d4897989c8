import { describe, expect, it } from "vitest";
import { CancelledError, SandboxError } from "../../src/errors.ts";
import { retrySandbox } from "../../src/pipeline/retry-sandbox.ts";
import { lostSandbox } from "../../src/sandboxes/command.ts";
import { missingSnapshot } from "../../src/sandboxes/snapshots.ts";

/** Fails as often as there are errors, and tells how often it was done. */
function failing(...errors: unknown[]) {
  let count = 0;
  const action = async () => {
    count += 1;
    const error = errors.shift();
    if (error !== undefined) throw error;
    return `at try ${count}`;
  };
  return { action, count: () => count };
}

describe("what is done again where a sandbox failed", () => {
  const notes: string[] = [];
  const options = { note: (text: string) => notes.push(text), signal: undefined, pausesMs: [10, 20] };

  it("is done until it works, and says why", async () => {
    const { action } = failing(lostSandbox("it went away"), lostSandbox("again"));
    expect(await retrySandbox(action, options)).toBe("at try 3");
    expect(notes).toEqual([
      expect.stringMatching(/it went away.*Trying again in 0.01 s\.$/),
      expect.stringMatching(/again.*Trying again in 0.02 s\.$/),
    ]);
  });

  it("ends with the last error where it never works", async () => {
    const { action, count } = failing(...["1", "2", "3"].map((each) => lostSandbox(each)));
    await expect(retrySandbox(action, options)).rejects.toThrow("3");
    expect(count()).toBe(3);
  });

  it.each([
    ["the example's or ours", new Error("a fault")],
    ["not to be helped by another try", new SandboxError({ code: "sandbox-credentials", userMessage: "No token." })],
    ["a full disk", new SandboxError({ code: "disk-full", userMessage: "Full.", retryable: true })],
  ])("is done once where the fault is %s", async (_what, error) => {
    const { action, count } = failing(error);
    await expect(retrySandbox(action, options)).rejects.toBe(error);
    expect(count()).toBe(1);
  });

  it("waits for nothing where a snapshot has to be built again", async () => {
    const { action } = failing(missingSnapshot("environment-1"));
    const started = performance.now();
    expect(await retrySandbox(action, { ...options, pausesMs: [60_000] })).toBe("at try 2");
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it("ends in its pause, or instead of it, when it is cancelled", async () => {
    const abort = new AbortController();
    const { action, count } = failing(lostSandbox("it went away"));
    const retrying = retrySandbox(action, { ...options, signal: abort.signal, pausesMs: [60_000] });
    setTimeout(() => abort.abort(), 30);
    await expect(retrying).rejects.toThrow(CancelledError);
    expect(count()).toBe(1);
    const late = failing(lostSandbox("since it was cancelled"));
    await expect(retrySandbox(late.action, { ...options, signal: abort.signal })).rejects.toThrow(CancelledError);
  });
});
