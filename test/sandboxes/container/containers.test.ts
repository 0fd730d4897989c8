import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CancelledError } from "../../../src/errors.ts";
import { createdLabel, ownerLabel } from "../../../src/sandboxes/container/container-machine.ts";
import { type ContainerProviderOptions, createContainerProvider } from "../../../src/sandboxes/container.ts";
import { once } from "../../../src/sandboxes/once.ts";
import { ownName } from "../../../src/sandboxes/owner.ts";
import { usualBounds } from "../../../src/sandboxes/sandbox.ts";
import { limits, run, shell } from "../../contracts/contract-subject.ts";
import { commandLine, countSleepers, processes, sleepMarker, until } from "../../contracts/host-processes.ts";
import { makePrivatePodman, podman } from "../../support/private-podman.ts";
import { containerImage } from "../../support/sandbox-image.ts";

const image = (await containerImage()) ?? "";
const folder = mkdtempSync(join(tmpdir(), "containers-"));
const environment = image === "" ? {} : { ...process.env, ...makePrivatePodman(join(folder, "podman")) };
const engine = (...argv: string[]) => podman(environment, ...argv);
const stateFolder = join(folder, "state");

function makeProvider(options: Partial<ContainerProviderOptions> = {}) {
  const usual = { engine: "podman", image, stateFolder, passEnvironment: {}, cpuCores: 1, gpu: false } as const;
  return createContainerProvider({ ...usual, environment, ...options });
}

/** For tests that need nothing of their own: finding out how containers start takes a second. */
const labels = { "codedistiller.run": "run-1", "codedistiller.tenant": "lab" };
const usualProvider = once(() => makeProvider({ labels }));

/** Names of containers, those that only Podman's storage knows of included. */
function listContainers(): string[] {
  return engine("ps", "--all", "--external", "--format", "{{.Names}}").split("\n").filter(Boolean).sort();
}

/** Processes that look after a container, or become one. */
function countKeepers(): number {
  return processes().filter((pid) => commandLine(pid).some((argument) => argument.startsWith(folder))).length;
}

describe.runIf(image !== "")("containers of Podman", () => {
  afterAll(() => {
    if (listContainers().length > 0) engine("rm", "--force", "--all");
    rmSync(folder, { recursive: true, force: true });
  });

  it("have labels that say whose they are, and no more rights than they need", async () => {
    const provider = await usualProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const [name = ""] = listContainers();
    const [found] = JSON.parse(engine("inspect", name)) as [PodmanContainer];
    expect(found.Config.Labels).toMatchObject({ ...labels, [ownerLabel]: ownName() });
    expect(Date.now() - Date.parse(found.Config.Labels[createdLabel] ?? "")).toBeLessThan(60_000);
    expect(found.HostConfig).toMatchObject({
      Privileged: false,
      PidMode: "private",
      IpcMode: expect.stringMatching(/^(private|shareable)$/),
    });
    expect(found.HostConfig.SecurityOpt).toContain("no-new-privileges");
    expect(found.EffectiveCaps.map((one) => one.replace("CAP_", "")).sort()).toEqual([
      "CHOWN",
      "DAC_OVERRIDE",
      "FOWNER",
      "KILL",
      "SETGID",
      "SETUID",
    ]);
    expect(found.Mounts.map(({ Destination, RW }) => [Destination, RW])).toEqual([["/opt/wheels", false]]);
    const inside = await shell(sandbox, "grep -E '^(NoNewPrivs|Seccomp|CapBnd):' /proc/self/status; ls -d /opt/wheels");
    expect(inside.stdout.text).toMatch(/^CapBnd:\t00000000000000eb\nNoNewPrivs:\t1\nSeccomp:\t2\n\/opt\/wheels\n$/);
  });

  it("are held to their limits by the kernel, where it can", async () => {
    const provider = await usualProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const [name = ""] = listContainers();
    const { HostConfig } = (JSON.parse(engine("inspect", name)) as [PodmanContainer])[0];
    if (HostConfig.Memory === 0) return;
    expect(HostConfig).toMatchObject({ Memory: (limits.memoryMb + 96) * 2 ** 20, PidsLimit: limits.processes + 32 });
    const read = (unified: string, own: string) =>
      shell(sandbox, `cat /sys/fs/cgroup/${unified} 2> /dev/null || cat /sys/fs/cgroup/${own}`);
    const memory = await read("memory.max", "memory/memory.limit_in_bytes");
    expect(Number(memory.stdout.text)).toBe((limits.memoryMb + 96) * 2 ** 20);
    expect(Number((await read("pids.max", "pids/pids.max")).stdout.text)).toBe(limits.processes + 32);
    expect((await shell(sandbox, "echo 9999999999 > /sys/fs/cgroup/memory/memory.limit_in_bytes")).status).not.toEqual({
      kind: "exited",
      code: 0,
    });
  });

  it("are removed when their process is no more, and no others", async () => {
    const [boot, namespace] = ownName().split("-");
    const day = 24 * 3600_000;
    const kinds = {
      dead: { owner: `${boot}-${namespace}-4194304-1`, ageMs: 0 },
      recycled: { owner: `${boot}-${namespace}-${process.pid}-1`, ageMs: 0 },
      live: { owner: ownName(), ageMs: 0 },
      elsewhere: { owner: `0badcafe-${namespace}-1-1`, ageMs: day },
      forgotten: { owner: `0badcafe-${namespace}-1-1`, ageMs: 3 * day },
      strange: { owner: null, ageMs: 10 * day },
    };
    for (const [name, { owner, ageMs }] of Object.entries(kinds)) {
      const created = `${createdLabel}=${new Date(Date.now() - ageMs).toISOString()}`;
      const labels = owner === null ? ["made=by-others"] : [`${ownerLabel}=${owner}`, created];
      engine("create", "--name", name, ...labels.flatMap((label) => ["--label", label]), image, "true");
    }
    const provider = await makeProvider({ reapAtStart: false });
    const orphans = ["dead", "forgotten", "recycled"];
    const nameOf = (id: string) => engine("inspect", "--format", "{{.Name}}", id).trim();
    const found = await provider.reap({ ...usualBounds, dryRun: true });
    const containers = found.filter(({ kind }) => kind === "sandbox");
    expect(containers.map(({ name }) => nameOf(name)).sort()).toEqual(orphans);
    expect(listContainers()).toHaveLength(6);
    await makeProvider();
    expect(listContainers()).toEqual(["elsewhere", "live", "strange"]);
    engine("rm", "elsewhere", "live", "strange");
  });

  it("give their snapshots up when nobody uses them, and when a sandbox did at the time", async () => {
    const provider = await usualProvider();
    // The machine's own, which are seen here and cannot be removed.
    const before = new Set((await provider.reap({ ...usualBounds, dryRun: true })).map(({ name }) => name));
    const reap = async () =>
      (await provider.reap({ ...usualBounds, dryRun: true })).filter(({ name }) => !before.has(name));
    const keys = ["unused", "used", "removed"] as const;
    {
      await using sandbox = await provider.create({ network: "none", limits });
      await shell(sandbox, "mkdir env");
      for (const key of keys) await sandbox.snapshot({ key, paths: ["/work/env"] });
    }
    const [notes = ""] = readdirSync(stateFolder).filter((name) => name.startsWith("snapshots"));
    const longAgo = new Date(Date.now() - 15 * 24 * 3600_000);
    utimesSync(join(stateFolder, notes, "unused"), longAgo, longAgo);
    {
      await using sandbox = await provider.create({ network: "none", limits, snapshot: "removed" });
      await provider.removeSnapshot("removed");
      expect(await provider.hasSnapshot("removed")).toBe(false);
      expect((await shell(sandbox, "ls -d env")).stdout.text).toBe("env\n");
    }
    expect((await reap()).map(({ kind, name }) => [kind, name.replace(/-.*/, "")]).sort()).toEqual([
      ["snapshot", "removed"],
      ["snapshot", "unused"],
    ]);
    expect(await provider.hasSnapshot("used")).toBe(true);
    // Another provider with a folder of its own knows them by their labels, and they are not old for it.
    const other = await makeProvider({ stateFolder: join(folder, "other-state") });
    expect(await other.hasSnapshot("used")).toBe(true);
    await makeProvider();
    expect(await Promise.all(keys.map((key) => provider.hasSnapshot(key)))).toEqual([false, true, false]);
    expect(readdirSync(join(stateFolder, notes))).toEqual(["used"]);
    expect(await reap()).toEqual([]);
    await provider.removeSnapshot("used");
  });

  it("leave no image behind where a snapshot is replaced, and none of their own labels in one", async () => {
    const provider = await usualProvider();
    const listNameless = () => engine("images", "--quiet", "--no-trunc", "--filter", "dangling=true").split("\n");
    const before = new Set(listNameless());
    const nameless = () => listNameless().filter((id) => !before.has(id));
    const inspect = (id: string) =>
      JSON.parse(engine("image", "inspect", "--format", "{{json .Config.Labels}}", id)) as Record<string, string>;
    async function keep(): Promise<void> {
      await using sandbox = await provider.create({ network: "none", limits });
      await shell(sandbox, "mkdir env; date +%N > env/a");
      await sandbox.snapshot({ key: "replaced", paths: ["/work/env"] });
    }
    await keep();
    await keep();
    expect(nameless()).toEqual([]);
    const own = Object.fromEntries([ownerLabel, ...Object.keys(labels)].map((name) => [name, ""]));
    expect(inspect("codedistiller-snapshot:replaced")).toEqual({ ...own, [createdLabel]: expect.stringMatching(/^2/) });
    {
      await using _user = await provider.create({ network: "none", limits, snapshot: "replaced" });
      await keep();
      expect(nameless()).toHaveLength(1);
    }
    // It may be one that is being made, for as long as that may take.
    const [replaced = ""] = nameless();
    const reap = async (dryRun: boolean) =>
      (await provider.reap({ ...usualBounds, dryRun })).filter(({ name }) => name === replaced);
    expect(await reap(true)).toEqual([]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3600_000 });
    try {
      expect(await reap(false)).toMatchObject([{ kind: "snapshot", name: replaced }]);
    } finally {
      vi.useRealTimers();
    }
    expect(nameless()).toEqual([]);
    await provider.removeSnapshot("replaced");
  });

  it("end a program that takes memory which is nobody's, as one that took too much", async () => {
    const provider = await usualProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const [name = ""] = listContainers();
    if (engine("inspect", "--format", "{{.HostConfig.Memory}}", name).trim() === "0") return;
    // Nobody's resident memory grows: what is shared stays when it is let go.
    const script = `
import ctypes
library = ctypes.CDLL(None)
library.shmat.restype = ctypes.c_void_p
library.shmdt.argtypes = [ctypes.c_void_p]
size = 16 << 20
while True:
    number = library.shmget(0, size, 0o1600)
    address = library.shmat(number, None, 0)
    ctypes.memset(address, 1, size)
    library.shmdt(address)`;
    const result = await run(sandbox, ["sh", "-c", 'while :; do python3 -c "$1"; done', "sh", script]);
    expect(result.status).toEqual({ kind: "out-of-memory" });
  });

  it("are reported as lost when somebody else ends the sandbox's own process", async () => {
    const provider = await usualProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const marker = sleepMarker(6);
    const running = run(sandbox, ["sleep", marker]);
    running.catch(() => undefined);
    await until(() => countSleepers(marker) > 0);
    engine("kill", ...listContainers());
    await expect(running).rejects.toMatchObject({ code: "sandbox-lost", retryable: true });
  });

  it("say in the engine's words why there is no image", async () => {
    const provider = await makeProvider({ image: "localhost/no-such-image:1" });
    const refusal = provider.create({ network: "none", limits });
    await expect(refusal).rejects.toMatchObject({ code: "sandbox-image" });
    await expect(refusal).rejects.toThrow(
      /podman could not fetch the image localhost\/no-such-image:1: .*(refused|no such|manifest|pinging).*sandbox_image/is,
    );
  });

  it("have an image that is built once from its recipe, and tells how far it is", async () => {
    const progress: string[] = [];
    const recipe = { base: image, commands: ["RUN echo built > /built-here", "ENV KIND=test"] };
    const build = () => makeProvider({ image: recipe, onProgress: (text) => progress.push(text) });
    {
      const provider = await build();
      await using sandbox = await provider.create({ network: "none", limits });
      expect((await run(sandbox, ["cat", "/built-here"])).stdout.text).toBe("built\n");
      expect(progress[0]).toMatch(/^building the image codedistiller-sandbox:[0-9a-f]{16}, once/);
      expect(progress.join("\n")).toContain("RUN echo built");
      expect((await provider.describe()).image).toMatch(/^codedistiller-sandbox:[0-9a-f]{16} \([0-9a-f]{16}\)$/);
    }
    progress.length = 0;
    const again = await build();
    await using sandbox = await again.create({ network: "none", limits });
    expect((await run(sandbox, ["cat", "/built-here"])).stdout.text).toBe("built\n");
    expect(progress).toEqual([]);
    const broken = await makeProvider({ image: { base: image, commands: ["RUN echo no wheels >&2; exit 3"] } });
    const refusal = broken.create({ network: "none", limits });
    await expect(refusal).rejects.toMatchObject({ code: "sandbox-image", cause: expect.stringContaining("no wheels") });
    await expect(refusal).rejects.toThrow(/podman could not build .*exit status 3/);
  });

  it("leave nothing behind when they are cancelled while an image is fetched or built", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const abort = new AbortController();
    const registry = `127.0.0.1:${(silent.address() as AddressInfo).port}/image:1`;
    const fetching = (await makeProvider({ image: registry })).create({
      network: "none",
      limits,
      signal: abort.signal,
    });
    setTimeout(() => abort.abort(), 500);
    await expect(fetching).rejects.toThrow(CancelledError);
    silent.close();

    const marker = sleepMarker(9);
    const second = new AbortController();
    const provider = await makeProvider({ image: { base: image, commands: [`RUN sleep ${marker}`] } });
    const building = provider.create({ network: "none", limits, signal: second.signal });
    building.catch(() => undefined);
    await until(() => countSleepers(marker) > 0);
    second.abort();
    await expect(building).rejects.toThrow(CancelledError);
    expect(countSleepers(marker)).toBe(0);
    expect(listContainers()).toEqual([]);
  });

  it("leave nothing behind when they are cancelled while they start", async () => {
    const provider = await usualProvider();
    for (const afterMs of [0, 40, 80, 120, 160, 200, 260, 320]) {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), afterMs);
      const creating = provider.create({ network: "none", limits, signal: abort.signal });
      await creating.then(
        (sandbox) => sandbox[Symbol.asyncDispose](),
        (error: unknown) => expect(error).toBeInstanceOf(CancelledError),
      );
    }
    expect(listContainers()).toEqual([]);
    await sleep(200);
    expect(countKeepers()).toBe(0);
  });

  it("are reported as lost when somebody else removes them", async () => {
    const provider = await usualProvider();
    await using sandbox = await provider.create({ network: "none", limits });
    const marker = sleepMarker(3);
    const running = run(sandbox, ["sleep", marker]);
    running.catch(() => undefined);
    await until(() => countSleepers(marker) > 0);
    engine("rm", "--force", ...listContainers());
    await expect(running).rejects.toMatchObject({ code: "sandbox-lost", retryable: true });
    expect(countSleepers(marker)).toBe(0);
    await expect(run(sandbox, ["true"])).rejects.toMatchObject({ code: "sandbox-lost" });
  });
});

interface PodmanContainer {
  Config: { Labels: Record<string, string> };
  HostConfig: { Privileged: boolean; SecurityOpt: string[]; Memory: number; PidsLimit: number };
  EffectiveCaps: string[];
  Mounts: Array<{ Destination: string; RW: boolean }>;
}
