import { describe, expect, it } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { once } from "../../src/sandboxes/once.ts";

describe("what is done once", () => {
  it("is done at the first call, for all", async () => {
    let count = 0;
    const get = once(async () => ++count);
    expect(await Promise.all([get(), get()])).toEqual([1, 1]);
    expect(await get()).toBe(1);
    await expect(get(AbortSignal.abort())).rejects.toThrow(CancelledError);
    expect(await get()).toBe(1);
  });

  it("is tried again by the next call where it failed", async () => {
    let count = 0;
    const get = once(async () => {
      count += 1;
      if (count === 1) throw new Error("first");
      return count;
    });
    await expect(Promise.all([get(), get()])).rejects.toThrow("first");
    expect(await get()).toBe(2);
  });

  it("goes on for those who wait where another was cancelled", async () => {
    const work = Promise.withResolvers<string>();
    let ended = false;
    const get = once(async (signal) => {
      signal.addEventListener("abort", () => {
        ended = true;
      });
      return work.promise;
    });
    const abort = new AbortController();
    const first = get(abort.signal);
    const second = get();
    abort.abort();
    await expect(first).rejects.toThrow(CancelledError);
    expect(ended).toBe(false);
    work.resolve("done");
    expect(await second).toBe("done");
    expect(await get()).toBe("done");
  });

  it("is ended when nobody waits any more, and begun anew by the next", async () => {
    let count = 0;
    const get = once(async (signal) => {
      count += 1;
      if (count > 1) return count;
      return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const abort = new AbortController();
    const first = get(abort.signal);
    abort.abort();
    await expect(first).rejects.toThrow(CancelledError);
    expect(await get()).toBe(2);
  });
});
