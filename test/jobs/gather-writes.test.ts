import { describe, expect, it } from "vitest";
import { gatherWrites } from "../../src/jobs/gather-writes.ts";

/** Doubles numbers, one write at a time, and notes what each write had. */
function createDoubler(refuse: (items: readonly number[]) => boolean = () => false) {
  const writes: number[][] = [];
  let underWay = 0;
  const put = gatherWrites<number, number>({
    most: 3,
    async write(items) {
      underWay++;
      expect(underWay).toBe(1);
      writes.push([...items]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay--;
      if (refuse(items)) throw new Error(`not ${items.join(",")}`);
      return items.map((item) => item * 2);
    },
  });
  return { put, writes };
}

describe("gatherWrites", () => {
  it("writes a single one at once, and those that come meanwhile together, up to a bound", async () => {
    const { put, writes } = createDoubler();
    expect(await Promise.all([1, 2, 3, 4, 5].map(put))).toEqual([2, 4, 6, 8, 10]);
    expect(writes).toEqual([[1], [2, 3, 4], [5]]);
    expect(await put(6)).toBe(12);
  });

  it("writes each alone where many together fail, so that one costs no other", async () => {
    const { put, writes } = createDoubler((items) => items.includes(3));
    const results = await Promise.allSettled([1, 2, 3, 4].map(put));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(writes).toEqual([[1], [2, 3, 4], [2], [3], [4]]);
    expect(await put(5)).toBe(10);
  });
});
