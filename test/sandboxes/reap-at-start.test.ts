import { describe, expect, it } from "vitest";
import { CancelledError, SandboxError } from "../../src/errors.ts";
import { reapAtStart } from "../../src/sandboxes/reap-at-start.ts";
import { type ReapOptions, usualBounds } from "../../src/sandboxes/sandbox.ts";

const fail = (code: string) => async () => {
  throw new SandboxError({ code, userMessage: `It is ${code}.` });
};

async function reaping(reap: (bounds: ReapOptions) => Promise<never[]>, signal?: AbortSignal): Promise<string[]> {
  const told: string[] = [];
  await reapAtStart(reap, { onProgress: (text) => told.push(text), signal, longestMs: 100 });
  return told;
}

const untilCancelled = ({ signal }: ReapOptions) =>
  new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(new CancelledError(signal.reason))));

describe("looking for what earlier runs left, at a start", () => {
  it("removes by the usual bounds, and says nothing of it", async () => {
    const seen: ReapOptions[] = [];
    const reap = async (bounds: ReapOptions) => {
      seen.push(bounds);
      return [];
    };
    expect(await reaping(reap)).toEqual([]);
    expect(seen).toMatchObject([usualBounds]);
  });

  it("fails only for what no run could begin with either", async () => {
    for (const code of ["sandbox-credentials", "sandbox-unavailable"])
      await expect(reaping(fail(code))).rejects.toMatchObject({ code });
    for (const code of ["sandbox-outage", "sandbox-failed", "sandbox-settings"])
      expect(await reaping(fail(code))).toEqual([`what earlier runs left could not be removed now: It is ${code}.`]);
    const broken = () => Promise.reject(Object.assign(new Error("EACCES: scandir"), { code: "EACCES" }));
    expect(await reaping(broken)).toEqual(["what earlier runs left could not be removed now: EACCES: scandir"]);
  });

  it("goes on without what takes too long, but not when it is cancelled itself", async () => {
    expect(await reaping(untilCancelled)).toEqual([
      "what earlier runs left could not be removed now: it takes too long",
    ]);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 20);
    await expect(reaping(untilCancelled, abort.signal)).rejects.toThrow(CancelledError);
  });
});
