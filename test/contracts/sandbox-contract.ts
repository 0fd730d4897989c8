import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CancelledError, SandboxError } from "../../src/errors.ts";
import type { CreateSandboxOptions, Sandbox, SandboxProvider } from "../../src/sandboxes/sandbox.ts";
import { type ContractSubject, findPython, limits, run, shell } from "./contract-subject.ts";
import { describeIsolation } from "./sandbox-isolation.ts";
import { describeLeftovers } from "./sandbox-leftovers.ts";
import { describeSystemPackages } from "./system-packages.ts";

const secret = "planted-secret-7f3a";

/** What every provider owes to those who use the port. */
export function describeSandboxContract({ name, makeProvider, can, elsewhere }: ContractSubject): void {
  describe(`${name} keeps the contract of a sandbox`, () => {
    let provider: SandboxProvider;
    let folder: string;
    beforeAll(async () => {
      process.env.PLANTED_SECRET = secret;
      folder = mkdtempSync(join(tmpdir(), "contract-"));
      provider = await makeProvider();
    });
    afterAll(() => {
      delete process.env.PLANTED_SECRET;
      rmSync(folder, { recursive: true, force: true });
    });

    const create = (options: Partial<CreateSandboxOptions> = {}) =>
      provider.create({ network: "none", limits, ...options });
    const freshFolder = () => mkdtempSync(join(folder, "out-"));
    const everything = { maxFileBytes: 1e9, maxTotalBytes: 1e9, maxFiles: 1e6 };

    it("describes what programs find", async () => {
      const description = await provider.describe();
      expect(description.system).not.toBe("");
      expect(description.cpuCores).toBeGreaterThan(0);
      expect(description.memoryMb).toBeGreaterThan(0);
      expect(description.isolated).toBe(can.isolated);
      await using sandbox = await create();
      for (const { path, version } of description.pythons) {
        const result = await run(sandbox, [path, "-c", "import platform; print(platform.python_version())"]);
        expect(result).toMatchObject({ status: { kind: "exited", code: 0 }, stdout: { text: `${version}\n` } });
      }
    });

    it("tells exit statuses and streams apart", async () => {
      await using sandbox = await create();
      const result = await shell(sandbox, "echo out; echo err >&2; exit 7");
      expect(result.status).toEqual({ kind: "exited", code: 7 });
      expect(result.stdout).toEqual({ text: "out\n", totalBytes: 4, truncated: false });
      expect(result.stderr.text).toBe("err\n");
      expect((await run(sandbox, ["no-such-program"])).status).toEqual({ kind: "exited", code: 127 });
      for (const signal of ["SEGV", "TERM", "KILL", "INT", "PIPE"]) {
        expect((await shell(sandbox, `kill -${signal} $$`)).status).toEqual({ kind: "killed", signal: `SIG${signal}` });
      }
    });

    it("passes arguments and variables as they are", async () => {
      await using sandbox = await create();
      const odd = "a b\n'\"$(id) \\ ü -x=*";
      const result = await run(sandbox, ["sh", "-c", 'printf "%s|%s" "$1" "$ODD"', "sh", odd], { env: { ODD: odd } });
      expect(result.stdout.text).toBe(`${odd}|${odd}`);
    });

    it("gives a program a home, a temporary folder, an empty input and streams that can be opened again", async () => {
      await using sandbox = await create();
      const result = await shell(
        sandbox,
        'cat; touch "$HOME/a" "$TMPDIR/b" && echo made; echo again > /dev/stdout; echo err > /dev/stderr',
      );
      expect(result.status).toEqual({ kind: "exited", code: 0 });
      expect(result.stdout.text).toBe("made\nagain\n");
      expect(result.stderr.text).toBe("err\n");
    });

    it("keeps files between commands and apart between sandboxes", async () => {
      await using one = await create();
      await using other = await create();
      await shell(one, "echo 1 > kept");
      expect((await shell(one, "cat kept")).stdout.text).toBe("1\n");
      expect((await shell(other, "ls")).stdout.text).toBe("home\n");
    });

    it("hands on output while it arrives, and none of the host's environment", async () => {
      await using sandbox = await create();
      const seen: string[] = [];
      const onOutput = (stream: string, text: string) => seen.push(`${stream}:${text}`);
      await run(sandbox, ["sh", "-c", "echo ü; sleep 0.1; echo two >&2"], { onOutput });
      expect(seen).toEqual(["stdout:ü\n", "stderr:two\n"]);
      const environment = (await run(sandbox, ["env"])).stdout.text;
      expect(environment).not.toContain(secret);
      expect(environment).toContain("LANG=C.UTF-8");
      expect(environment.split("\n").length).toBeLessThan(30);
    });

    it("returns binary files byte for byte, in folders", async () => {
      await using sandbox = await create();
      const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256);
      await sandbox.putFiles("/work/in", { "a/b.bin": bytes, "run me.sh": "#!/bin/sh\n" });
      expect(
        (await shell(sandbox, "cp -r in out && chmod +x 'out/run me.sh' && stat -c %s in/a/b.bin")).stdout.text,
      ).toBe("70000\n");
      const to = freshFolder();
      const got = await sandbox.getFolder({ from: "/work/out", to, ...everything });
      expect(got.left).toEqual([]);
      expect(got.files.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
        { path: "a/b.bin", bytes: 70_000 },
        { path: "run me.sh", bytes: 10 },
      ]);
      expect(readFileSync(join(to, "a/b.bin")).equals(bytes)).toBe(true);
    });

    it("copies a folder in without following its links", async () => {
      const from = freshFolder();
      mkdirSync(join(from, "sub"));
      writeFileSync(join(from, "sub/file"), "text");
      symlinkSync("/etc/passwd", join(from, "sub/link"));
      await using sandbox = await create();
      await sandbox.putFolder({ from, to: "/work/repository" });
      expect(
        (await shell(sandbox, "cd repository; find . -type f -o -type l; echo more >> sub/file")).stdout.text,
      ).toBe("./sub/file\n");
      expect(readFileSync(join(from, "sub/file"), "utf8")).toBe("text");
    });

    it("shows a folder beside the work, in the place that was asked for", async () => {
      const from = freshFolder();
      writeFileSync(join(from, "tool.py"), "print('tool')");
      await using sandbox = await create();
      await sandbox.putFolder({ from, to: "/opt/tool", readOnly: true });
      const python = await findPython(provider);
      expect((await run(sandbox, [python, "/opt/tool/tool.py"])).stdout.text).toBe("tool\n");
      const imported = await run(sandbox, [python, "-c", "import tool"], { env: { PYTHONPATH: "/opt/tool" } });
      expect(imported.stdout.text).toBe("tool\n");
      if (!can.readOnly) return;
      expect((await run(sandbox, ["touch", "/opt/tool/x"])).status).toEqual({ kind: "exited", code: 1 });
    });

    it("refuses paths that leave their folder", async () => {
      await using sandbox = await create();
      for (const path of ["../x", "a/../../x", "/etc/x", "", "a\0b"]) {
        await expect(sandbox.putFiles("/work/in", { [path]: "" })).rejects.toThrow(SandboxError);
      }
      await expect(sandbox.putFiles("/work/../etc", { x: "" })).rejects.toThrow(SandboxError);
      await expect(sandbox.getFolder({ from: "/etc", to: freshFolder(), ...everything })).rejects.toThrow(SandboxError);
    });

    it("writes nothing through a link that a program left", async () => {
      const outside = freshFolder();
      await using sandbox = await create();
      await run(sandbox, ["ln", "-s", outside, "/work/in"]);
      await run(sandbox, ["sh", "-c", 'mkdir /work/real; ln -s "$1/x" /work/real/x', "sh", outside]);
      await expect(sandbox.putFiles("/work/in", { x: "evil" })).rejects.toThrow(SandboxError);
      await sandbox.putFiles("/work/real", { x: "good" });
      expect((await shell(sandbox, "test ! -L real/x && cat real/x")).stdout.text).toBe("good");
      expect(() => readFileSync(join(outside, "x"))).toThrow();
    });

    it("gives out regular files only, and names what it left", async () => {
      await using sandbox = await create();
      const to = freshFolder();
      await shell(
        sandbox,
        `mkdir -p out/deep; cd out; echo ok > fine; echo ok > deep/fine
         ln -s /etc/passwd shadow; ln -s / deep/root; ln -s ../../../../etc up; ln -s loop loop
         mkfifo pipe; truncate -s 90M sparse; head -c 2000 /dev/zero > large; printf x > "$(printf 'new\\nline')"`,
      );
      const got = await sandbox.getFolder({ from: "/work/out", to, ...everything, maxFileBytes: 1000 });
      expect(got.files.map(({ path }) => path).sort()).toEqual(["deep/fine", "fine", "new\nline"]);
      expect(Object.fromEntries(got.left.map(({ path, reason }) => [path, reason]))).toEqual({
        shadow: "not-a-regular-file",
        "deep/root": "not-a-regular-file",
        up: "not-a-regular-file",
        loop: "not-a-regular-file",
        pipe: "not-a-regular-file",
        sparse: "file-too-large",
        large: "file-too-large",
      });
    });

    it("does not follow a link in the place of the folder, and takes a missing one for empty", async () => {
      await using sandbox = await create();
      await shell(sandbox, "ln -s /etc out");
      const linked = await sandbox.getFolder({ from: "/work/out", to: freshFolder(), ...everything });
      expect(linked).toEqual({ files: [], left: [{ path: ".", bytes: 0, reason: "not-a-regular-file" }] });
      const missing = await sandbox.getFolder({ from: "/work/none", to: freshFolder(), ...everything });
      expect(missing).toEqual({ files: [], left: [] });
    });

    it("holds the limits on what is taken out", async () => {
      await using sandbox = await create();
      await shell(sandbox, "mkdir out; for i in $(seq 20); do head -c 1000 /dev/zero > out/$i; done");
      const few = await sandbox.getFolder({ from: "/work/out", to: freshFolder(), ...everything, maxFiles: 5 });
      expect(few.files).toHaveLength(5);
      expect(few.left).toHaveLength(15);
      expect(few.left[0]?.reason).toBe("too-many-files");
      const small = await sandbox.getFolder({
        from: "/work/out",
        to: freshFolder(),
        ...everything,
        maxTotalBytes: 3500,
      });
      expect(small.files).toHaveLength(3);
      expect(small.left[0]?.reason).toBe("folder-too-large");
    });

    it("ends a program when its time is over, with all that it started", async () => {
      await using sandbox = await create();
      const result = await run(sandbox, ["sh", "-c", `${heartbeat} & echo started; sleep 60`], { timeoutMs: 700 });
      expect(result.status).toEqual({ kind: "timed-out" });
      expect(result.stdout.text).toBe("started\n");
      expect(result.durationMs).toBeLessThan(5000);
      await expectNoHeartbeat(sandbox);
    });

    it("leaves nothing of a finished program running", async () => {
      await using sandbox = await create();
      const leave = can.daemons ? `setsid sh -c '(${heartbeat} &) ; exit' > /dev/null 2>&1 &` : `${heartbeat} &`;
      const result = await shell(sandbox, `${leave} sleep 0.3; echo done`);
      expect(result.status).toEqual({ kind: "exited", code: 0 });
      expect(result.stdout.text).toBe("done\n");
      await expectNoHeartbeat(sandbox);
    });

    it("is cancelled by its signal", async () => {
      await using sandbox = await create();
      const abort = new AbortController();
      const running = run(sandbox, ["sh", "-c", `${heartbeat} & sleep 60`], { signal: abort.signal });
      setTimeout(() => abort.abort(), 400);
      await expect(running).rejects.toThrow(CancelledError);
      await expectNoHeartbeat(sandbox);
      await expect(run(sandbox, ["true"], { signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
    });

    it("ends a running program when it is disposed of", async () => {
      const sandbox = await create();
      const running = shell(sandbox, "sleep 60").catch((error: unknown) => error);
      await new Promise((resolve) => setTimeout(resolve, 200));
      await sandbox[Symbol.asyncDispose]();
      expect(await running).toBeInstanceOf(CancelledError);
    });

    it("ends a program that takes too much memory", async () => {
      await using sandbox = await create();
      const python = await findPython(provider);
      const result = await run(sandbox, [python, "-c", "import time; x = b'x' * 1_000_000_000; time.sleep(3)"]);
      expect(result.status).toEqual({ kind: "out-of-memory" });
      const modest = await run(sandbox, [python, "-c", "import time; x = b'x' * 200_000_000; time.sleep(0.5)"]);
      expect(modest.status).toEqual({ kind: "exited", code: 0 });
      if (modest.peakMemoryMb !== null) {
        expect(modest.peakMemoryMb).toBeGreaterThan(180);
        expect(modest.peakMemoryMb).toBeLessThan(300);
      }
    });

    it.runIf(can.processes)("ends a fork bomb", async () => {
      await using sandbox = await create();
      const result = await run(sandbox, ["bash", "-c", ":(){ :|:& };:; sleep 30"], { timeoutMs: 20_000 });
      expect(result.status).toEqual({ kind: "killed", signal: "SIGKILL", limit: "processes" });
      expect((await shell(sandbox, "echo alive")).stdout.text).toBe("alive\n");
    });

    it("ends a program that fills the disk, by one file or by many", async () => {
      await using sandbox = await create({ limits: { ...limits, diskMb: 40 } });
      const one = await shell(sandbox, "exec dd if=/dev/zero of=big bs=1M count=100");
      expect(one.status).toMatchObject({ kind: "killed", limit: "disk" });
      await shell(sandbox, "rm big");
      const many = await shell(sandbox, "while :; do i=$((i+1)); head -c 3000000 /dev/zero > f$i; done");
      expect(many.status).toEqual({ kind: "killed", signal: "SIGKILL", limit: "disk" });
      await shell(sandbox, "rm f*");
      const empty = "mkdir e; i=0; while :; do i=$((i+1)); mkdir e/$i; (cd e/$i && eval touch $(seq 500)); done";
      expect((await shell(sandbox, empty)).status, "empty files").toMatchObject({ kind: "killed", limit: "disk" });
      await shell(sandbox, "rm -rf e");
      const script = "while :; do i=$((i+1)); head -c 3000000 /dev/zero > $TMPDIR/f$i; done";
      expect((await shell(sandbox, script)).status).toMatchObject({ kind: "killed", limit: "disk" });
    });

    it("bounds 1 GB of output, and 50 MB in one line", async () => {
      await using sandbox = await create();
      const watched = watchMemory();
      const script =
        "yes 'some line of output' | head -c 100000000; echo 'ValueError: in the middle'; yes 'some line of output' | head -c 900000000; printf end";
      // Seconds by itself; other tests take the processors at the same time.
      const lines = await run(sandbox, ["sh", "-c", script], { timeoutMs: 45_000 });
      expect(lines.stdout.totalBytes).toBe(1_000_000_029);
      expect(lines.stdout.truncated).toBe(true);
      expect(lines.stdout.text.length).toBeLessThan(201_000);
      expect(lines.stdout.text).toContain("ValueError: in the middle");
      expect(lines.stdout.text.endsWith("end")).toBe(true);
      const single = await run(sandbox, ["sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x"], {
        outputLimitBytes: 5000,
      });
      expect(single.stdout.totalBytes).toBe(50_000_000);
      expect(single.stdout.text.length).toBeLessThan(5200);
      expect(watched.highestGrowthMb()).toBeLessThan(150);
    });

    it("cuts the network off, and gives it when asked", async () => {
      const server = createServer((_request, response) => response.end("reached"));
      const other = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const python = await findPython(provider);
      const fetch = `import urllib.request as r; print(r.build_opener(r.ProxyHandler({})).open("${url}", timeout=5).read())`;
      try {
        await using offline = await create();
        const refused = await run(offline, [python, "-c", fetch]);
        if (can.isolated) {
          expect(refused).toMatchObject({ status: { kind: "exited", code: 1 }, stdout: { text: "" } });
          const interfaces = (await shell(offline, "tail -n +3 /proc/net/dev | cut -d: -f1")).stdout.text;
          expect(interfaces.trim()).toBe("lo");
          const abstract = `\0codedistiller-${randomBytes(6).toString("hex")}`;
          await new Promise<void>((resolve) => other.listen(abstract, resolve));
          const connect = `import socket; socket.socket(socket.AF_UNIX).connect(${JSON.stringify(abstract)})`;
          expect((await run(offline, [python, "-c", connect])).stderr.text).toContain("ConnectionRefused");
        }
        await using online = await create({ network: "full" });
        if (can.hostLoopback) expect((await run(online, [python, "-c", fetch])).stdout.text).toBe("b'reached'\n");
      } finally {
        server.close();
        other.close();
      }
    });

    it("starts from a snapshot, without the program that made it being able to change it", async () => {
      const key = `contract-${process.pid}-${Date.now()}`;
      expect(await provider.hasSnapshot(key)).toBe(false);
      {
        await using builder = await create();
        await shell(builder, "umask 077; mkdir -p env/lib; echo 1 > env/lib/a; ln -s lib/a env/link; echo no > beside");
        await builder.snapshot({ key, paths: ["/work/env"] });
        expect((await shell(builder, "cat env/link")).stdout.text).toBe("1\n");
      }
      expect(await provider.hasSnapshot(key)).toBe(true);
      await using sandbox = await create({ snapshot: key });
      expect((await shell(sandbox, "cat env/link; ls")).stdout.text).toBe("1\nenv\nhome\n");
      if (can.readOnly) {
        const attacks = ["echo 2 > env/lib/a", "rm -rf env", "touch env/x", "mv env other", "chmod -R 777 env"];
        for (const attack of [...attacks, "mkdir other && mv -T other env", "ln -f /etc/passwd env/lib/a"]) {
          const { status } = await shell(sandbox, attack);
          expect(status.kind === "exited" && status.code > 0, `${attack}: ${JSON.stringify(status)}`).toBe(true);
        }
        const to = freshFolder();
        const got = await sandbox.getFolder({ from: "/work/env", to, ...everything });
        expect(got.files).toEqual([{ path: "lib/a", bytes: 2 }]);
        expect(readFileSync(join(to, "lib/a"), "utf8")).toBe("1\n");
      }
      {
        await using owner = await create({ snapshot: key, handOver: true });
        const changed = await shell(owner, "echo 2 > env/lib/a; touch env/x; mv env/x env/y; cat env/link; ls . env");
        expect(changed).toMatchObject({
          status: { kind: "exited", code: 0 },
          stdout: { text: "2\n.:\nenv\nhome\n\nenv:\nlib\nlink\ny\n" },
        });
        await owner.snapshot({ key: `${key}-more`, paths: ["/work/env"] });
      }
      for (const [from, text] of [
        [key, "1\n"],
        [`${key}-more`, "2\n"],
      ] as const) {
        await using later = await create({ snapshot: from });
        expect((await shell(later, "cat env/lib/a")).stdout.text).toBe(text);
      }
      await provider.removeSnapshot(`${key}-more`);
      await provider.removeSnapshot(key);
      await provider.removeSnapshot(key);
      expect(await provider.hasSnapshot(key)).toBe(false);
    });

    it("replaces a snapshot under its key, and leaves sandboxes that began with the one before as they are", async () => {
      const key = `replaced-${process.pid}-${Date.now()}`;
      async function keep(text: string): Promise<void> {
        await using builder = await create();
        await run(builder, ["sh", "-c", 'mkdir env; echo "$1" > env/a', "sh", text]);
        await builder.snapshot({ key, paths: ["/work/env"] });
      }
      const read = async (sandbox: Sandbox) => (await shell(sandbox, "cat env/a")).stdout.text;
      await keep("old");
      {
        await using earlier = await create({ snapshot: key });
        await using before = await create({ snapshot: key });
        expect(await read(before)).toBe("old\n");
        await keep("new");
        expect([await read(earlier), await read(before)]).toEqual(["old\n", "old\n"]);
      }
      await using after = await create({ snapshot: key });
      expect(await read(after)).toBe("new\n");
      await provider.removeSnapshot(key);
    });

    it("refuses a snapshot that is not there, and paths that cannot be kept", async () => {
      await expect(create({ snapshot: "no-such-key" })).rejects.toMatchObject({ code: "snapshot-missing" });
      await using sandbox = await create();
      await shell(sandbox, "ln -s /etc env");
      for (const path of ["/work/env", "/work/none", "/etc", "/work/../etc"]) {
        await expect(sandbox.snapshot({ key: "bad", paths: [path] })).rejects.toThrow(SandboxError);
      }
      await expect(sandbox.snapshot({ key: "../bad", paths: [] })).rejects.toThrow(SandboxError);
      expect(await provider.hasSnapshot("bad")).toBe(false);
    });

    it("runs twenty at once", async () => {
      const results = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          await using sandbox = await create();
          return (await shell(sandbox, `echo ${index} > a; sleep 0.3; cat a`)).stdout.text;
        }),
      );
      expect(results).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`));
    });

    const tools = { provider: () => provider, create, can, secret, elsewhere };
    describeSystemPackages(tools);
    describeIsolation(tools);
    describeLeftovers(tools, makeProvider);
  });
}

/** Grows a file for as long as it lives. */
const heartbeat = "while :; do echo beat >> heartbeat; sleep 0.05; done";

async function expectNoHeartbeat(sandbox: Sandbox): Promise<void> {
  const result = await shell(sandbox, "wc -c < heartbeat; sleep 0.4; wc -c < heartbeat");
  const [before, after] = result.stdout.text.trim().split("\n");
  expect(Number(before)).toBeGreaterThan(0);
  expect(after).toBe(before);
}

/** How far the memory of this process grows beyond what it was, in MiB, looked at now and then. */
function watchMemory(): { highestGrowthMb: () => number } {
  const before = process.memoryUsage.rss();
  let highest = before;
  const look = () => {
    highest = Math.max(highest, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 100).unref();
  return {
    highestGrowthMb() {
      clearInterval(timer);
      look();
      return (highest - before) / 2 ** 20;
    },
  };
}
