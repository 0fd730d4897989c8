import { describe, expect, it } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { type CallLimiter, type Clock, createCallLimiter } from "../../src/models/call-limiter.ts";

interface ManualClock extends Clock {
  /** Lets time pass, and what is due run. */
  pass(milliseconds: number): Promise<void>;
  readonly timers: number;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function createManualClock(): ManualClock {
  let now = 1000;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    after(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async pass(milliseconds) {
      await settled();
      const end = now + milliseconds;
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers.delete(next);
        now = next.at;
        next.run();
        await settled();
      }
      now = end;
    },
    get timers() {
      return timers.size;
    },
  };
}

/** Enters calls and writes down who was let in. */
function createVisitors(limiter: CallLimiter): {
  entered: string[];
  slots: Disposable[];
  enter(job: string, name: string, tokens?: number): void;
  leave(): Promise<void>;
} {
  const entered: string[] = [];
  const slots: Disposable[] = [];
  return {
    entered,
    slots,
    enter(job, name, tokens = 1) {
      void limiter.enter({ job, tokens }).then((slot) => {
        entered.push(name);
        slots.push(slot);
      });
    },
    async leave() {
      slots.shift()?.[Symbol.dispose]();
      await settled();
    },
  };
}

describe("createCallLimiter", () => {
  it("lets so many in at one time, and the next when one leaves", async () => {
    const visitors = createVisitors(createCallLimiter({ concurrency: 2, clock: createManualClock() }));
    for (const name of ["a", "b", "c", "d"]) visitors.enter("job", name);
    await settled();
    expect(visitors.entered).toEqual(["a", "b"]);
    await visitors.leave();
    expect(visitors.entered).toEqual(["a", "b", "c"]);
    await visitors.leave();
    expect(visitors.entered).toEqual(["a", "b", "c", "d"]);
  });

  it("lets jobs that wait take turns, and serves each in its order", async () => {
    const visitors = createVisitors(createCallLimiter({ concurrency: 1, clock: createManualClock() }));
    for (let index = 0; index < 4; index++) visitors.enter("big", `big${index}`);
    for (const name of ["x0", "x1"]) visitors.enter("x", name);
    visitors.enter("y", "y0");
    await settled();
    while (visitors.slots.length > 0) await visitors.leave();
    expect(visitors.entered).toEqual(["big0", "big1", "x0", "y0", "big2", "x1", "big3"]);
  });

  it("counts a slot that is given back twice once", async () => {
    const limiter = createCallLimiter({ concurrency: 1, clock: createManualClock() });
    const first = await limiter.enter({ job: "a", tokens: 1 });
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    const visitors = createVisitors(limiter);
    visitors.enter("a", "second");
    visitors.enter("a", "third");
    await settled();
    expect(visitors.entered).toEqual(["second"]);
  });

  it("removes who gives up, wherever in the queue, and lets the others on", async () => {
    const limiter = createCallLimiter({ concurrency: 1, clock: createManualClock() });
    const visitors = createVisitors(limiter);
    visitors.enter("a", "first");
    const controller = new AbortController();
    const gone = limiter.enter({ job: "a", tokens: 1, signal: controller.signal }).catch((error: unknown) => error);
    visitors.enter("a", "third");
    controller.abort();
    expect(await gone).toBeInstanceOf(CancelledError);
    await visitors.leave();
    expect(visitors.entered).toEqual(["first", "third"]);
    await expect(limiter.enter({ job: "a", tokens: 1, signal: controller.signal })).rejects.toThrow(CancelledError);
  });

  it("keeps everybody waiting for as long as the provider wants a rest", async () => {
    const clock = createManualClock();
    const limiter = createCallLimiter({ clock });
    const visitors = createVisitors(limiter);
    visitors.enter("a", "before");
    limiter.pause(5000);
    limiter.pause(1000);
    visitors.enter("a", "after");
    visitors.enter("b", "other");
    await clock.pass(4999);
    expect(visitors.entered).toEqual(["before"]);
    await clock.pass(1);
    expect(visitors.entered).toEqual(["before", "after", "other"]);
    expect(clock.timers).toBe(0);
  });

  it("lets no more tokens in than a minute has, as they come back", async () => {
    const clock = createManualClock();
    const visitors = createVisitors(createCallLimiter({ tokensPerMinute: 6000, clock }));
    for (const name of ["a", "b", "c"]) visitors.enter(name, name, 3000);
    await clock.pass(29_999);
    expect(visitors.entered).toEqual(["a", "b"]);
    await clock.pass(2);
    expect(visitors.entered).toEqual(["a", "b", "c"]);
  });

  it("lets a call larger than a minute go alone, and the others wait for its debt", async () => {
    const clock = createManualClock();
    const visitors = createVisitors(createCallLimiter({ tokensPerMinute: 6000, clock }));
    visitors.enter("a", "small", 600);
    visitors.enter("b", "large", 12_000);
    visitors.enter("c", "next", 600);
    await clock.pass(5999);
    expect(visitors.entered).toEqual(["small"]);
    await clock.pass(2);
    expect(visitors.entered).toEqual(["small", "large"]);
    await clock.pass(65_000);
    expect(visitors.entered).toEqual(["small", "large"]);
    await clock.pass(2000);
    expect(visitors.entered).toEqual(["small", "large", "next"]);
  });

  it("serves a thousand jobs of twenty calls each evenly and quickly", async () => {
    const limiter = createCallLimiter({ concurrency: 16 });
    const started = performance.now();
    const order: number[] = [];
    const calls = Array.from({ length: 1000 }, (_, job) =>
      Array.from({ length: 20 }, async () => {
        using _slot = await limiter.enter({ job: String(job), tokens: 10 });
        order.push(job);
        await Promise.resolve();
      }),
    );
    await Promise.all(calls.flat());
    expect(order).toHaveLength(20_000);
    // The first job's first calls found the room empty; then everybody has had a turn before anybody has a third.
    expect(new Set(order.slice(16, 1100)).size).toBeGreaterThan(900);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
