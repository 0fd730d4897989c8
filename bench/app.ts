/**
 * What the GitHub App costs: npm run bench:app [seconds of webhooks, 60]
 *
 * The built app (`npm run build`) as a process of its own before the emulated GitHub of the tests, on the embedded
 * database and on PostgreSQL: its memory, the time until somebody who comments sees a reaction, and how quickly webhooks
 * are answered at 100 a second, nine of ten comments without a command. Beside it, in the same run, the least server that
 * checks the same signature. GitHub's throttling of writes is on, as in production. Takes about ten minutes.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { appEnvironment, endOfRun, eventually, readRuns } from "../test/support/app-under-test.ts";
import { fixture } from "../test/support/command-line.ts";
import { copyEmbeddedTemplate } from "../test/support/embedded-template.ts";
import { findFreePort } from "../test/support/find-free-port.ts";
import { type GitHubServer, startGitHub } from "../test/support/github-server.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { sleepingRepository } from "../test/support/sleeping-repository.ts";
import type { BareServerOptions } from "./app/bare-server.ts";
import type { SendOptions, Sent } from "./app/send-webhooks.ts";

const seconds = Number(process.argv[2] ?? 60);
const perSecond = 100;
/** Each has an installation, and so a limit on writes, of its own. */
const owners = ["ada", "emmy", "grace", "mary"];
const waitingRuns = 20;
const reactions = 20;

interface Measured {
  name: string;
  idleMb: number | null;
  runMb: number | null;
  waitingMb: number | null;
  /** Milliseconds, ascending. */
  reactionMs: number[];
  sent: Sent;
  cpuSeconds: number;
  leftDeliveries: number | null;
}

await using postgres = await startPostgres();
const measured = [await measureBare(), await measureApp("embedded", null)];
if (postgres) measured.push(await measureApp("PostgreSQL", await postgres.createDatabase()));
printAll(measured);

async function measureBare(): Promise<Measured> {
  await using github = await startEmulatedGitHub();
  const { apiUrl, appCredentials } = github;
  const options: BareServerOptions = { secret: appCredentials.webhookSecret, apiUrl };
  const server = fork(fileURLToPath(new URL("app/bare-server.ts", import.meta.url)), [JSON.stringify(options)]);
  try {
    const [{ port }] = (await once(server, "message")) as [{ port: number }];
    const url = `http://127.0.0.1:${port}/`;
    await setTimeout(30_000);
    const idleMb = memoryOf(server);
    const comments = await writeComments(github);
    github.deliverTo(url);
    const reactionMs = await measureReactions(github, comments.commands);
    const load = await measureLoad(server, { url, ...comments, github });
    return { name: "bare server", idleMb, runMb: null, waitingMb: null, reactionMs, leftDeliveries: null, ...load };
  } finally {
    server.disconnect();
  }
}

async function measureApp(name: string, databaseUrl: string | null): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const github = stack.use(await startEmulatedGitHub());
  const folder = mkdtempSync(join(tmpdir(), "bench-app-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const { process: app, address } = await startApp({ github, folder, databaseUrl });
  stack.defer(async () => {
    const ended = once(app, "exit");
    app.kill("SIGTERM");
    await ended;
  });
  await setTimeout(30_000);
  const idleMb = memoryOf(app);
  const comments = await writeComments(github);
  github.deliverTo(`${address}/api/github/webhooks`);
  const reactionMs = await measureReactions(github, comments.commands);
  const runMb = await measureRun(app, address, github);
  const waitingMb = await measureWaiting(app, address, github);
  const load = await measureLoad(app, { url: `${address}/api/github/webhooks`, ...comments, github });
  const leftDeliveries = await readDeliveries(address);
  if (github.violations.length > 0) throw new Error(github.violations.slice(0, 3).join("\n"));
  return { name, idleMb, runMb, waitingMb, reactionMs, leftDeliveries, ...load };
}

function startEmulatedGitHub(): Promise<GitHubServer> {
  const issues = [{ title: "An example, please" }];
  return startGitHub({
    users: [{ login: "stranger" }],
    repositories: [
      { owner: "ada", name: "orbits", folder: fixture("orbital-elements"), issues },
      ...owners.map((owner) => ({ owner, name: "naps", files: sleepingRepository("3600"), issues })),
    ],
  });
}

async function startApp({
  github,
  folder,
  databaseUrl,
}: {
  github: GitHubServer;
  folder: string;
  databaseUrl: string | null;
}): Promise<{ process: ChildProcess; address: string }> {
  const port = await findFreePort();
  const file = join(folder, "bench.json");
  writeFileSync(file, JSON.stringify({ max_runtime_mins: 60, app: { max_runs_per_process: 1 } }));
  mkdirSync(join(folder, "data"));
  // A first start takes seconds and memory to make the database; this is any later one.
  if (databaseUrl === null) await copyEmbeddedTemplate(join(folder, "data"));
  const program = fileURLToPath(new URL("../bin/codedistiller.js", import.meta.url));
  const app = spawn(process.execPath, [program, "serve", file], {
    cwd: folder,
    env: appEnvironment({ github, folder, port, databaseUrl, environment: { LOG_LEVEL: "warn" } }),
    stdio: ["ignore", "inherit", "inherit"],
  });
  const address = `http://127.0.0.1:${port}`;
  await eventually("an app that serves", async () => {
    if (app.exitCode !== null) throw new Error("The app ended as soon as it was started.");
    return fetch(`${address}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return { process: app, address };
}

interface Comments {
  /** One a reaction: `/distill help` of somebody who may. */
  commands: Payload[];
  /** What is sent in turns. */
  payloads: string[];
}
type Payload = Record<string, unknown>;

/** Comments that are there, with the webhooks that GitHub would have sent for them. */
async function writeComments(github: GitHubServer): Promise<Comments> {
  const write = async (owner: string, user: string, body: string): Promise<Payload> =>
    (await github.comment({ owner, name: "naps", issue: 1, user, body })).payload;
  const ownerOf = (index: number): string => owners[index % owners.length] ?? "";
  const commands: Payload[] = [];
  for (let index = 0; index < reactions; index += 1)
    commands.push(await write(ownerOf(index), ownerOf(index), "/distill help"));
  const payloads: string[] = [];
  for (let index = 0; index < 20 * owners.length; index += 1) {
    const owner = ownerOf(Math.floor(index / 20));
    const kinds: Record<number, [user: string, body: string]> = {
      0: [owner, "/distill help"],
      10: ["stranger", "/distill"],
    };
    const [user, body] = kinds[index % 20] ?? [owner, "Thank you, this works for me on both machines."];
    payloads.push(JSON.stringify(await write(owner, user, body)));
  }
  return { commands, payloads };
}

/** From the webhook to GitHub being asked for a reaction, one after the other on an app that has nothing else to do. */
async function measureReactions(github: GitHubServer, commands: readonly Payload[]): Promise<number[]> {
  const taken: number[] = [];
  for (const payload of commands) {
    const { id } = payload.comment as { id: number };
    const at = Date.now();
    await github.send("issue_comment", payload);
    const asked = await eventually("a reaction", () =>
      github.requests.find((each) => each.at >= at && each.path.endsWith(`/issues/comments/${id}/reactions`)),
    );
    taken.push(asked.at - at);
    await setTimeout(1500);
  }
  return taken.sort((a, b) => a - b);
}

/** The most that the app takes during a run; what its programs take is theirs. */
async function measureRun(app: ChildProcess, address: string, github: GitHubServer): Promise<number> {
  await github.comment({ owner: "ada", name: "orbits", issue: 1, user: "ada", body: "/distill" });
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, memoryOf(app));
  }, 50);
  const run = await endOfRun({ address });
  clearInterval(timer);
  if (run.ending?.outcome !== "verified") throw new Error(`The run ended ${run.ending?.outcome}.`);
  return most;
}

/** One run at work, whose example sleeps, and the others behind it. */
async function measureWaiting(app: ChildProcess, address: string, github: GitHubServer): Promise<number> {
  for (let index = 0; index <= waitingRuns; index += 1) {
    const owner = owners[index % owners.length] ?? "";
    const body = `/distill --focus "part ${index}"`;
    await github.comment({ owner, name: "naps", issue: 1, user: owner, body });
  }
  await eventually(
    `${waitingRuns} runs that wait`,
    async () => (await readRuns({ address })).filter(({ status }) => status === "queued").length === waitingRuns,
    180,
  );
  await setTimeout(30_000);
  return memoryOf(app);
}

async function measureLoad(
  server: ChildProcess,
  { url, payloads, github }: { url: string; payloads: string[]; github: GitHubServer },
): Promise<Pick<Measured, "sent" | "cpuSeconds">> {
  const sender = fork(fileURLToPath(new URL("app/send-webhooks.ts", import.meta.url)));
  const before = processorSecondsOf(server);
  const options: SendOptions = { url, secret: github.appCredentials.webhookSecret, payloads, perSecond, seconds };
  sender.send(options);
  const [sent] = (await once(sender, "message")) as [Sent];
  return { sent, cpuSeconds: processorSecondsOf(server) - before };
}

async function readDeliveries(address: string): Promise<number> {
  const headers = { authorization: `Bearer operator-token-of-tests` };
  const text = await (await fetch(`${address}/metrics`, { headers })).text();
  return Number(/codedistiller_queue_jobs\{queue="deliveries"\} (\d+)/.exec(text)?.[1] ?? Number.NaN);
}

/** Resident memory, in MB. */
function memoryOf({ pid }: ChildProcess): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** proc(5), fields 14 and 15, in hundredths of a second. */
function processorSecondsOf({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function printAll(all: readonly Measured[]): void {
  const [bare] = all;
  printTable(
    `${perSecond} webhooks a second for ${seconds} s, milliseconds from when each should have been sent`,
    ["", "p50", "p95", "p99", "longest", "p50, ratio", "statuses", "processor a webhook", "left to handle"],
    all.map(({ name, sent, cpuSeconds, leftDeliveries }) => [
      name,
      ...[0.5, 0.95, 0.99, 1].map((part) => at(sent.latencies, part).toFixed(1)),
      (at(sent.latencies, 0.5) / at(bare?.sent.latencies ?? [], 0.5)).toFixed(1),
      Object.entries(sent.statuses)
        .map(([status, count]) => `${count} times ${status}`)
        .join(", "),
      `${((cpuSeconds * 1000) / sent.latencies.length).toFixed(2)} ms`,
      leftDeliveries ?? "",
    ]),
  );
  console.log(`Sent too late by at most ${all.map(({ sent }) => sent.latestMs.toFixed(1)).join(", ")} ms.\n`);
  printTable(
    "Memory (RSS) in MB",
    ["", "idle, 30 s after the start", "most during a run", `${waitingRuns} runs waiting`],
    all.map(({ name, idleMb, runMb, waitingMb }) => [
      name,
      ...[idleMb, runMb, waitingMb].map((each) => each?.toFixed(0) ?? ""),
    ]),
  );
  printTable(
    `From the webhook to the reaction, ${reactions} times, milliseconds`,
    ["", "median", "longest"],
    all.map(({ name, reactionMs }) => [name, at(reactionMs, 0.5), at(reactionMs, 1)]),
  );
}

function at(ascending: readonly number[], part: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? Number.NaN;
}

function printTable(title: string, head: readonly string[], rows: ReadonlyArray<ReadonlyArray<string | number>>): void {
  console.log(`${title}\n`);
  for (const cells of [head, head.map(() => "---"), ...rows]) console.log(`| ${cells.join(" | ")} |`);
  console.log("");
}
