/** One measurement in a process of its own, so that its highest memory is that of this measurement alone. */
import { callsOfJob, type Jobs, startJobs } from "./simulated-job.ts";

export interface ClientOptions {
  url: string;
  concurrency: number;
  jobs: number;
  /** Calls that one more job asks at once, before the others begin. */
  greedyCalls: number;
}

export interface ClientMeasurement {
  calls: number;
  seconds: number;
  /** Seconds to each ordinary job's end, ascending. */
  ends: number[];
  maxInFlight: number;
  peakMb: number;
  cpuSeconds: number;
}

const options: ClientOptions = JSON.parse(process.argv[2] ?? "");
process.send?.(await measure(options));
process.disconnect();

async function measure({ url, concurrency, jobs: count, greedyCalls }: ClientOptions): Promise<ClientMeasurement> {
  await warmUp(url);
  const before = process.cpuUsage();
  await using jobs = await startJobs({ url, concurrency });
  const started = performance.now();
  const greedy = greedyCalls > 0 ? jobs.runGreedy("greedy", greedyCalls) : null;
  const ends = await runAll(jobs, count);
  await greedy;
  const { user, system } = process.cpuUsage(before);
  return {
    calls: count * callsOfJob + greedyCalls,
    seconds: (performance.now() - started) / 1000,
    ends: ends.map((end) => end / 1000).sort((a, b) => a - b),
    maxInFlight: jobs.maxInFlight,
    peakMb: process.resourceUsage().maxRSS / 1024,
    cpuSeconds: (user + system) / 1e6,
  };
}

function runAll(jobs: Jobs, count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, (_, job) => jobs.run(`job-${job}`)));
}

/** What is loaded and compiled once is no job's. */
async function warmUp(url: string): Promise<void> {
  await using jobs = await startJobs({ url, concurrency: 4 });
  await runAll(jobs, 4);
}
