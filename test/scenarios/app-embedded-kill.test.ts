import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endOfRun, eventually, readRuns, type ShownRun } from "../support/app-under-test.ts";
import { CommandLine, canIsolate, processesWith, waitUntil } from "../support/command-line.ts";
import { copyEmbeddedTemplate } from "../support/embedded-template.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { readRunStateOf, readStages, type ServedApp, serveApp } from "../support/served-app.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

const at = { owner: "ada", name: "naps" };
const nap = "2.0173";

describe.runIf(canIsolate)("an app on its embedded database that is killed in mid run", () => {
  const commandLine = new CommandLine();
  let github: GitHubServer;
  let app: ServedApp;
  let killedStages: string[];
  let run: ShownRun;

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [{ ...at, files: sleepingRepository(nap), issues: [{ title: "An example, please" }] }],
    });
    await copyEmbeddedTemplate(commandLine.path("app", "data"));
    const killed = await serveApp({ commandLine, github, name: "app" });
    github.deliverTo(killed.webhooks);
    await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    const id = await eventually("the run", async () => (await readRuns(killed))[0]?.id);
    await eventually("the clean room", () => readStages(killed, id).includes("verify"));
    await eventually("its program", () => processesWith(nap).length > 0);
    killed.signal("SIGKILL");
    await killed.ended;
    killedStages = readStages(killed, id);
    app = await serveApp({ commandLine, github, name: "app" });
    github.deliverTo(app.webhooks);
    // Nobody waits for a heartbeat that does not come.
    await eventually("the run at work again", () => readStages(app, id).length > killedStages.length, 10);
    run = await endOfRun(app);
    await eventually("its last words", async () =>
      (await github.comments({ ...at, issue: 1 })).some(({ body }) => body.startsWith("**Verified.**")),
    );
  }, 120_000);
  afterAll(async () => {
    commandLine[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });

  it("leaves no program of a sandbox behind", async () => {
    await waitUntil("no program", () => processesWith(nap).length === 0);
  });

  it("goes on where it was, and does nothing again that was done", () => {
    expect(readStages(app, run.id)).toEqual([...killedStages, "verify", "report"]);
    expect(readRunStateOf(app, run.id).distiller.iterations).toHaveLength(1);
  });

  it("has one pull request and one comment", async () => {
    expect(run.ending?.outcome).toBe("verified");
    expect(await github.pullRequests(at)).toHaveLength(1);
    const comments = await github.comments({ ...at, issue: 1 });
    expect(comments.map(({ login }) => login)).toEqual(["ada", github.appLogin]);
    expect(github.reactions({ ...at, comment: 1 })).toHaveLength(1);
  });

  it("refuses a second process on its folder, and says what to do", async () => {
    const refused = serveApp({ commandLine, github, name: "app" });
    await expect(refused).rejects.toThrow(/is in use by another process; set DATABASE_URL to run several\.\n/);
    expect((await fetch(`${app.address}/readyz`)).status).toBe(200);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(github.violations).toEqual([]);
  });
});
