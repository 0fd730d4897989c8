import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunState } from "../../src/pipeline/run-state.ts";
import { openPostgresDatabase } from "../../src/store/postgres-database.ts";
import { createDatabaseFiles } from "../../src/store/run-files.ts";
import { endOfRun, eventually, readRuns, type ShownRun } from "../support/app-under-test.ts";
import { CommandLine, canIsolate } from "../support/command-line.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { readRunStateOf, readStages, type ServedApp, serveApp } from "../support/served-app.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

const at = { owner: "ada", name: "naps" };

const postgres: PostgresServer | null = canIsolate ? await startPostgres() : null;

describe.runIf(postgres !== null)("two processes on one database, one of which is killed in mid run", () => {
  const commandLine = new CommandLine();
  let databaseUrl: string;
  let github: GitHubServer;
  let survivor: ServedApp;
  let killedStages: string[];
  let run: ShownRun;

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [{ ...at, files: sleepingRepository("3.0171"), issues: [{ title: "An example, please" }] }],
    });
    databaseUrl = (await postgres?.createDatabase()) ?? "";
    const [first, second] = await Promise.all(
      ["first", "second"].map((name) =>
        serveApp({ commandLine, github, name, databaseUrl, environment: { PUBLIC_URL: "https://app.example" } }),
      ),
    );
    if (!first || !second) throw new Error("Two processes were started.");
    github.deliverTo(first.webhooks);
    const delivery = await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    expect(delivery.status).toBe(200);
    const id = await eventually("the run", async () => (await readRuns(second))[0]?.id);
    const worker = await eventually("the clean room in one of them", () =>
      [first, second].find((each) => readStages(each, id).includes("verify")),
    );
    await eventually("the example kept where others find it", () => isExecutionKept(databaseUrl, id));
    worker.signal("SIGKILL");
    await worker.ended;
    killedStages = readStages(worker, id);
    survivor = worker === first ? second : first;
    github.deliverTo(survivor.webhooks);
    run = await endOfRun(survivor);
    await eventually("its last words", async () =>
      (await github.comments({ ...at, issue: 1 })).some(({ body }) => body.startsWith("**Verified.**")),
    );
  }, 120_000);
  afterAll(async () => {
    commandLine[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  it("goes on in the other one where the first was, and does nothing again that was done", () => {
    expect(killedStages).toEqual(["clone", "survey", "summarize", "classify", "draft", "execute", "verify"]);
    const stages = readStages(survivor, run.id);
    // Of the killed process's disk nothing is needed: the repository is fetched again, and the clean room begun again.
    expect(stages.filter((stage) => stage !== "verify")).toEqual([...killedStages.slice(0, -1), "clone", "report"]);
    expect(stages.slice(-3)).toEqual(["clone", "verify", "report"]);
    const state = readRunStateOf(survivor, run.id);
    expect(state.distiller.iterations).toHaveLength(1);
    expect(state.distiller.outcome).toMatchObject({ outcome: "verified" });
  });

  it("has one pull request and one comment", async () => {
    expect(run.ending?.outcome).toBe("verified");
    expect(await github.pullRequests(at)).toHaveLength(1);
    const comments = await github.comments({ ...at, issue: 1 });
    expect(comments.map(({ login }) => login)).toEqual(["ada", github.appLogin]);
    expect(comments[1]?.body).toContain(`/pull/${run.pullRequest?.number}`);
  });

  it("shows the run's page, report and files from a process that has none of them on its disk", async () => {
    const third = await serveApp({ commandLine, github, name: "third", databaseUrl });
    const page = await (await fetch(`${third.address}/runs/${run.id}`)).text();
    expect(page).toContain("Verified");
    const report = await fetch(`${third.address}/runs/${run.id}/report`);
    expect(report.status).toBe(200);
    expect(await report.text()).toContain("nap");
    const archive = await fetch(`${third.address}/runs/${run.id}/example.tar.gz`);
    expect(archive.status).toBe(200);
    third.signal("SIGTERM");
    expect((await third.ended).status).toBe(0);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(github.violations).toEqual([]);
  });
});

async function isExecutionKept(url: string, runId: string): Promise<boolean> {
  await using database = await openPostgresDatabase({ url, connections: 2 });
  const bytes = await createDatabaseFiles({ root: "/nonexistent", database }).read(runId, "current_state.json");
  const state = bytes && RunState.parse(JSON.parse(bytes.toString()));
  return Boolean(state?.distiller.iterations[0]?.execution);
}
