import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CancelledError } from "../../../src/errors.ts";
import type { SandboxProvider } from "../../../src/sandboxes/sandbox.ts";
import type { GrpcCode } from "../../support/modal-server/grpc-error.ts";
import { sandboxImage } from "../../support/sandbox-image.ts";
import { openProviderSession, type ProviderSession, run, shell, usual } from "./provider-session.ts";

const image = await sandboxImage();

describe.runIf(image !== null)("where Modal fails", () => {
  let session: ProviderSession;
  beforeAll(async () => {
    session = await openProviderSession(image?.rootfs ?? "");
  });
  afterEach(() => session.reset());
  afterAll(() => session?.[Symbol.asyncDispose]());

  const refuse = (method: string, code: GrpcCode, times = 1) =>
    session.server.faults.add({ kind: "status", method, code, message: "said the service" }, times);
  const make = () => session.make();
  const create = async (provider?: SandboxProvider) => (provider ?? (await make())).create(usual);

  it("says at once that a token is not accepted, and how to get one", async () => {
    const { MODAL_TOKEN_SECRET } = session.server.environment;
    process.env.MODAL_TOKEN_SECRET = "as-of-somebody-else";
    try {
      const error = await make().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "sandbox-credentials", retryable: false });
      expect(String(error)).toContain("modal token new");
      expect(String(error)).not.toContain("as-of-somebody-else");
    } finally {
      process.env.MODAL_TOKEN_SECRET = MODAL_TOKEN_SECRET;
    }
    delete process.env.MODAL_TOKEN_ID;
    try {
      await expect(make()).rejects.toMatchObject({ code: "sandbox-credentials" });
    } finally {
      process.env.MODAL_TOKEN_ID = session.server.environment.MODAL_TOKEN_ID;
    }
  });

  it("says that settings of Modal cannot be used", async () => {
    process.env.MODAL_SERVER_URL = "no address";
    try {
      await expect(make()).rejects.toMatchObject({ name: "SandboxError" });
    } finally {
      process.env.MODAL_SERVER_URL = session.server.environment.MODAL_SERVER_URL;
    }
  });

  it("tells that there is no room, for a later try", async () => {
    const provider = await make();
    refuse("SandboxCreateV2", "RESOURCE_EXHAUSTED");
    await expect(create(provider)).rejects.toMatchObject({
      code: "sandbox-quota",
      retryable: true,
      userMessage: expect.stringMatching(/said the service.*fewer at a time/),
    });
    await using _sandbox = await create(provider);
  });

  it.each(["INVALID_ARGUMENT", "FAILED_PRECONDITION"] as const)(
    "says once what settings it refuses: %s",
    async (code) => {
      const provider = await session.make({ gpu: "T40" });
      refuse("SandboxCreateV2", code);
      await expect(create(provider)).rejects.toMatchObject({
        code: "sandbox-settings",
        retryable: false,
        userMessage: expect.stringMatching(/said the service.*look at gpu/),
      });
    },
  );

  it("takes a refusal of what runs already for the loss of a sandbox, and not for wrong settings", async () => {
    const provider = await make();
    refuse("TaskExecStart", "FAILED_PRECONDITION");
    await expect(create(provider)).rejects.toMatchObject({ code: "sandbox-lost", retryable: true });
  });

  it.each([
    ["the app is looked for", "AppGetOrCreate"],
    ["a sandbox is made", "SandboxCreateV2"],
    ["its first command is started", "TaskExecStart"],
  ])("lets go at once of a sandbox that nobody waits for any more while %s", async (_when, method) => {
    for (const what of ["create", "describe"] as const) {
      const provider = await session.make({ reapAtStart: false, deadlines: { lateMs: 300 } });
      session.server.faults.add({ kind: "hang", method });
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 600);
      const begin = performance.now();
      const waiting =
        what === "describe" ? provider.describe(abort.signal) : provider.create({ ...usual, signal: abort.signal });
      await expect(waiting).rejects.toThrow(CancelledError);
      expect(performance.now() - begin).toBeLessThan(3000);
      await provider[Symbol.asyncDispose]();
      // One that hangs was made all the same, as far as the server goes.
      for (const left of session.running()) await left.breakDown("terminated");
    }
  });

  it("shows the last line of a failed build, and keeps its log; the next try builds again", async () => {
    const lines: string[] = [];
    const provider = await session.make({
      image: { base: "ubuntu:24.04", commands: ["RUN true"] },
      onProgress: (text) => lines.push(text),
    });
    session.server.faults.add({
      kind: "build-failure",
      exception: "Image build failed",
      log: "Step 1\nE: Unable to locate package gfortan\n",
    });
    const error = await create(provider).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "sandbox-image",
      userMessage: expect.stringContaining("E: Unable to locate package gfortan"),
      cause: expect.stringMatching(/Image build failed.*\nStep 1\nE: Unable/),
    });
    expect(lines).toEqual(["Step 1", "E: Unable to locate package gfortan"]);
    await using _sandbox = await create(provider);
  });

  it("tells that a sandbox ended before it had started", async () => {
    session.server.faults.add({ kind: "dies-before-start", exception: "No worker could take it." });
    await expect(create()).rejects.toMatchObject({
      code: "sandbox-not-started",
      retryable: true,
      userMessage: expect.stringContaining("(No worker could take it)"),
    });
  });

  it("passes over refusals that are few", async () => {
    refuse("*", "UNAVAILABLE", 2);
    const provider = await make();
    refuse("SandboxCreateV2", "UNAVAILABLE", 2);
    refuse("TaskExecStart", "UNAVAILABLE", 3);
    refuse("TaskExecStdinWrite", "UNAVAILABLE", 3);
    session.server.faults.add({ kind: "lost-answer", method: "TaskExecStdinWrite" });
    session.server.faults.add({ kind: "lost-answer", method: "SandboxCreateV2" });
    await using sandbox = await create(provider);
    expect((await shell(sandbox, "echo alive")).stdout.text).toBe("alive\n");
    expect(session.running()).toHaveLength(1);
  });

  it("takes a service that refuses every call for one that is down", async () => {
    const provider = await make();
    refuse("SandboxCreateV2", "UNAVAILABLE", 4);
    await expect(create(provider)).rejects.toMatchObject({
      code: "sandbox-outage",
      retryable: true,
      userMessage: expect.stringContaining("https://status.modal.com"),
    });
  });

  it("waits no longer than it may for a call that never comes back", async () => {
    const deadlines = { shortMs: 300, createMs: 600, lateMs: 300 };
    session.server.faults.add({ kind: "hang", method: "AppGetOrCreate" });
    await expect(session.make({ deadlines })).rejects.toMatchObject({ code: "sandbox-outage" });
    const provider = await session.make({ deadlines });
    session.server.faults.add({ kind: "hang", method: "SandboxCreateV2" });
    await expect(create(provider)).rejects.toMatchObject({
      code: "sandbox-outage",
      userMessage: expect.stringContaining("did not answer within"),
    });
    const sandbox = await create(provider);
    session.server.faults.add({ kind: "hang", method: "SandboxTerminateV2" });
    await sandbox[Symbol.asyncDispose]();
    const started = performance.now();
    await provider[Symbol.asyncDispose]();
    expect(performance.now() - started).toBeLessThan(3000);
    // What nobody could end ends by itself; here the test does.
    for (const left of session.running()) await left.breakDown("terminated");
  });

  it("ends a sandbox that comes when nobody waits for it any more", async () => {
    const provider = await make();
    const abort = new AbortController();
    session.server.faults.add({ kind: "delay", method: "SandboxCreateV2", ms: 600 });
    const creating = provider.create({ ...usual, signal: abort.signal });
    setTimeout(() => abort.abort(), 200);
    await expect(creating).rejects.toThrow(CancelledError);
    await provider[Symbol.asyncDispose]();
    expect(session.server.sandboxes.at(-1)?.result).toBeDefined();
  });

  it("loses a sandbox that goes away in the middle, and says nothing about the program", async () => {
    await using sandbox = await create();
    setTimeout(() => void session.running().at(-1)?.breakDown("lost"), 300);
    await expect(run(sandbox, ["sleep", "20"])).rejects.toMatchObject({
      code: "sandbox-lost",
      retryable: true,
      userMessage: expect.stringContaining("not to blame"),
    });
  });

  it.each([
    ["terminated", /ended it from outside/],
    ["timeout", /its time of 10 min was over/],
  ] as const)("tells who ended a sandbox: %s", async (how, words) => {
    await using sandbox = await create();
    setTimeout(() => void session.running().at(-1)?.breakDown(how), 300);
    await expect(run(sandbox, ["sleep", "20"])).rejects.toMatchObject({
      code: "sandbox-lost",
      retryable: true,
      userMessage: expect.stringMatching(words),
    });
  });

  it("tells a sandbox that was out of memory from one that was ended", async () => {
    await using sandbox = await create();
    setTimeout(() => void session.running().at(-1)?.breakDown("out-of-memory"), 300);
    const result = await shell(sandbox, "echo before; sleep 20");
    expect(result).toMatchObject({ status: { kind: "out-of-memory" }, stdout: { text: "before\n" } });
  });

  it("goes on where an output was broken off, byte by byte", async () => {
    await using sandbox = await create();
    session.server.faults.add({ kind: "break-output", afterBytes: 100_000 });
    session.server.faults.add({ kind: "break-output", afterBytes: 30_001 });
    const result = await run(sandbox, ["sh", "-c", "seq 200000 | tee numbers"], { outputLimitBytes: 2_000_000 });
    const numbers = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("");
    expect(result.stdout.text === numbers).toBe(true);
    await shell(sandbox, "mkdir out; gzip -9 -c numbers > out/packed");
    session.server.faults.add({ kind: "break-output", afterBytes: 50_001 });
    const to = join(session.folder, "got");
    await sandbox.getFolder({ from: "/work/out", to, maxFileBytes: 1e9, maxTotalBytes: 1e9, maxFiles: 10 });
    expect(gunzipSync(readFileSync(join(to, "packed"))).toString() === numbers).toBe(true);
  });

  it("lives through an outage of the way to programs", async () => {
    await using sandbox = await create();
    const running = shell(sandbox, "for i in 1 2 3 4 5 6; do echo $i; sleep 0.4; done");
    await new Promise((resolve) => setTimeout(resolve, 500));
    await session.server.router.break();
    await new Promise((resolve) => setTimeout(resolve, 900));
    await session.server.router.mend();
    expect((await running).stdout.text).toBe("1\n2\n3\n4\n5\n6\n");
  });

  it("asks nobody how a program ended: a service that never tells keeps nothing waiting", async () => {
    await using sandbox = await create();
    expect((await shell(sandbox, "exit 3")).status).toEqual({ kind: "exited", code: 3 });
    expect(session.countCalls(/^TaskExecWait$/)).toBe(0);
  });

  it("keeps what works with slow calls", async () => {
    session.server.faults.add({ kind: "delay", method: "*", ms: 150 }, 12);
    await using sandbox = await create();
    expect((await shell(sandbox, "echo slow")).stdout.text).toBe("slow\n");
    session.server.faults.clear();
  });

  it("tells that an environment could not be kept", async () => {
    const provider = await session.make({ deadlines: { snapshotMs: 1000 } });
    await using sandbox = await create(provider);
    refuse("TaskSnapshotFilesystem", "FAILED_PRECONDITION");
    await expect(sandbox.snapshot({ key: "refused", paths: [] })).rejects.toMatchObject({
      code: "snapshot-failed",
      retryable: true,
      userMessage: expect.stringContaining("said the service"),
    });
    session.server.faults.add({ kind: "hang", method: "TaskSnapshotFilesystem" });
    await expect(sandbox.snapshot({ key: "hung", paths: [] })).rejects.toMatchObject({ code: "sandbox-outage" });
    expect([await provider.hasSnapshot("refused"), await provider.hasSnapshot("hung")]).toEqual([false, false]);
    await sandbox.snapshot({ key: "kept", paths: [] });
    expect(await provider.hasSnapshot("kept")).toBe(true);
  });

  it("forgets a snapshot whose image is gone", async () => {
    const provider = await make();
    {
      await using sandbox = await create(provider);
      await sandbox.snapshot({ key: "gone", paths: [] });
    }
    const removed = session.server.calls.findLast(({ method }) => method === "TaskSnapshotFilesystem");
    expect(removed).toBeDefined();
    refuse("ImageFromId", "NOT_FOUND");
    await expect(provider.create({ ...usual, snapshot: "gone" })).rejects.toMatchObject({
      code: "snapshot-missing",
      retryable: true,
    });
    expect(await provider.hasSnapshot("gone")).toBe(false);
  });
});
