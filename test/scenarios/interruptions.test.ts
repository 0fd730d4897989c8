import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate, fixture, listPaths, processesWith, waitUntil } from "../support/command-line.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";
import { sleepingRepository } from "../support/sleeping-repository.ts";

/** What each stage prints when it starts, in order. */
const stages = {
  clone: /^fetching the repository/m,
  survey: /^reading its files/m,
  summarize: /^finding its purpose/m,
  classify: /^classifying files/m,
  draft: /^drafting the example/m,
  execute: /^building and running/m,
  verify: /^running again in a clean room/m,
  report: /^writing the report/m,
};
type StageName = keyof typeof stages;
const stageNames: StageName[] = ["clone", "survey", "summarize", "classify", "draft", "execute", "verify", "report"];

describe.runIf(canIsolate)("a run that is interrupted", () => {
  const commandLine = new CommandLine();
  beforeAll(async () => {
    // Fills the cache of environments, as in everyday use.
    const ended = await commandLine.run(["distill", fixture("orbital-elements"), "--out", "first", "--json"]);
    expect(ended.status, ended.stderr).toBe(0);
  });
  afterAll(() => commandLine[Symbol.dispose]());

  it("goes on after kill -9 at the start of every stage, and repeats no finished one", async () => {
    const whole = readState(onlyRun(commandLine.path("first")));
    let argv = ["distill", fixture("orbital-elements"), "--out", "killed"];
    const killed: StageName[] = [];
    for (const stage of stageNames) {
      const started = commandLine.start(argv);
      await started.waitForLine(stages[stage]);
      started.process.kill("SIGKILL");
      const { status, stderr } = await started.ended;
      expect(status).toBeNull();
      const runFolder = onlyRun(commandLine.path("killed"));
      const finished = killed.slice(0, -1);
      for (const earlier of finished) expect(stderr, `${earlier} again before ${stage}`).not.toMatch(stages[earlier]);
      killed.push(stage);
      argv = ["distill", "--resume", runFolder];
      expect(readState(runFolder).distiller.outcome).toBeNull();
      // What a kill in the middle of a write leaves.
      writeFileSync(join(runFolder, "current_state.json.1.tmp"), "{");
    }
    const last = await commandLine.run([...argv, "--json"]);
    expect(last.status, last.stderr).toBe(0);
    const result = parseResult(last);
    const state = readState(result.runFolder ?? "");
    for (const stage of stageNames.slice(0, -1)) expect(last.stderr).not.toMatch(stages[stage]);
    expect(state.distiller.outcome).toEqual(whole.distiller.outcome);
    expect(state.distiller.iterations).toHaveLength(whole.distiller.iterations.length);
    expect(state.distiller.repository?.commit).toBe(whole.distiller.repository?.commit);
    expect(state.code).toBe(whole.code);
    expect(state.metadata).toEqual(whole.metadata);
    expect(listPaths(join(result.exampleFolder ?? "", "outputs"))).toEqual(
      listPaths(join(onlyRun(commandLine.path("first")), "example", "outputs")),
    );
    const leftovers = listPaths(result.runFolder ?? "").filter((path) =>
      /\.tmp$|\.partial|^lock$|^repository$/.test(path),
    );
    expect(leftovers).toEqual([]);
    await waitUntil("no sandbox is left", () => processesWith(commandLine.cache).length === 0);
  });

  it("tells how long every stage took, also those before a kill", async () => {
    const started = commandLine.start(["distill", fixture("orbital-elements"), "--out", "timed"]);
    await started.waitForLine(stages.draft);
    started.process.kill("SIGKILL");
    await started.ended;
    const runFolder = onlyRun(commandLine.path("timed"));
    expect(Object.keys(readState(runFolder).runtimes)).toEqual(["clone", "survey", "summarize", "classify"]);
  });

  it("has its reports as soon as it has an outcome, so that a kill cannot come between", async () => {
    const started = commandLine.start(["distill", fixture("orbital-elements"), "--out", "concluded"]);
    await started.waitForLine(stages.report);
    const runFolder = onlyRun(commandLine.path("concluded"));
    while (readState(runFolder).distiller.outcome === null);
    started.process.kill("SIGKILL");
    await started.ended;
    for (const name of ["report.html", "REPORT.md", "example/README.md"])
      expect(existsSync(join(runFolder, name)), name).toBe(true);
    expect((await commandLine.run(["distill", "--resume", runFolder])).status).toBe(0);
  });

  it("does not run a finished run again", async () => {
    const runFolder = onlyRun(commandLine.path("first"));
    const before = readFileSync(join(runFolder, "current_state.json"), "utf8");
    const again = await commandLine.run(["distill", "--resume", runFolder, "--json"]);
    expect(again.status, again.stderr).toBe(0);
    expect(parseResult(again).outcome).toBe("verified");
    expect(again.stderr).toBe("");
    expect(readFileSync(join(runFolder, "current_state.json"), "utf8")).toBe(before);
  });

  it("lets no second process work on a run folder, and is not disturbed by it", async () => {
    writeTree(commandLine.path("held"), sleepingRepository("27.5152"));
    const first = commandLine.start(["distill", "held", "--out", "held-out"]);
    await waitUntil("the example sleeps", () => processesWith("27.5152").length > 0);
    const runFolder = onlyRun(commandLine.path("held-out"));
    const before = readFileSync(join(runFolder, "current_state.json"), "utf8");
    const second = await commandLine.run(["distill", "--resume", runFolder]);
    expect(second.status).toBe(1);
    expect(second.stderr).toBe(
      `codedistiller: ${runFolder} is in use by process ${first.process.pid}. Wait for it, or end it first.\n`,
    );
    expect(readFileSync(join(runFolder, "current_state.json"), "utf8")).toBe(before);
    expect(existsSync(join(runFolder, "lock"))).toBe(true);
    first.process.kill("SIGKILL");
    await first.ended;
  });

  it("ends everything on Ctrl-C, exits with 130, and leaves a run that can be continued", async () => {
    writeTree(commandLine.path("cancelled"), sleepingRepository("2.0151"));
    const started = commandLine.start(["distill", "cancelled", "--out", "cancelled-out", "--json"]);
    await waitUntil("the example sleeps", () => processesWith("2.0151").length > 0);
    started.process.kill("SIGINT");
    const ended = await started.ended;
    expect(ended.status, ended.stderr).toBe(130);
    expect(parseResult(ended)).toMatchObject({ outcome: "cancelled", reasonCode: "cancelled" });
    await waitUntil("no process is left", () => processesWith("2.0151").length === 0, 3);
    const runFolder = onlyRun(commandLine.path("cancelled-out"));
    expect(ended.stderr).toContain(`Continue with: codedistiller distill --resume cancelled-out/`);
    expect(existsSync(join(runFolder, "lock"))).toBe(false);
    expect(readdirSync(join(commandLine.cache, "live"))).toEqual([]);
    expect(readState(runFolder)).toMatchObject({ status: "STARTED", status_message: "Cancelled." });

    const resumed = await commandLine.run(["distill", "--resume", runFolder, "--json"]);
    expect(parseResult(resumed).checks).toMatchObject({ executed: { result: "passed" } });
    expect(readState(runFolder).distiller.iterations).toHaveLength(1);
    expect(resumed.stderr).not.toMatch(stages.draft);
  });

  it("leaves at once on a second Ctrl-C, and leaves no process behind", async () => {
    writeTree(commandLine.path("left"), sleepingRepository("48.0161"));
    const started = commandLine.start(["distill", "left", "--out", "left-out"]);
    await waitUntil("the example sleeps", () => processesWith("48.0161").length > 0);
    started.process.kill("SIGINT");
    await started.waitForLine(/Press again to leave at once/);
    const pressed = performance.now();
    started.process.kill("SIGINT");
    expect((await started.ended).status).toBe(130);
    expect(performance.now() - pressed).toBeLessThan(1500);
    await waitUntil("no process is left", () => processesWith("48.0161").length === 0, 5);
  });

  it("is cancelled by the interrupt key of a terminal too", async () => {
    writeTree(commandLine.path("typed"), sleepingRepository("49.0162"));
    const started = commandLine.startInTerminal(["distill", "typed", "--out", "typed-out"]);
    await waitUntil("the example sleeps", () => processesWith("49.0162").length > 0);
    started.process.stdin?.write("\u0003");
    const { status, stdout } = await started.ended;
    expect(status, stdout).toBe(130);
    expect(stdout).toContain("Continue with: codedistiller distill --resume typed-out/");
    await waitUntil("no process is left", () => processesWith("49.0162").length === 0, 3);
  });

  it("takes over the lock of a process that is gone", async () => {
    const runFolder = onlyRun(commandLine.path("timed"));
    copyFileSync(join(runFolder, "lock"), commandLine.path("lock"));
    const ended = await commandLine.run(["distill", "--resume", runFolder]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(existsSync(join(runFolder, "lock"))).toBe(false);
  });
});
