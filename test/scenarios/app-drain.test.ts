import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endOfRun, eventually, readRuns } from "../support/app-under-test.ts";
import { CommandLine, canIsolate, processesWith } from "../support/command-line.ts";
import { copyEmbeddedTemplate } from "../support/embedded-template.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { readStages, type ServedApp, serveApp } from "../support/served-app.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

const at = { owner: "ada", name: "naps" };
const nap = "2.0174";

describe.runIf(canIsolate)("an app that is told to end", () => {
  const commandLine = new CommandLine();
  let github: GitHubServer;

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [
        { ...at, files: sleepingRepository(nap), issues: [{ title: "An example, please" }, { title: "Another" }] },
      ],
    });
    await copyEmbeddedTemplate(commandLine.path("app", "data"));
  });
  afterAll(async () => {
    commandLine[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });

  const start = async (): Promise<ServedApp> => {
    const app = await serveApp({ commandLine, github, name: "app" });
    github.deliverTo(app.webhooks);
    return app;
  };
  /** How often GitHub was asked who may: the reaction comes next. */
  const questions = (): number => github.requests.filter(({ path }) => path.endsWith("/permission")).length;
  /** Sends a signal, and tells the seconds until the process was gone. */
  const end = async (app: ServedApp): Promise<{ status: number | null; seconds: number }> => {
    const started = performance.now();
    app.signal("SIGTERM");
    const { status } = await app.ended;
    return { status, seconds: (performance.now() - started) / 1000 };
  };

  it("gives its run back and ends within ten seconds, also where GitHub hangs; the next start goes on", async () => {
    const first = await start();
    await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    const id = await eventually("the run", async () => (await readRuns(first))[0]?.id);
    await eventually("the example at work", () => readStages(first, id).includes("execute"));
    await eventually("its program", () => processesWith(nap).length > 0);
    // Written down, and then nobody is there to handle it before the end.
    const answers = await Promise.all([
      github.comment({ ...at, issue: 2, user: "ada", body: "/distill status" }),
      github.comment({ ...at, issue: 2, user: "ada", body: "/distill help" }),
    ]);
    const firstEnd = await end(first);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(firstEnd.status).toBe(0);
    expect(firstEnd.seconds).toBeLessThan(10);
    expect(first.output()).toContain("Runs are given back to the queue");
    const before = readStages(first, id);

    const second = await start();
    await eventually("both answers", async () => (await github.comments({ ...at, issue: 2 })).length === 4);
    await eventually("the clean room", () => readStages(second, id).includes("verify"));
    // A request that GitHub leaves without an answer keeps nothing alive, and is made again.
    github.delay({ method: "POST", path: /\/reactions$/, milliseconds: 30_000 });
    const asked = questions();
    await github.comment({ ...at, issue: 2, user: "ada", body: "/distill help" });
    await eventually("a comment that is being answered", () => questions() > asked);
    const secondEnd = await end(second);
    expect(secondEnd.status).toBe(0);
    expect(secondEnd.seconds).toBeLessThan(10);
    github.clearFaults();

    const third = await start();
    await eventually("the answer", async () => (await github.comments({ ...at, issue: 2 })).length === 6);
    const run = await endOfRun(third);
    expect(run.ending?.outcome).toBe("verified");
    const stages = readStages(third, id);
    expect(stages.slice(0, before.length)).toEqual(before);
    for (const once of ["clone", "survey", "summarize", "classify", "draft", "report"])
      expect(stages.filter((stage) => stage === once)).toHaveLength(1);
    expect(await github.pullRequests(at)).toHaveLength(1);
    expect((await github.comments({ ...at, issue: 1 })).map(({ login }) => login)).toEqual(["ada", github.appLogin]);
    expect(await end(third)).toMatchObject({ status: 0 });
    expect(github.violations).toEqual([]);
  }, 120_000);
});
