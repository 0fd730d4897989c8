import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sandboxImage } from "../../support/sandbox-image.ts";
import { openProviderSession, type ProviderSession } from "./provider-session.ts";
import { type ChildOptions, startChild } from "./start-child.ts";

const image = await sandboxImage();
const deadlines = { shortMs: 400, startMs: 400, createMs: 600, buildMs: 600, snapshotMs: 1000, lateMs: 300 };

/** A process that cannot end hangs for ever in the terminal of whoever started it. */
describe.runIf(image !== null)("a process that uses Modal ends", () => {
  let session: ProviderSession;
  beforeAll(async () => {
    session = await openProviderSession(image?.rootfs ?? "");
  });
  afterEach(async () => {
    for (const sandbox of session.running()) await sandbox.breakDown("terminated");
    await session.reset();
  });
  afterAll(() => session?.[Symbol.asyncDispose]());

  const start = (what: ChildOptions["what"], options: ChildOptions["options"] = { deadlines }) =>
    startChild({ stateFolder: join(session.folder, "state"), what, options });

  it("when all went well", async () => {
    const child = start("keep", {});
    expect(await child.ended).toBeLessThan(1500);
    expect(child.said).toEqual(["running", "done"]);
    expect(session.running()).toEqual([]);
  });

  it.each([
    ["AppGetOrCreate", "use"],
    ["SandboxListV2", "use"],
    ["SandboxCreateV2", "use"],
    ["TaskSnapshotFilesystem", "keep"],
    ["SandboxTerminateV2", "use"],
  ] as const)("where %s is never answered", async (method, what) => {
    session.server.faults.add({ kind: "hang", method });
    const child = start(what);
    expect(await child.ended).toBeLessThan(1500);
    const isPassedOver = /^Sandbox(List|Terminate)V2$/.test(method);
    expect(child.said).toContain(isPassedOver ? "running" : "sandbox-outage");
  });

  it("where a build is never over", async () => {
    session.server.faults.add({ kind: "hang", method: "ImageJoinStreaming" });
    const child = start("use", { deadlines, image: { base: "ubuntu:24.04", commands: ["RUN sleep 2"] } });
    expect(await child.ended).toBeLessThan(1500);
    expect(child.said).toEqual(["sandbox-outage", "done"]);
  });

  it("where its sandbox goes away, and where nobody can get to it any more", async () => {
    const lost = start("hold", {});
    await lost.waitFor("running");
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const sandbox of session.running()) await sandbox.breakDown("lost");
    expect(await lost.ended).toBeLessThan(1500);
    // Neither is the program's fault.
    expect(lost.said).toEqual(["running", "sandbox-lost", "done"]);
    const cut = start("hold", {});
    await cut.waitFor("running");
    await session.server.router.break();
    expect(await cut.ended).toBeLessThan(1500);
    expect(cut.said).toEqual(["running", expect.stringMatching(/^sandbox-(lost|outage)$/), "done"]);
    await session.server.router.mend();
    expect(session.running()).toEqual([]);
  }, 40_000);
});
