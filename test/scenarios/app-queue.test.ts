import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerThat, ask } from "../support/app-answers.ts";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture, processesWith } from "../support/command-line.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

const issues = [{ title: "An example, please" }];
const ofAda = (name: string) => ({ owner: "ada", name, issue: 1, user: "ada" });

describe("three repositories of an installation that runs one at a time", () => {
  let app: AppUnderTest;
  const names = ["first", "second", "third"];
  const seconds = "0.4519";
  let mostAtOnce = 0;
  let mostAsleep = 0;

  beforeAll(async () => {
    app = await startApp({
      repositories: names.map((name) => ({ owner: "ada", name, files: sleepingRepository(seconds), issues })),
      settings: { max_runs_per_installation: 1, max_runs_per_process: 3 },
    });
    for (const name of names) {
      await app.github.comment({ ...ofAda(name), body: "/distill" });
      await answerThat(app, { ...ofAda(name), says: /Running|Queued/ });
    }
    await eventually(
      "the end of all",
      async () => {
        const runs = await readRuns(app);
        mostAtOnce = Math.max(mostAtOnce, runs.filter(({ status }) => status === "running").length);
        mostAsleep = Math.max(mostAsleep, processesWith(`sleep\0${seconds}`).length);
        return runs.length === 3 && runs.every(({ status }) => status === "finished");
      },
      120,
    );
  }, 150_000);
  afterAll(() => app?.[Symbol.asyncDispose]());

  it("are run strictly one after the other, in the order in which they were asked for", async () => {
    expect(mostAtOnce).toBe(1);
    expect(mostAsleep).toBe(1);
    const order = app.github.gitRequests.map((path) => /\/ada\/([^/]+)\.git/.exec(path)?.[1]);
    expect([...new Set(order)]).toEqual(names);
    // Whoever comes next clones only once the one before it has been cloned for the last time.
    expect(order).toEqual([...order].sort((a, b) => names.indexOf(a ?? "") - names.indexOf(b ?? "")));
    expect((await readRuns(app)).map(({ ending }) => ending?.outcome)).toEqual(["verified", "verified", "verified"]);
  });

  it("show their places in the queue, which go down", async () => {
    const places = names.map((name) =>
      app.github.requests
        .filter(({ method, path }) => method !== "GET" && path.includes(`/ada/${name}/issues/`))
        .map(({ requestBody }) => /(\w+ runs? (?:is|are) before it|Running|Verified)/.exec(bodyOf(requestBody)))
        .flatMap((found) => found?.[1] ?? []),
    );
    // That it begins when a worker is free is said of each at its beginning, and for a moment between two others.
    const [first, second, third] = places.map((said) => said.filter((words, at) => words !== said[at - 1]));
    expect(first).toEqual(["Running", "Verified"]);
    expect(second).toEqual(["1 run is before it", "Running", "Verified"]);
    expect(third).toEqual(["2 runs are before it", "1 run is before it", "Running", "Verified"]);
    expect(app.github.violations).toEqual([]);
  });
});

describe("two commands in one repository", () => {
  it("run one after the other, also where the installation may run two at a time, and hold nobody else up", async () => {
    const seconds = "303.0519";
    const naps = ofAda("naps");
    const orbits = ofAda("orbits");
    await using app = await startApp({
      repositories: [
        { owner: "ada", name: "naps", files: sleepingRepository(seconds), issues },
        { owner: "ada", name: "orbits", folder: fixture("orbital-elements"), issues },
      ],
      settings: { max_runs_per_installation: 2, max_runs_per_process: 3 },
    });
    await app.github.comment({ ...naps, body: "/distill" });
    await eventually("the example sleeps", () => processesWith(seconds).length > 0, 60);
    await app.github.comment({ ...naps, body: "/distill --focus rest" });
    await answerThat(app, { ...naps, says: "**Queued.** 1 run is before it." });
    await app.github.comment({ ...orbits, body: "/distill" });
    await answerThat(app, { ...orbits, says: "**Verified.**" });
    expect((await readRuns(app)).map(({ repository, status, runsBefore }) => [repository, status, runsBefore])).toEqual(
      [
        ["ada/orbits", "finished", 0],
        ["ada/naps", "queued", 1],
        ["ada/naps", "running", 0],
      ],
    );
    const { answer } = await ask(app, { ...naps, body: "/distill status", says: "| repository |" });
    expect(answer).toContain("waits for 1 other");
    await ask(app, { ...naps, body: "/distill cancel", says: "2 runs are being cancelled, as ada asked." });
    await endOfRun(app, 3);
    expect(app.github.violations).toEqual([]);
  });
});

function bodyOf(sent: unknown): string {
  return typeof sent === "object" && sent !== null && "body" in sent ? String(sent.body) : "";
}
