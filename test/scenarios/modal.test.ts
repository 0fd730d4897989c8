import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, filesWith, fixture, type StartedCommand } from "../support/command-line.ts";
import { type ModalServer, startModalServer } from "../support/modal-server/modal-server.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";
import { sandboxImage } from "../support/sandbox-image.ts";

const image = await sandboxImage();

describe.runIf(image !== null)("a run at Modal", () => {
  const commandLine = new CommandLine();
  let server: ModalServer;
  beforeAll(async () => {
    server = await startModalServer({ rootfs: image?.rootfs ?? "" });
    // So that no commit of ours is in the run.
    cpSync(fixture("orbital-elements"), commandLine.path("orbital-elements"), { recursive: true });
  });
  afterEach(() => {
    server.faults.clear();
    server.expectNoViolations();
    expect(runningSandboxes()).toEqual([]);
  });
  afterAll(async () => {
    commandLine[Symbol.dispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const runningSandboxes = () => server.sandboxes.filter(({ result, forgotten }) => result === undefined && !forgotten);
  const environment = () => ({
    ...server.environment,
    CODEDISTILLER_SANDBOX: "modal",
    CODEDISTILLER_SANDBOX_IMAGE: "debian:12",
    // What the SDK has to say must not get between what we say.
    MODAL_LOGLEVEL: "debug",
  });
  const start = (...argv: string[]): StartedCommand =>
    commandLine.start(["distill", ...argv, "--json"], { environment: environment(), timeoutSeconds: 110 });

  it("goes on after its sandboxes were refused and lost, and counts no iteration for it", async () => {
    server.faults.add({ kind: "status", method: "SandboxCreateV2", code: "RESOURCE_EXHAUSTED", message: "quota" });
    const run = start("orbital-elements", "--out", "lost");
    await run.waitForLine(/^building and running/m);
    server.faults.add({ kind: "end-sandbox", how: "lost", afterMs: 20 });
    const ended = await run.ended;
    const result = parseResult(ended);
    expect(result.outcome, ended.stderr).toBe("verified");
    expect(server.faults.pending).toEqual([]);
    expect(ended.stderr).toMatch(/no room for another sandbox \(quota\).*Trying again in 2 s/);
    expect(ended.stderr).toMatch(/The sandbox was lost: .*Trying again in 2 s/);
    expect(result.iterations).toBe(1);
    const { distiller } = readState(result.runFolder ?? "");
    expect(distiller.sandbox).toMatchObject({ provider: "modal", isolated: true });
    expect(existsSync(join(result.runFolder ?? "", distiller.iterations[0]?.folder ?? "", "modal-output"))).toBe(true);
    expect(server.sandboxes.every(({ tags }) => tags.run === distiller.runId && tags.tenant)).toBe(true);
  }, 120_000);

  it("ends as a fault of the infrastructure where Modal stays away, and goes on when it is back", async () => {
    const run = start("orbital-elements", "--out", "away");
    await run.waitForLine(/^finding its purpose/m);
    server.faults.add({ kind: "status", method: "SandboxCreateV2", code: "UNAVAILABLE" }, Number.POSITIVE_INFINITY);
    const ended = await run.ended;
    expect(ended.status).toBe(1);
    expect(parseResult(ended)).toMatchObject({ outcome: null, reasonCode: "sandbox-outage", iterations: 1 });
    expect(ended.stderr).toMatch(/Modal does not answer .*not to blame/);
    const runFolder = onlyRun(commandLine.path("away"));
    const state = readState(runFolder);
    expect(state.status).toBe("ERROR");
    expect(state.distiller.iterations.map(({ execution }) => execution)).toEqual([null]);
    server.faults.clear();
    const resumed = await start("--resume", runFolder).ended;
    expect(parseResult(resumed)).toMatchObject({ outcome: "verified", iterations: 1 });
  }, 120_000);

  it("builds an environment again whose snapshot is gone", async () => {
    const images = server.imageIds();
    const run = start("orbital-elements", "--out", "snapshot");
    await run.waitForLine(/^finding its purpose/m);
    server.faults.add({ kind: "status", method: "ImageFromId", code: "NOT_FOUND" });
    const ended = await run.ended;
    expect(parseResult(ended), ended.stderr).toMatchObject({ outcome: "verified", iterations: 1 });
    expect(ended.stderr).toMatch(/has to be built again/);
    expect(server.imageIds().length).toBeGreaterThan(images.length);
  }, 120_000);

  it("says what is wrong with a token, and leaves nothing behind", async () => {
    const ended = await commandLine.run(["distill", "orbital-elements", "--out", "refused", "--json"], {
      environment: { ...environment(), MODAL_TOKEN_SECRET: "as-planted-secret-7f3a" },
    });
    expect(ended.status).toBe(1);
    expect(parseResult(ended).reasonCode).toBe("sandbox-credentials");
    expect(ended.stderr).toContain("modal token new");
    expect(ended.stdout + ended.stderr).not.toContain("as-planted-secret-7f3a");
  });

  it("writes the token nowhere", () => {
    const { MODAL_TOKEN_ID, MODAL_TOKEN_SECRET } = server.environment;
    for (const secret of [MODAL_TOKEN_ID, MODAL_TOKEN_SECRET, "as-planted-secret-7f3a"])
      expect(filesWith(commandLine.folder, secret)).toEqual([]);
    expect(readFileSync(join(onlyRun(commandLine.path("away")), "run.log"), "utf8")).toContain("sandbox-outage");
  });
});
