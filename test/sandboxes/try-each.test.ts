import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { tryEach } from "../../src/sandboxes/try-each.ts";

describe("trying each", () => {
  it("does no more at a time than it may", async () => {
    let running = 0;
    let highest = 0;
    const done = await tryEach(
      Array.from({ length: 30 }, (_, index) => index),
      async (index) => {
        running += 1;
        highest = Math.max(highest, running);
        await sleep(5);
        running -= 1;
        return index;
      },
      { atOnce: 8 },
    );
    expect(highest).toBe(8);
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  it("tries all, then throws what the first failed by", async () => {
    const tried: number[] = [];
    const trying = tryEach([1, 2, 3], async (number) => {
      tried.push(number);
      if (number < 3) throw new Error(`not ${number}`);
    });
    await expect(trying).rejects.toThrow("not 1");
    expect(tried).toEqual([1, 2, 3]);
  });

  it("tries no more when it is cancelled", async () => {
    const tried: number[] = [];
    const trying = tryEach([1, 2, 3], async (number) => {
      tried.push(number);
      throw new CancelledError();
    });
    await expect(trying).rejects.toThrow(CancelledError);
    expect(tried).toEqual([1]);
  });
});
