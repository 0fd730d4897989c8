import { z } from "zod";
import { createQueue } from "../../src/jobs/queue.ts";
import { openDatabase } from "./open-database.ts";

/** A process that takes one run or delivery, says so, and never comes to an end with it. */
const place = z
  .union([
    z.object({ kind: z.literal("embedded"), folder: z.string() }),
    z.object({ kind: z.literal("postgres"), url: z.string() }),
  ])
  .parse(JSON.parse(process.argv[2] ?? ""));
const queue = await createQueue({ database: await openDatabase(place) });
const hang = (what: string): Promise<never> => {
  process.stdout.write(`${what}\n`);
  return new Promise(() => {});
};
await queue.work({ deliveries: 1, runs: 1 }, { deliveries: ({ id }) => hang(id), runs: (id) => hang(id) });
