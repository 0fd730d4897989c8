import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, answerThat, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture, processesWith } from "../support/command-line.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

const ofAda = (name: string) => ({ owner: "ada", name });
const folder = fixture("orbital-elements");
const quiet = { "README.md": "# quiet\n", ".github/codedistiller.yml": "new_installations: false\n" };

describe("a new installation", () => {
  let app: AppUnderTest;
  const whyNot = (name: string): unknown =>
    app.log.find(({ msg, repository }) => msg === "not distilled unasked" && repository === `ada/${name}`)?.because;

  beforeAll(async () => {
    app = await startApp({
      repositories: [
        { ...ofAda("fork"), folder, fork: true },
        { ...ofAda("archived"), folder, archived: true },
        { ...ofAda("empty") },
        { ...ofAda("quiet"), files: quiet, issues: [{ title: "An example, please" }] },
        { ...ofAda("orbits"), folder },
        { ...ofAda("tides"), folder },
        { ...ofAda("one-more"), folder },
        { ...ofAda("added-later"), folder },
      ].map((repository) => ({ ...repository, installed: false })),
      settings: { max_new_repositories: 2 },
    });
    const names = ["fork", "archived", "empty", "quiet", "orbits", "tides", "one-more"];
    await app.github.install({ repositories: names.map(ofAda), user: "ada" });
    await endOfRun(app, 2);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each(["orbits", "tides"])("brings a pull request to %s without anybody asking", async (name) => {
    expect((await app.github.pullRequests(ofAda(name))).map(({ state, title }) => [state, title])).toEqual([
      ["open", `Add a verified example of ${name}`],
    ]);
  });

  it.each([
    ["fork", "It is a fork."],
    ["archived", "The repository is archived: it can take no pull request."],
    ["empty", /^The repository is empty/],
    ["quiet", "its configuration says so"],
    ["one-more", "2 of the installation were, which is the most"],
  ])("leaves %s alone, and the log says why", async (name, because) => {
    await eventually("a line of the log", () => whyNot(name));
    expect(whyNot(name)).toMatch(because);
    expect(await app.github.pullRequests(ofAda(name))).toEqual([]);
    expect(app.github.gitRequests.filter((path) => path.includes(`/${name}.git/`))).toEqual([]);
  });

  it("has no more than its share, also of repositories that are added later", async () => {
    await app.github.addRepositories({ repositories: [ofAda("added-later")], user: "ada" });
    expect(await eventually("a line of the log", () => whyNot("added-later"))).toMatch(/which is the most/);
    expect(await readRuns(app)).toHaveLength(2);
  });

  it("that was told of twice begins nothing twice", async () => {
    const [installed] = app.github.deliveries;
    if (!installed) throw new Error("Nothing was delivered.");
    await app.github.redeliver(installed);
    await app.github.send(installed.event, installed.payload);
    await ask(app, { ...ofAda("quiet"), issue: 1, user: "ada", body: "/distill help", says: "What I can do here" });
    expect(await readRuns(app)).toHaveLength(2);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});

describe("an installation that ends", () => {
  let app: AppUnderTest;
  const seconds = "302.0518";
  const naps = { ...ofAda("naps"), issue: 1, user: "ada" };
  const isAsleep = () => eventually("the example sleeps", () => processesWith(seconds).length > 0, 60);
  const isOver = () => eventually("no process is left", () => processesWith(seconds).length === 0);

  beforeAll(async () => {
    app = await startApp({
      repositories: [
        { ...naps, files: sleepingRepository(seconds), issues: [{ title: "An example, please" }] },
        { ...ofAda("orbits"), folder, installed: false },
      ],
      settings: { max_runs_per_installation: 1 },
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("for a while cancels what runs and what waits, and says so once it may speak again", async () => {
    const { github } = app;
    await github.comment({ ...naps, body: "/distill" });
    await isAsleep();
    await github.comment({ ...naps, body: "/distill --focus rest" });
    await answerThat(app, { ...naps, says: "1 run is before it." });
    await github.suspend({ user: "ada" });
    await endOfRun(app, 2);
    await isOver();
    for (const run of await readRuns(app)) {
      expect(run).toMatchObject({ ending: { outcome: "cancelled", explanation: "The app was suspended." } });
    }
    await github.unsuspend({ user: "ada" });
    await eventually("both comments tell it", async () =>
      (await answersOn(app, naps)).every((body) => body.startsWith("**Cancelled by `ada`.** The app was suspended.")),
    );
    expect(await answersOn(app, naps)).toHaveLength(2);
  });

  it("for good, in mid run, cancels and forgets everything, and says nothing more", async () => {
    const { github } = app;
    await github.comment({ ...naps, body: "/distill retry" });
    await isAsleep();
    expect(await readRuns(app)).toHaveLength(3);
    const logged = app.log.length;
    const said = await answersOn(app, naps);
    await github.uninstall({ user: "ada" });
    await isOver();
    await eventually("nothing is kept", async () => (await readRuns(app)).length === 0);
    const runs = join(app.folder, "data", "runs");
    await eventually("no folder is kept", () => readdirSync(runs).length === 0);
    await eventually("the queue is empty", async () => (await readMetrics(app)).includes('queue="runs"} 0'));
    expect(await answersOn(app, naps)).toEqual(said);
    expect(readdirSync(runs)).toEqual([]);
    expect(app.log.slice(logged).filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  it("for good, just as a run begins, leaves nothing either", async () => {
    const { github } = app;
    await github.install({ repositories: [naps], user: "ada" });
    const begun = await eventually("the run begins", async () => (await readRuns(app))[0]);
    await ask(app, { ...naps, body: "/distill cancel", says: "The run is being cancelled" });
    await endOfRun(app);
    await isOver();
    github.delay({ method: "PATCH", path: /\/issues\/comments\//, milliseconds: 1500 });
    await github.comment({ ...naps, body: "/distill" });
    await eventually("another begins", async () =>
      (await readRuns(app)).some(({ id, status }) => id !== begun.id && status === "running"),
    );
    const logged = app.log.length;
    await github.uninstall({ user: "ada" });
    await eventually("nothing is kept", async () => (await readRuns(app)).length === 0);
    await eventually("the queue is empty", async () => (await readMetrics(app)).includes('queue="runs"} 0'));
    expect(app.log.slice(logged).filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect(await readMetrics(app)).toContain('queue="dead-letters"} 0');
    expect(readdirSync(join(app.folder, "data", "runs"))).toEqual([]);
    github.clearFaults();
  });

  it("and begins again is new", async () => {
    const { github } = app;
    await github.install({ repositories: [ofAda("orbits")], user: "ada" });
    expect(await endOfRun(app)).toMatchObject({ trigger: "installation", ending: { outcome: "verified" } });
    expect(await github.pullRequests(ofAda("orbits"))).toHaveLength(1);
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});

async function readMetrics({ address, operatorToken }: AppUnderTest): Promise<string> {
  const response = await fetch(`${address}/metrics`, { headers: { authorization: `Bearer ${operatorToken}` } });
  return response.text();
}
