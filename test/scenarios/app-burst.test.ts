import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, eventually, operatorToken, readRuns, startApp } from "../support/app-under-test.ts";
import { CommandLine } from "../support/command-line.ts";
import { copyEmbeddedTemplate } from "../support/embedded-template.ts";
import { type Delivery, type GitHubServer, type SeedRepository, startGitHub } from "../support/github-server.ts";
import { type ServedApp, serveApp } from "../support/served-app.ts";

const webhooks = 500;
const mostWaiting = 3;
const names = Array.from({ length: 20 }, (_, index) => `repository-${index + 1}`);
const repositories: SeedRepository[] = names.map((name) => ({
  owner: "ada",
  name,
  files: { "README.md": "# Nothing to distil\n" },
  issues: [{ title: "An example, please" }],
}));
const settings = { max_waiting_per_installation: mostWaiting };

/** A comment with a command for each repository, which reached nobody yet. */
async function composeCommands(github: GitHubServer): Promise<Delivery[]> {
  github.deliverTo("http://127.0.0.1:9/");
  return Promise.all(
    names.map((name) => github.comment({ owner: "ada", name, issue: 1, user: "ada", body: "/distill" })),
  );
}

/** All 500, so many at one time, each a delivery of its own. */
async function sendAll(github: GitHubServer, commands: readonly Delivery[], atOnce: number): Promise<Delivery[]> {
  const waiting = Array.from({ length: webhooks }, (_, index) => commands[index % commands.length] as Delivery);
  const answers: Delivery[] = [];
  const sendNext = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop())
      answers.push(await github.send("issue_comment", next.payload));
  };
  await Promise.all(Array.from({ length: atOnce }, sendNext));
  return answers;
}

async function readMetric({ address }: { address: string }, name: string): Promise<number> {
  const headers = { authorization: `Bearer ${operatorToken}` };
  const text = await (await fetch(`${address}/metrics`, { headers })).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ")[1] ?? Number.NaN);
}
const kept = 'codedistiller_webhooks_total{event="issue_comment",result="queued"}';

describe("500 webhooks at once", () => {
  const commandLine = new CommandLine();
  let github: GitHubServer;
  let app: ServedApp;

  beforeAll(async () => {
    github = await startGitHub({ repositories });
    await copyEmbeddedTemplate(commandLine.path("app", "data"));
    app = await serveApp({ commandLine, github, name: "app", settings });
  });
  afterAll(async () => {
    commandLine[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });

  it("are written down and answered, every one, while the process answers others", async () => {
    const commands = await composeCommands(github);
    github.deliverTo(app.webhooks);
    const health: number[] = [];
    const burst = sendAll(github, commands, webhooks);
    let over = false;
    const asking = (async () => {
      while (!over) {
        const started = performance.now();
        expect((await fetch(`${app.address}/healthz`)).status).toBe(200);
        health.push(performance.now() - started);
      }
    })();
    const answers = await burst;
    over = true;
    await asking;
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const times = answers.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
    const figures = { p50: times[250], p99: times[495], worst: times[499], health: Math.max(...health) };
    // GitHub waits ten seconds.
    expect(figures.worst, JSON.stringify(figures)).toBeLessThan(8000);
    expect(figures.health, JSON.stringify(figures)).toBeLessThan(8000);
    expect(await readMetric(app, kept)).toBe(webhooks);
    expect(github.violations).toEqual([]);
  });
});

describe("what 500 webhooks ask for", () => {
  let app: AppUnderTest;
  beforeAll(async () => {
    app = await startApp({ repositories, settings });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("is done, all of it: each is a run, or a comment that refuses it", async () => {
    const { github } = app;
    const commands = await composeCommands(github);
    github.deliverTo(`${app.address}/api/github/webhooks`);
    const answers = await sendAll(github, commands, 25);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const jobs = (queue: string): Promise<number> => readMetric(app, `codedistiller_queue_jobs{queue="${queue}"}`);
    await eventually("all handled", async () => (await jobs("deliveries")) === 0, 120);
    expect(await jobs("dead-letters")).toBe(0);
    const logged = (message: string): number => app.log.filter(({ msg }) => msg === message).length;
    const [requested, refused] = [logged("run requested"), logged("run refused")];
    expect(requested + refused).toBe(webhooks);
    expect(refused).toBeGreaterThan(0);
    expect(await readRuns(app)).toHaveLength(Math.min(requested, 200));
    const comments = await Promise.all(names.map((name) => github.comments({ owner: "ada", name, issue: 1 })));
    expect(comments.flat().filter(({ login }) => login === github.appLogin)).toHaveLength(webhooks);
    expect(app.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect(github.violations).toEqual([]);
  }, 180_000);
});
