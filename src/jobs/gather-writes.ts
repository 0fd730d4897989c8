/**
 * Group commit: while one write is under way, what comes meanwhile is kept together for the next. Where a write of many
 * fails, each is tried alone, so that one that cannot be written costs no other. `write` answers in its items' order.
 */
export function gatherWrites<Item, Result>({
  write,
  most,
}: {
  write: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Items of one write. */
  most: number;
}): (item: Item) => Promise<Result> {
  interface Waiting {
    item: Item;
    settle: PromiseWithResolvers<Result>;
  }
  const waiting: Waiting[] = [];
  let writing = false;

  async function writeOne({ item, settle }: Waiting): Promise<void> {
    await write([item]).then(([result]) => settle.resolve(result as Result), settle.reject);
  }

  async function writeMany(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await write(batch.map(({ item }) => item));
      for (const [index, { settle }] of batch.entries()) settle.resolve(results[index] as Result);
    } catch {
      for (const each of batch) await writeOne(each);
    }
  }

  async function writeAll(): Promise<void> {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, most);
      const [only, ...others] = batch;
      if (only && others.length === 0) await writeOne(only);
      else await writeMany(batch);
    }
    writing = false;
  }

  return (item) => {
    const settle = Promise.withResolvers<Result>();
    waiting.push({ item, settle });
    void writeAll();
    return settle.promise;
  };
}
