import { CancelledError } from "../errors.ts";

/**
 * Does something with each, so many at a time, one if not told. What one fails by is thrown when all others were tried;
 * cancellation ends it at once.
 */
export async function tryEach<Item, Result>(
  items: readonly Item[],
  action: (item: Item) => Promise<Result>,
  { atOnce = 1 }: { atOnce?: number } = {},
): Promise<Result[]> {
  const results: Result[] = [];
  const problems: unknown[] = [];
  const waiting = items.values();
  async function work(): Promise<void> {
    for (const item of waiting) {
      try {
        results.push(await action(item));
      } catch (error) {
        if (error instanceof CancelledError) throw error;
        problems.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  if (problems.length > 0) throw problems[0];
  return results;
}
