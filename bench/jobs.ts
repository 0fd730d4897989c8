/**
 * What many jobs at one time cost the process they run in: npx node bench/jobs.ts [jobs, 1000] [milliseconds an answer, 200]
 *
 * Each job is a conversation of 8 calls whose prompts grow from 30 to 60 KB, through the product's limiter, journal,
 * ledger and client, over HTTP; a server in another process answers 1.5 KB after that time, in pieces of 20 characters.
 * What is compared is within one run: with the ideal, and with and without a greedy job.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ServerMessage } from "./jobs/answering-server.ts";
import type { ClientMeasurement, ClientOptions } from "./jobs/client.ts";

const jobs = Number(process.argv[2] ?? 1000);
const delayMs = Number(process.argv[3] ?? 200);
const greedyCalls = 200;

await printSpeed();
await printFairness();

async function printSpeed(): Promise<void> {
  console.log(`${jobs} jobs of 8 calls, ${delayMs} ms an answer\n`);
  console.log(
    "| calls at one time | seconds | ideal | ratio | calls a second | most in flight | memory at most | growth a job | processor a call | of the server |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|");
  for (const concurrency of [16, 64, 256]) {
    const few = (await measure({ concurrency, jobs: Math.ceil(jobs / 4), greedyCalls: 0 })).client;
    const { client, server } = await measure({ concurrency, jobs, greedyCalls: 0 });
    const { calls, seconds, maxInFlight, peakMb, cpuSeconds } = client;
    if (maxInFlight > concurrency) throw new Error(`${maxInFlight} calls in flight, ${concurrency} allowed`);
    // No job has more than one call in flight.
    const ideal = (calls * delayMs) / 1000 / Math.min(concurrency, jobs);
    const growthKb = ((peakMb - few.peakMb) * 1024) / (jobs - Math.ceil(jobs / 4));
    const cells = [
      concurrency,
      seconds.toFixed(1),
      ideal.toFixed(1),
      (seconds / ideal).toFixed(2),
      Math.round(calls / seconds),
      maxInFlight,
      `${Math.round(peakMb)} MB`,
      `${growthKb.toFixed(0)} KB`,
      `${((1000 * cpuSeconds) / calls).toFixed(1)} ms`,
      `${((1000 * server.cpuSeconds) / calls).toFixed(1)} ms`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

async function printFairness(): Promise<void> {
  const concurrency = 16;
  const ordinary = 2 * concurrency;
  console.log(
    `\n${ordinary} ordinary jobs, ${concurrency} calls at one time, and a job that asks ${greedyCalls} at once\n`,
  );
  console.log("| | first job ends | median | last job ends |");
  console.log("|---|---|---|---|");
  const without = await measure({ concurrency, jobs: ordinary, greedyCalls: 0 });
  const beside = await measure({ concurrency, jobs: ordinary, greedyCalls });
  const alone = spreadOf(without.client);
  const crowded = spreadOf(beside.client);
  // First come, first served would let the greedy job's calls go before everybody else's.
  const queued = alone.map((end) => end + (greedyCalls * delayMs) / 1000 / concurrency);
  const ratioTo = (ends: readonly number[]): number[] => ends.map((end, index) => end / (alone[index] ?? Number.NaN));
  printRow("without it, seconds", alone);
  printRow("beside it, seconds", crowded);
  printRow("ratio", ratioTo(crowded));
  printRow("ratio if the first came first, computed", ratioTo(queued));
}

function spreadOf({ ends }: ClientMeasurement): number[] {
  return [ends[0], ends[ends.length >> 1], ends.at(-1)].map((end) => end ?? Number.NaN);
}

function printRow(name: string, numbers: readonly number[]): void {
  console.log(`| ${[name, ...numbers.map((number) => number.toFixed(2))].join(" | ")} |`);
}

type Measured = { client: ClientMeasurement; server: Extract<ServerMessage, { kind: "seen" }> };

async function measure(options: Omit<ClientOptions, "url">): Promise<Measured> {
  const answering = start("answering-server.ts", String(delayMs));
  try {
    const { url } = await hear<Extract<ServerMessage, { kind: "listening" }>>(answering);
    const client = await hear<ClientMeasurement>(start("client.ts", JSON.stringify({ ...options, url })));
    answering.send("report");
    const server = await hear<Measured["server"]>(answering);
    if (server.unexpected > 0) throw new Error(`${server.unexpected} requests that the server did not understand`);
    return { client, server };
  } finally {
    answering.disconnect();
  }
}

function start(file: string, argument: string): ChildProcess {
  return fork(fileURLToPath(new URL(`jobs/${file}`, import.meta.url)), [argument]);
}

/** The next message; an error where the process ends without one. */
async function hear<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController();
  const fail = once(child, "exit", { signal: ended.signal }).then(([status]) => {
    throw new Error(`A process of the measurement ended with ${status}`);
  });
  try {
    const [message] = (await Promise.race([once(child, "message"), fail])) as [T];
    return message;
  } finally {
    fail.catch(() => undefined);
    ended.abort();
  }
}
