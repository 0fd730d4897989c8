import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ownName } from "../../src/sandboxes/owner.ts";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, type CommandOptions, canIsolate, processesWith, waitUntil } from "../support/command-line.ts";
import { makeBarePath } from "../support/fake-engine.ts";
import { type ModalServer, startModalServer } from "../support/modal-server/modal-server.ts";
import { containerImage, sandboxImage } from "../support/sandbox-image.ts";

const image = (await containerImage()) ?? "";
const rootfs = (await sandboxImage())?.rootfs ?? "";
const dayMs = 24 * 3600_000;

/** A repository whose example sleeps for a time that is in no other process's command line. */
function writeSleeper(commandLine: CommandLine, seconds: string): string {
  writeTree(commandLine.path("naps"), {
    "README.md": "# naps\n\n```python\nfrom naps import nap\n\nrested = nap()\nprint(rested)\n```\n",
    "naps.py": `"""Sleeps."""\nimport subprocess\n\n\ndef nap():\n    """Sleep, and count."""\n    subprocess.run(["sleep", "${seconds}"])\n    return 1\n`,
  });
  return "naps";
}

/** Kills a run in the middle of its program, as `kill -9` does. */
async function killInTheMiddle(commandLine: CommandLine, seconds: string, options: CommandOptions): Promise<void> {
  const started = commandLine.start(["distill", writeSleeper(commandLine, seconds), "--out", "out"], options);
  await waitUntil("the example sleeps", () => processesWith(seconds).length > 0, 60);
  started.process.kill("SIGKILL");
  await started.ended;
}

describe.runIf(canIsolate)("reap, on this machine", () => {
  const commandLine = new CommandLine();
  const live = () => join(commandLine.cache, "live");
  const snapshots = () => join(commandLine.cache, "snapshots");
  const temporary = commandLine.path("tmp");
  let environment: Record<string, string>;
  /** A folder of a sandbox whose process is gone, one of a process that is there, and snapshots of some age in days. */
  beforeAll(() => {
    const dead = execFileSync(process.execPath, [
      "--input-type=module",
      "--eval",
      `const { ownName } = await import(${JSON.stringify(new URL("../../src/sandboxes/owner.ts", import.meta.url).href)}); process.stdout.write(ownName());`,
    ]).toString();
    for (const name of [`${dead}-000000000001`, `${ownName()}-000000000002`])
      mkdirSync(join(live(), name, "work"), { recursive: true });
    for (const [name, days] of [
      ["old", 20],
      ["young", 3],
    ] as const) {
      mkdirSync(join(snapshots(), name), { recursive: true });
      writeFileSync(join(snapshots(), name, "snapshot.json"), "[]");
      age(join(snapshots(), name), days);
    }
    mkdirSync(temporary);
    age(mkdtempSync(join(temporary, "codedistiller-verify-")), 8);
    age(mkdtempSync(join(temporary, "codedistiller-elsewhere-")), 8);
    mkdtempSync(join(temporary, "codedistiller-verify-"));
    environment = { PATH: makeBarePath(commandLine.path("bare")), TMPDIR: temporary };
  });
  afterAll(() => commandLine[Symbol.dispose]());

  function age(path: string, days: number): void {
    const then = new Date(Date.now() - days * dayMs);
    utimesSync(path, then, then);
  }

  const reap = (...argv: string[]) => commandLine.run(["reap", ...argv], { environment });
  const counts = () => [live(), snapshots(), temporary].map((folder) => readdirSync(folder).length);

  it("says what it would remove, and removes nothing", async () => {
    const ended = await reap("--dry-run");
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(ended.stdout).toMatch(/^local: would be removed\n {2}sandbox {3}\S+-000000000001, \d+ min\n/);
    expect(ended.stdout).toMatch(/^ {2}snapshot {2}old, unused for 20 days$/m);
    expect(ended.stdout).toMatch(/^ {2}folder {4}\S+codedistiller-verify-\w{6}, 8 days$/m);
    expect(ended.stdout.trim().split("\n")).toHaveLength(4);
    expect(counts()).toEqual([2, 2, 3]);
  });

  it("removes what dead processes left, and nothing that is in use or somebody else's", async () => {
    const { places, dryRun } = JSON.parse((await reap("--json")).stdout);
    expect(dryRun).toBe(false);
    expect(places).toHaveLength(1);
    expect(places[0]).toMatchObject({ place: "local", problem: null });
    expect(places[0].removed.map(({ kind }: { kind: string }) => kind)).toEqual(["sandbox", "snapshot", "folder"]);
    expect(counts()).toEqual([1, 1, 2]);
    expect((await reap()).stdout).toBe("Nothing was left behind.\n");
  });

  it("removes snapshots that nobody used for as long as one says", async () => {
    const ended = await reap("--snapshots-unused", "2");
    expect(ended.stdout).toBe("local: removed\n  snapshot  young, unused for 3 days\n");
    expect(readdirSync(snapshots())).toEqual([]);
  });

  it("names a place that cannot be asked, asks the others, and fails only where there is none", async () => {
    const path = makeBarePath(commandLine.path("broken"));
    writeFileSync(join(path, "docker"), "#!/bin/sh\necho 'the daemon is away' >&2\nexit 1\n", { mode: 0o755 });
    const some = await commandLine.run(["reap"], { environment: { ...environment, PATH: path } });
    expect(some.status).toBe(0);
    expect(some.stdout).toMatch(/^docker: could not be asked\. .*the daemon is away.*\nNothing was left behind\.\n$/);
    const none = await commandLine.run(["reap"], {
      environment: { ...environment, PATH: path, CODEDISTILLER_CACHE: "/proc/self/cmdline/cache" },
    });
    expect(none.status).toBe(1);
    expect(none.stdout).toMatch(/^local: could not be asked\. /m);
  });
});

describe.runIf(image !== "")("reap, of containers", () => {
  const commandLine = new CommandLine();
  afterAll(() => commandLine[Symbol.dispose]());

  it("removes the container of a run that was killed, once it is asked to in earnest", async () => {
    const settings = { CODEDISTILLER_SANDBOX: "container", CODEDISTILLER_SANDBOX_IMAGE: image };
    await killInTheMiddle(commandLine, "301.0811", { environment: settings });
    const running = (): string[] =>
      execFileSync("podman", ["ps", "--format", "{{.Names}}", "--filter", "label=codedistiller.owner"])
        .toString()
        .split("\n");
    const looked = await commandLine.run(["reap", "--dry-run", "--json"]);
    const place = JSON.parse(looked.stdout).places.find((each: { place: string }) => each.place === "podman");
    const names = place.removed.map(({ name }: { name: string }) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(running()).toContain(name);
    const ended = await commandLine.run(["reap"]);
    expect(ended.stdout).toMatch(/^podman: removed\n {2}sandbox {3}codedistiller-[0-9a-f]{16}, 0 min$/m);
    for (const name of names) expect(running()).not.toContain(name);
    await waitUntil("its program has ended", () => processesWith("301.0811").length === 0, 5);
  }, 100_000);
});

describe.runIf(rootfs !== "")("reap, at Modal", () => {
  const commandLine = new CommandLine();
  let server: ModalServer;
  beforeAll(async () => {
    server = await startModalServer({ rootfs });
  });
  afterAll(async () => {
    await server.stop();
    commandLine[Symbol.dispose]();
  });

  it("ends the sandbox of a run that was killed, once it is asked to in earnest", async () => {
    const settings = { CODEDISTILLER_SANDBOX: "modal", CODEDISTILLER_SANDBOX_IMAGE: "debian:12" };
    const environment = { ...server.environment, ...settings };
    await killInTheMiddle(commandLine, "301.0812", { environment });
    const looked = await commandLine.run(["reap", "--dry-run"], { environment });
    expect(looked.stdout).toMatch(/^modal: would be removed\n {2}sandbox {3}sb-\w+, \d+ min$/m);
    expect(processesWith("301.0812")).not.toEqual([]);
    const ended = await commandLine.run(["reap"], { environment });
    expect(ended.stdout).toMatch(/^modal: removed\n {2}sandbox {3}sb-\w+, \d+ min$/m);
    await waitUntil("its program has ended", () => processesWith("301.0812").length === 0, 10);
    const again = await commandLine.run(["reap", "--json"], { environment });
    expect(JSON.parse(again.stdout).places).toContainEqual({ place: "modal", removed: [], problem: null });
    expect(existsSync(join(commandLine.home, ".modal.toml"))).toBe(false);
  }, 100_000);
});
