import { ConflictError, ModalClient } from "modal";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { canMount } from "../command-line.ts";
import { sandboxImage } from "../sandbox-image.ts";
import { type ModalSession, openModalSession, runToEnd } from "./modal-session.ts";

const base = canMount ? await sandboxImage() : null;
const rootfs = base?.rootfs ?? "";

describe.runIf(base !== null)("faults of the Modal emulator", () => {
  let session: ModalSession;
  let server: ModalSession["server"];
  let client: ModalSession["client"];
  let app: ModalSession["app"];
  beforeAll(async () => {
    session = await openModalSession(rootfs);
    ({ server, client, app } = session);
  });
  afterEach(() => session.reset());
  afterAll(() => session?.[Symbol.asyncDispose]());
  const create: ModalSession["create"] = (options) => session.create(options);

  it("refuse a bad token, and what was planned to be refused", async () => {
    const stranger = new ModalClient({ tokenId: "ak-1", tokenSecret: "as-1" });
    await expect(stranger.apps.fromName("tests")).rejects.toThrow("UNAUTHENTICATED");
    server.faults.add({ kind: "status", method: "SandboxCreateV2", code: "RESOURCE_EXHAUSTED", message: "quota" });
    await expect(create()).rejects.toThrow("RESOURCE_EXHAUSTED: quota");
    await create();
  });

  it("pass by when they are few, and keep what was done when the answer was lost", async () => {
    server.faults.add({ kind: "status", method: "*", code: "UNAVAILABLE" }, 2);
    server.faults.add({ kind: "lost-answer", method: "SandboxCreateV2" });
    const before = server.sandboxes.length;
    const sandbox = await create();
    server.faults.add({ kind: "lost-answer", method: "TaskExecStart" });
    server.faults.add({ kind: "lost-answer", method: "TaskExecStdinWrite" });
    const program = await sandbox.exec(["sh", "-c", "echo x >> /tmp/runs; cat >> /tmp/runs; cat /tmp/runs"], {
      timeoutMs: 5000,
    });
    await program.stdin.writeText("y\n");
    await program.stdin.close();
    expect(await program.stdout.readText()).toBe("x\ny\n");
    expect(server.sandboxes.length).toBe(before + 1);
    expect(server.faults.pending).toEqual([]);
  });

  it("let a call take its time, or never come back", async () => {
    server.faults.add({ kind: "delay", method: "SandboxTagsGetV2", ms: 400 });
    const sandbox = await create();
    const started = performance.now();
    await sandbox.getTags();
    expect(performance.now() - started).toBeGreaterThan(390);
    server.faults.add({ kind: "hang", method: "SandboxTagsGetV2" });
    const outcome = await Promise.race([
      sandbox.getTags(),
      new Promise((resolve) => setTimeout(resolve, 500, "hangs")),
    ]);
    expect(outcome).toBe("hangs");
  });

  it("break a stream, which goes on where it was", async () => {
    const sandbox = await create();
    server.faults.add({ kind: "break-output", afterBytes: 100_000 });
    const program = await sandbox.exec(["sh", "-c", "seq 100000"], { mode: "binary", timeoutMs: 10_000 });
    const text = Buffer.from(await program.stdout.readBytes()).toString();
    expect(text).toBe(Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join(""));
    expect(server.faults.pending).toEqual([]);
  });

  it("break the way to programs, for a while", async () => {
    const sandbox = await create();
    server.faults.add({ kind: "router-outage", afterMs: 200, forMs: 700 });
    const result = await runToEnd(sandbox, ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.4; done"]);
    expect(result).toEqual({ code: 0, stdout: "1\n2\n3\n", stderr: "" });
    await server.router.break();
    setTimeout(() => void server.router.mend(), 300);
    expect((await runToEnd(sandbox, ["echo", "mended"])).stdout).toBe("mended\n");
  }, 30_000);

  it("end a sandbox before its start", async () => {
    server.faults.add({ kind: "dies-before-start", exception: "No worker could take it." });
    const sandbox = await create();
    await expect(sandbox.exec(["true"])).rejects.toThrow(new ConflictError("No worker could take it."));
    server.faults.add({ kind: "dies-before-start", exception: "No worker could take it." });
    await expect(create({ gpu: "T4" })).rejects.toThrow(ConflictError);
  });

  it("end a sandbox in the middle", async () => {
    const lost = await create();
    server.faults.add({ kind: "end-sandbox", how: "lost", afterMs: 200 });
    await expect(runToEnd(lost, ["sleep", "20"])).rejects.toThrow("NOT_FOUND");
    await expect(lost.poll()).rejects.toThrow("NOT_FOUND");
    const full = await create();
    server.faults.add({ kind: "end-sandbox", how: "out-of-memory", afterMs: 200 });
    const program = await full.exec(["sleep", "20"], { timeoutMs: 10_000 });
    expect(await program.wait()).toBe(137);
    expect(await full.wait()).toBe(137);
  });

  it("fail builds and snapshots, and end programs late", async () => {
    server.faults.add({ kind: "build-failure", exception: "No space left.", log: "step 1\n" });
    const layered = client.images.fromRegistry("debian:12").dockerfileCommands(["RUN true"]);
    await expect(layered.build(app)).rejects.toThrow("No space left.");
    await layered.build(app);
    const sandbox = await create();
    server.faults.add({ kind: "status", method: "TaskSnapshotFilesystem", code: "FAILED_PRECONDITION" });
    await expect(sandbox.snapshotFilesystem()).rejects.toThrow("FAILED_PRECONDITION");
    server.faults.add({ kind: "hang", method: "TaskSnapshotFilesystem" });
    await expect(sandbox.snapshotFilesystem({ timeoutMs: 1000 })).rejects.toThrow("Timeout");
    server.faults.add({ kind: "late-kill", ms: 1500 });
    await expect(runToEnd(sandbox, ["sleep", "20"], { timeoutMs: 1000 })).rejects.toThrow("Deadline exceeded");
  });
});
