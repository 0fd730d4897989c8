import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AlreadyExistsError, ModalClient, NotFoundError, type Sandbox } from "modal";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { canMount, processesWith, waitUntil } from "./command-line.ts";
import { startModalServer } from "./modal-server/modal-server.ts";
import { type ModalSession, openModalSession, runToEnd } from "./modal-server/modal-session.ts";
import { sandboxImage } from "./sandbox-image.ts";

const base = canMount ? await sandboxImage() : null;
const rootfs = base?.rootfs ?? "";

describe.runIf(base !== null)("the Modal emulator, by the unmodified SDK", () => {
  let session: ModalSession;
  let server: ModalSession["server"];
  let client: ModalSession["client"];
  let app: ModalSession["app"];
  let image: ModalSession["image"];
  beforeAll(async () => {
    session = await openModalSession(rootfs);
    ({ server, client, app, image } = session);
  });
  afterEach(() => session.reset());
  afterAll(() => session?.[Symbol.asyncDispose]());
  const create: ModalSession["create"] = (options) => session.create(options);

  describe("programs", () => {
    it("tells exit codes, signals, streams, arguments and variables", async () => {
      const sandbox = await create({ env: { ONE: "1", TWO: "2" } });
      const result = await runToEnd(
        sandbox,
        ["sh", "-c", 'echo "$1 $ONE $TWO $(pwd)"; echo err >&2; exit 7', "sh", "a b"],
        {
          env: { TWO: "two" },
          workdir: "/tmp",
        },
      );
      expect(result).toEqual({ code: 7, stdout: "a b 1 two /tmp\n", stderr: "err\n" });
      expect((await runToEnd(sandbox, ["sh", "-c", "kill -SEGV $$"])).code).toBe(139);
      expect((await runToEnd(sandbox, ["no-such-program"])).code).toBe(127);
      const environment = (await runToEnd(sandbox, ["env"])).stdout;
      expect(environment).not.toContain(server.environment.MODAL_TOKEN_SECRET);
    });

    it("passes 5 MB of binary through, both ways", async () => {
      const sandbox = await create();
      const bytes = Uint8Array.from({ length: 5_000_000 }, (_, index) => (index * 7) % 251);
      const program = await sandbox.exec(["cat"], { mode: "binary", timeoutMs: 20_000 });
      const writer = program.stdin.getWriter();
      const write = async () => {
        await writer.write(bytes.subarray(0, 4_500_000));
        await writer.write(bytes.subarray(4_500_000));
        await writer.close();
      };
      const [got] = await Promise.all([program.stdout.readBytes(), write()]);
      expect(Buffer.compare(got, bytes)).toBe(0);
      expect(await program.wait()).toBe(0);
    });

    it("are ended at their time, the program alone", async () => {
      const sandbox = await create();
      const started = performance.now();
      // Reading would race with the client's own deadline.
      expect(await (await sandbox.exec(["sleep", "30"], { timeoutMs: 1000 })).wait()).toBe(137);
      expect(performance.now() - started).toBeLessThan(4000);
      expect(await sandbox.poll()).toBeNull();
    });

    it("have a root with no more rights than in a container, and no sight of the host", async () => {
      const sandbox = await create();
      const { stdout } = await runToEnd(sandbox, [
        "sh",
        "-c",
        "id -u; grep CapEff /proc/self/status; cat /proc/1/cmdline",
      ]);
      expect(stdout).toMatch(/^0\nCapEff:\s+00000000000401eb\n/);
      const script =
        "mount -t tmpfs none /mnt || mknod /tmp/disk b 8 0 || chroot / mount -t proc proc /mnt || echo none";
      expect((await runToEnd(sandbox, ["sh", "-c", script])).stdout).toBe("none\n");
      expect((await runToEnd(sandbox, ["ls", session.folder])).code).toBe(2);
      const other = "import os; os.setuid(1234); os.open('/etc/shadow', 0)";
      expect((await runToEnd(sandbox, ["python3", "-c", other])).stderr).toContain("PermissionError");
    });

    it("cannot take more memory than the sandbox has", async () => {
      const sandbox = await create({ memoryMiB: 128, memoryLimitMiB: 256 });
      expect((await runToEnd(sandbox, ["python3", "-c", "x = b'x' * 500_000_000"])).code).toBe(137);
      expect((await runToEnd(sandbox, ["python3", "-c", "x = b'x' * 50_000_000"])).code).toBe(0);
    });

    it("reach a network only where it was asked for", async () => {
      const web = createServer((_, response) => response.end("reached"));
      await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
      const fetch = `import urllib.request as r; print(r.build_opener(r.ProxyHandler({})).open("${url}", timeout=5).read())`;
      try {
        expect((await runToEnd(await create(), ["python3", "-c", fetch])).code).toBe(1);
        const open = await create({ blockNetwork: false });
        expect((await runToEnd(open, ["python3", "-c", fetch])).stdout).toBe("b'reached'\n");
        const listed = await create({ blockNetwork: false, outboundDomainAllowlist: ["pypi.org"] });
        const view = server.sandboxes.find(({ id }) => id === listed.sandboxId);
        expect(view?.network).toEqual({ access: "ALLOWLIST", cidrs: [], domains: ["pypi.org"] });
      } finally {
        web.close();
      }
    });
  });

  describe("sandboxes", () => {
    it("are listed by app and tags, over pages, until they end", async () => {
      const made = await Promise.all(
        Array.from({ length: 12 }, (_, index) => create({ tags: { run: "a", odd: String(index % 2) } })),
      );
      const ids = async (tags: Record<string, string>) => {
        const found: string[] = [];
        for await (const { sandboxId } of client.sandboxes.list({ appId: app.appId, tags })) found.push(sandboxId);
        return found.toSorted();
      };
      expect(await ids({ run: "a" })).toEqual(made.map(({ sandboxId }) => sandboxId).toSorted());
      expect(await ids({ run: "a", odd: "1" })).toHaveLength(6);
      const [first] = made as [Sandbox];
      await first.setTags({ run: "b" });
      expect(await first.getTags()).toEqual({ run: "b" });
      expect(await ids({ run: "b" })).toEqual([first.sandboxId]);
      expect(await first.terminate({ wait: true })).toBe(137);
      expect(await ids({ run: "b" })).toEqual([]);
      expect(await ids({ run: "a" })).toHaveLength(11);
    });

    it("have names that one at a time can bear", async () => {
      const sandbox = await create({ name: "only" });
      await expect(create({ name: "only" })).rejects.toThrow(AlreadyExistsError);
      expect((await client.sandboxes.fromName("tests", "only")).sandboxId).toBe(sandbox.sandboxId);
      await sandbox.terminate({ wait: true });
      await expect(client.sandboxes.fromName("tests", "only")).rejects.toThrow(NotFoundError);
      await create({ name: "only" });
    });

    it("take all their processes with them, and leave no files", async () => {
      const sandbox = await create();
      await runToEnd(sandbox, ["sh", "-c", "setsid sleep 86399 > /dev/null 2>&1 &"]);
      await waitUntil("it sleeps", () => processesWith("sleep\u000086399").length === 1);
      const waiting = sandbox.exec(["sleep", "86398"], { timeoutMs: 30_000 }).then((program) => program.wait());
      waiting.catch(() => {});
      await waitUntil("it sleeps", () => processesWith("sleep\u000086398").length > 0);
      expect(await sandbox.terminate({ wait: true })).toBe(137);
      expect(processesWith("sleep\u00008639")).toEqual([]);
      await expect(waiting).rejects.toThrow("NOT_FOUND");
      expect(server.sandboxes.find(({ id }) => id === sandbox.sandboxId)?.processes).toEqual([]);
      await expect(sandbox.exec(["true"])).rejects.toThrow("NOT_FOUND");
    });

    it("end at their time, when idle, and with their own program", async () => {
      const brief = await create({ timeoutMs: 1000 });
      const idle = await create({ idleTimeoutMs: 1000 });
      const own = await create({ command: ["sh", "-c", "sleep 0.2; exit 5"] });
      expect(await own.wait()).toBe(5);
      expect(await brief.wait()).toBe(124);
      await idle.wait();
      expect(server.sandboxes.find(({ id }) => id === idle.sandboxId)?.result?.status).toBe(7);
    });

    it("with a GPU go by the older calls and do the same", async () => {
      const sandbox = await create({ gpu: "A100:2", tags: { run: "gpu" }, env: { ONE: "1" } });
      const view = server.sandboxes.find(({ id }) => id === sandbox.sandboxId);
      expect(view?.resources?.gpuConfig).toEqual({ count: 2, gpuType: "A100" });
      expect((await runToEnd(sandbox, ["sh", "-c", "echo $ONE"])).stdout).toBe("1\n");
      expect(await sandbox.getTags()).toEqual({ run: "gpu" });
      expect((await client.sandboxes.fromId(sandbox.sandboxId)).sandboxId).toBe(sandbox.sandboxId);
      expect(await sandbox.terminate({ wait: true })).toBe(137);
      expect(server.calls.map(({ method }) => method)).toContain("SandboxTagsGet");
    });

    it("run twenty at once", async () => {
      const outputs = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const sandbox = await create();
          return (await runToEnd(sandbox, ["sh", "-c", `echo ${index} > a; sleep 0.3; cat a`])).stdout;
        }),
      );
      expect(outputs).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`));
    });
  });

  describe("images", () => {
    it("are built by commands that really run, once for the same commands", async () => {
      const commands = ["ENV COLOR=red", "RUN echo $COLOR > /color", "WORKDIR /srv/app"];
      const built = await image.dockerfileCommands(commands).build(app);
      const sandbox = await client.sandboxes.create(app, built, { timeoutMs: 60_000 });
      expect((await runToEnd(sandbox, ["sh", "-c", "cat /color; pwd; echo $COLOR"])).stdout).toBe(
        "red\n/srv/app\nred\n",
      );
      expect((await image.dockerfileCommands(commands).build(app)).imageId).toBe(built.imageId);
      expect((await image.dockerfileCommands(commands, { forceBuild: true }).build(app)).imageId).not.toBe(
        built.imageId,
      );
    });

    it("fail to build with the exception and with a log", async () => {
      const log: string[] = [];
      const watching = new ModalClient({
        grpcMiddleware: [
          async function* watch(call, options) {
            if (!call.responseStream) return yield* call.next(call.request, options);
            for await (const answer of call.next(call.request, options)) {
              for (const { data } of (answer as { taskLogs?: Array<{ data: string }> }).taskLogs ?? []) log.push(data);
              yield answer;
            }
          },
        ],
      });
      const broken = watching.images
        .fromRegistry("debian:12")
        .dockerfileCommands(["RUN echo before && no-such-program"]);
      await expect(broken.build(app)).rejects.toThrow("failed: exit code 127");
      expect(log.join("")).toContain("before\n");
      expect(log.join("")).toContain("no-such-program: not found");
    });

    it("come from snapshots, while the sandbox lives on", async () => {
      const sandbox = await create();
      await runToEnd(sandbox, [
        "sh",
        "-c",
        "mkdir -p /work/env && echo 1 > /work/env/a; rm /etc/issue; rm -r /var/log; mkdir /var/log",
      ]);
      const snapshot = await sandbox.snapshotFilesystem({ timeoutMs: 20_000, ttlMs: 60_000 });
      await runToEnd(sandbox, ["sh", "-c", "echo 2 > /work/env/a"]);
      const other = await client.sandboxes.create(app, await client.images.fromId(snapshot.imageId), {
        timeoutMs: 60_000,
      });
      const look = ["sh", "-c", "cat /work/env/a; ls /var/log; test -e /etc/issue || echo none"];
      expect((await runToEnd(other, look)).stdout).toBe("1\nnone\n");
      const second = await other.snapshotFilesystem({ ttlMs: 1000 });
      const third = await client.sandboxes.create(app, second, { timeoutMs: 60_000 });
      expect((await runToEnd(third, look)).stdout).toBe("1\nnone\n");
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await expect(client.images.fromId(second.imageId)).rejects.toThrow(NotFoundError);
      await client.images.delete(snapshot.imageId);
      await expect(client.images.fromId(snapshot.imageId)).rejects.toThrow(NotFoundError);
    });
  });

  it("tells what was sent against the protocol", async () => {
    const own = await startModalServer({ rootfs });
    const { MODAL_SERVER_URL: previous } = process.env;
    Object.assign(process.env, own.environment);
    try {
      const other = new ModalClient();
      const otherApp = await other.apps.fromName("tests", { createIfMissing: true });
      const made = other.sandboxes.create(otherApp, other.images.fromRegistry("debian:12"), {
        includeOidcIdentityToken: true,
      });
      await expect(made).rejects.toThrow("INVALID_ARGUMENT");
      await expect(other.queues.fromName("none")).rejects.toThrow("UNIMPLEMENTED");
      expect(() => own.expectNoViolations()).toThrow(/unknown field Sandbox\.37 .*unknown method .*QueueGetOrCreate/);
    } finally {
      await own.stop();
      Object.assign(process.env, server.environment, { MODAL_SERVER_URL: previous });
    }
  });

  it("cleans up after itself and after servers that were killed", async () => {
    const { folder } = session;
    const [running = ""] = readdirSync(folder);
    const killed = spawn(process.execPath, ["--input-type=module", "-e", serveForEver, folder, rootfs]);
    killed.stderr.pipe(process.stderr);
    await once(killed.stdout, "data");
    expect(processesWith("sleep\u000086397")).not.toEqual([]);
    killed.kill("SIGKILL");
    await waitUntil("its sandboxes are gone", () => processesWith("sleep\u000086397").length === 0);
    expect(readdirSync(folder)).toHaveLength(2);
    const own = await startModalServer({ rootfs, folder });
    expect(readdirSync(folder)).toHaveLength(2);
    await own.stop();
    expect(readdirSync(folder)).toEqual([running]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
  });
});

/** A server with a sandbox, in a process of its own; arguments are the folder and the root file system. */
const serveForEver = `
  import { startModalServer } from ${JSON.stringify(new URL("modal-server/modal-server.ts", import.meta.url).href)};
  const [folder, rootfs] = process.argv.slice(1);
  const server = await startModalServer({ folder, rootfs });
  Object.assign(process.env, server.environment);
  const { ModalClient } = await import(${JSON.stringify(import.meta.resolve("modal"))});
  const client = new ModalClient();
  const app = await client.apps.fromName("killed", { createIfMissing: true });
  const sandbox = await client.sandboxes.create(app, client.images.fromRegistry("debian:12"), { command: ["sleep", "86397"] });
  await (await sandbox.exec(["true"])).wait();
  console.log("serves");
`;
