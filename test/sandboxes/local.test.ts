import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { createLocalProvider, type LocalProviderOptions } from "../../src/sandboxes/local.ts";
import { limits, type ProviderElsewhere, run, shell } from "../contracts/contract-subject.ts";
import { commandLine, countSleepers, processes, sleepMarker, until } from "../contracts/host-processes.ts";
import { describeSandboxContract } from "../contracts/sandbox-contract.ts";
import { startHolder } from "../contracts/sandbox-leftovers.ts";

const folder = mkdtempSync(join(tmpdir(), "local-provider-"));
const stateFolder = join(folder, "state");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makeProvider(options: Partial<LocalProviderOptions> = {}) {
  const hostPath = process.env.PATH ?? "";
  return createLocalProvider({ isolation: "bubblewrap", stateFolder, passEnvironment: {}, hostPath, ...options });
}

function elsewhere(options: Partial<LocalProviderOptions> = {}): ProviderElsewhere {
  const usual = { isolation: "bubblewrap", stateFolder, passEnvironment: {}, hostPath: "/usr/bin:/bin" };
  return { module: "local.ts", maker: "createLocalProvider", options: { ...usual, ...options } };
}

const hasBubblewrap = await makeProvider().then(
  () => true,
  (error: unknown) => {
    if (process.env.CI === "true") throw error;
    process.stdout.write(`Tests with bubblewrap are skipped: ${error}\n`);
    return false;
  },
);

describe.runIf(hasBubblewrap)("behind bubblewrap", () => {
  describeSandboxContract({
    name: "the local provider",
    makeProvider,
    elsewhere: elsewhere(),
    can: { isolated: true, readOnly: true, processes: true, daemons: true, hostLoopback: true },
  });

  it("shows no folder of the host but its system", async () => {
    const privileged = join(folder, "private");
    mkdirSync(privileged);
    writeFileSync(join(privileged, "key"), "key", { mode: 0o600 });
    const provider = await makeProvider();
    await using sandbox = await provider.create({ network: "full", limits });
    await sandbox.putFolder({ from: privileged, to: "/work/shown", readOnly: true });
    for (const path of ["/etc/shadow", "/etc/ssl/private", folder, stateFolder, "/var", "/run", "/sys"]) {
      expect((await run(sandbox, ["cat", path])).status, path).toEqual({ kind: "exited", code: 1 });
    }
    expect((await run(sandbox, ["cat", "/proc/1/environ"])).stdout.text).toBe("");
    expect((await shell(sandbox, "ls -A / | tr '\\n' ' '")).stdout.text).not.toMatch(/\b(home|var|run|sys|mnt|boot)\b/);
    if (process.getuid?.() === 0) expect((await run(sandbox, ["cat", "shown/key"])).stdout.text).toBe("");
  });

  it("gives programs no privilege and nothing to write to outside their folders", async () => {
    const provider = await makeProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const { stdout } = await shell(sandbox, "id -u; grep -E '^(Cap|NoNewPrivs)' /proc/self/status");
    expect(stdout.text.split("\n")[0]).not.toBe("0");
    expect(stdout.text.match(/^Cap.*:\s*0+$/gm)).toHaveLength(5);
    expect(stdout.text).toContain("NoNewPrivs:\t1");
    for (const path of ["/x", "/etc/x", "/usr/x", "/dev/x", "/opt/x", "/opt/wheels/x", "/proc/sys/kernel/hostname"]) {
      expect((await run(sandbox, ["sh", "-c", 'echo x > "$1"', "sh", path])).status.kind === "exited", path).toBe(true);
      expect((await run(sandbox, ["sh", "-c", 'echo x > "$1"', "sh", path])).status, path).not.toMatchObject({
        code: 0,
      });
    }
    const others = (await shell(sandbox, "ls /proc | grep -c '^[0-9]'")).stdout.text;
    expect(Number(others)).toBeLessThan(8);
  });

  it("hands on no file that this process holds open", async () => {
    const provider = await makeProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    await shell(sandbox, 'for f in /proc/self/fd/*; do readlink "$f"; done > open; :');
    const open = (await shell(sandbox, "cat open")).stdout.text.trim().split("\n");
    expect(open.filter((path) => !/^\/dev\/null$|\/(stdout|stderr|open)$/.test(path))).toEqual([]);
  });

  it("settles certificates and folders of wheels that lie elsewhere on the host", async () => {
    const certificates = join(folder, "authority.pem");
    writeFileSync(certificates, "certificate");
    chmodSync(certificates, 0o644);
    const wheels = mkdtempSync(join(folder, "wheels-"));
    chmodSync(wheels, 0o755);
    writeFileSync(join(wheels, "a.whl"), "");
    const passEnvironment = {
      SSL_CERT_FILE: certificates,
      PIP_CERT: "/nowhere/at/all.pem",
      PIP_FIND_LINKS: `${wheels} https://example.org/wheels /nowhere`,
    };
    const provider = await makeProvider({ passEnvironment });
    await using sandbox = await provider.create({ network: "none", limits });
    const result = await shell(
      sandbox,
      'cat "$SSL_CERT_FILE"; echo " $PIP_CERT $PIP_FIND_LINKS"; ls /opt/find-links/0',
    );
    expect(result.stdout.text).toBe("certificate  /opt/find-links/0 https://example.org/wheels /opt/wheels\na.whl\n");
  });

  it("leaves no process behind when its own is killed, and clears up at the next start", async () => {
    const marker = sleepMarker(4);
    const state = join(folder, "killed-state");
    const holder = startHolder(elsewhere({ stateFolder: state }), sleepers(marker));
    await until(() => countSleepers(marker) >= 2);
    expect(readdirSync(join(state, "live"))).toHaveLength(1);
    holder.kill("SIGKILL");
    await until(() => countSleepers(marker) === 0);
    await makeProvider({ stateFolder: state });
    expect(readdirSync(join(state, "live"))).toEqual([]);
  });

  it("leaves none behind either when it is killed while a program is being started", async () => {
    const marker = sleepMarker(6);
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const state = join(folder, `killed-early-${index}`);
        const holder = startHolder(elsewhere({ stateFolder: state }), sleepers(marker));
        await sleep(250 + 60 * index);
        holder.kill("SIGKILL");
        await new Promise((resolve) => holder.once("close", resolve));
        await makeProvider({ stateFolder: state });
      }),
    );
    await until(() => countSleepers(marker) === 0);
    await sleep(500);
    expect(countSleepers(marker)).toBe(0);
    const waiting = processes().filter((pid) => commandLine(pid).join(" ").includes(`${folder}/killed-early-`));
    expect(waiting).toEqual([]);
  });

  it("reports a vanished bubblewrap as lost, not as the program's failure", async () => {
    const marker = sleepMarker(5);
    const provider = await makeProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const running = shell(sandbox, `sleep ${marker}`);
    running.catch(() => undefined);
    await until(() => countSleepers(marker) > 0);
    process.kill(childOf(process.pid, "bwrap"), "SIGKILL");
    await expect(running).rejects.toMatchObject({ code: "sandbox-lost", retryable: true });
    expect(countSleepers(marker)).toBe(0);
  });

  it("takes a mount that cannot be made for its own failure", async () => {
    const from = mkdtempSync(join(folder, "vanishing-"));
    chmodSync(from, 0o755);
    const provider = await makeProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    await sandbox.putFolder({ from, to: "/opt/vanishing", readOnly: true });
    rmSync(from, { recursive: true });
    await expect(shell(sandbox, "true")).rejects.toMatchObject({ code: "sandbox-failed" });
  });

  it("mounts nothing through a link that a program planted", async () => {
    const from = mkdtempSync(join(folder, "shown-"));
    const outside = mkdtempSync(join(folder, "outside-"));
    const provider = await makeProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    await sandbox.putFolder({ from, to: "/work/a/b", readOnly: true });
    const planted = await run(sandbox, ["sh", "-c", 'mv a old && ln -s "/oldroot$1" a', "sh", outside]);
    expect(planted.status).toEqual({ kind: "exited", code: 0 });
    await expect(shell(sandbox, "true")).rejects.toMatchObject({ code: "sandbox-path-refused" });
    expect(readdirSync(outside)).toEqual([]);
  });

  it("never lets two processes see half a snapshot", async () => {
    const provider = await makeProvider();
    const key = `twice-${process.pid}`;
    await Promise.all(
      [1, 2, 3].map(async (number) => {
        await using sandbox = await provider.create({ network: "none", limits });
        await shell(sandbox, `mkdir env; echo ${number} > env/a; echo ${number} > env/b`);
        await sandbox.snapshot({ key, paths: ["/work/env"] });
        expect((await shell(sandbox, "cmp env/a env/b")).status).toEqual({ kind: "exited", code: 0 });
      }),
    );
    const snapshots = join(stateFolder, "snapshots");
    expect(readdirSync(snapshots).filter((name) => name.startsWith("."))).toEqual([]);
    mkdirSync(join(snapshots, "half", "0"), { recursive: true });
    expect(await provider.hasSnapshot("half")).toBe(false);
  });
});

describe("on the bare host", () => {
  describeSandboxContract({
    name: "the local provider without isolation",
    makeProvider: () => makeProvider({ isolation: "none" }),
    elsewhere: elsewhere({ isolation: "none" }),
    can: { isolated: false, readOnly: false, processes: false, daemons: false, hostLoopback: true },
  });
});

describe("without a working bubblewrap", () => {
  it("refuses and says what to install", async () => {
    const script = `
      import { probeBubblewrap } from ${JSON.stringify(sourceFile("local/probe-bubblewrap.ts"))};
      await probeBubblewrap({ hostPath: process.argv[1] }).catch((error) => process.stdout.write(error.code + " " + error.userMessage));`;
    const hidden = ["--dev-bind", "/", "/", "--tmpfs", "/usr/local/bin", "--ro-bind", "/dev/null"];
    if (!hasBubblewrap) return;
    const bubblewrap = execFileSync("sh", ["-c", "command -v bwrap"], { encoding: "utf8" }).trim();
    const answer = execFileSync(
      bubblewrap,
      [...hidden, bubblewrap, process.execPath, "--input-type=module", "-e", script, "/nowhere"],
      { encoding: "utf8" },
    );
    expect(answer).toBe(
      "sandbox-unavailable bubblewrap is not installed: apt-get install bubblewrap; or run without isolation by --sandbox none.",
    );
  });

  it("tells a kernel that refuses namespaces apart", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const script = `#!/bin/sh\n[ "$1" = --version ] && { echo bubblewrap 0.8.0; exit; }\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n`;
    writeFileSync(join(bin, "bwrap"), script, { mode: 0o755 });
    const refusal = makeProvider({ hostPath: bin });
    await expect(refusal).rejects.toMatchObject({ code: "sandbox-unavailable" });
    await expect(refusal).rejects.toThrow(/installed, but the kernel refuses .*No permissions.*--sandbox none/);
  });

  it("says what is wrong with a state folder that cannot be made", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const refusal = makeProvider({ isolation: "none", stateFolder: join(file, "state") });
    await expect(refusal).rejects.toMatchObject({ code: "sandbox-state-folder" });
  });
});

function sourceFile(name: string): string {
  return new URL(`../../src/sandboxes/${name}`, import.meta.url).pathname;
}

/** Two sleepers, one of them a daemon. */
function sleepers(marker: string): string[] {
  return ["sh", "-c", `setsid sleep ${marker} & sleep ${marker}`];
}

function childOf(parent: number, name: string): number {
  const found = processes().find((pid) => {
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
    return stat.startsWith(`${pid} (${name}) `) && stat.slice(stat.lastIndexOf(")") + 4).startsWith(`${parent} `);
  });
  return Number(found);
}
