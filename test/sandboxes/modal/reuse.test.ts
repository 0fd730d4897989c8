import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CreateSandboxOptions, SandboxProvider } from "../../../src/sandboxes/sandbox.ts";
import { filesWith } from "../../support/command-line.ts";
import { sandboxImage } from "../../support/sandbox-image.ts";
import { openProviderSession, type ProviderSession, run, shell, usual } from "./provider-session.ts";

const image = await sandboxImage();

describe.runIf(image !== null)("sandboxes of Modal", () => {
  let session: ProviderSession;
  beforeAll(async () => {
    session = await openProviderSession(image?.rootfs ?? "");
  });
  afterEach(() => session.reset());
  afterAll(() => session?.[Symbol.asyncDispose]());

  /** Runs something in a sandbox of its own, as its user sees it; returns what it printed, and the id at Modal. */
  async function runOnce(
    provider: SandboxProvider,
    script: string,
    options: Partial<CreateSandboxOptions> = {},
  ): Promise<{ text: string; id: string }> {
    await using sandbox = await provider.create({ ...usual, ...options });
    const { stdout, stderr } = await shell(sandbox, script);
    return {
      text: stdout.text + stderr.text,
      id: session
        .running()
        .map((each) => each.id)
        .join(),
    };
  }

  it("serve one program after another, with nothing of the first in sight of the second", async () => {
    const provider = await session.make();
    const first = await runOnce(
      provider,
      `for f in /tmp /dev/shm /var/tmp /work /work/home; do echo secret > $f/left; done
       setsid sh -c 'exec sleep 300' > /dev/null 2>&1 &
       python3 -c 'from multiprocessing import shared_memory as s; from multiprocessing import resource_tracker as r; m = s.SharedMemory("left", True, 100); r.unregister(m._name, "shared_memory")'
       id -u; touch /work/home/.bashrc`,
    );
    const second = await runOnce(
      provider,
      `find / -xdev \\( -name left -o -name psm_left -o -name .bashrc -path '/work/*' \\) 2> /dev/null
       ls -A /work/home /dev/shm /tmp /var/tmp; id -u; ps -eo args 2> /dev/null | grep 'sleep 30[0]'
       cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' | grep -c 'sleep 30[0]'`,
    );
    expect(second.id).toBe(first.id);
    const uid = first.text.trim();
    expect(second.text).toMatch(/^\/dev\/shm:\n\n\/tmp:\n\n\/var\/tmp:\n\n\/work\/home:\n\d+\n0\n$/);
    expect(second.text).not.toContain(`\n${uid}\n`);
    expect(session.running()).toHaveLength(1);
  });

  it("are made anew where one has to be fresh, or of another kind", async () => {
    const provider = await session.make();
    const first = await runOnce(provider, "true");
    await using fresh = await provider.create({ ...usual, fresh: true });
    expect(session.running()).toHaveLength(2);
    await fresh[Symbol.asyncDispose]();
    expect(session.running().map(({ id }) => id)).toEqual([first.id]);
    // Its own is not the next one's either.
    expect((await runOnce(provider, "true")).id).toBe(first.id);
    await using other = await provider.create({ ...usual, network: "full" });
    expect((await run(other, ["true"])).status).toEqual({ kind: "exited", code: 0 });
    expect(session.running()).toHaveLength(2);
  });

  it("are not used again where something of them cannot be taken back: what was kept, and packages of the system", async () => {
    const provider = await session.make();
    {
      await using builder = await provider.create(usual);
      await shell(builder, "mkdir env; echo 1 > env/a");
      await builder.snapshot({ key: "environment", paths: ["/work/env"] });
    }
    const { text, id } = await runOnce(provider, "ls /work");
    expect(text).toBe("home\n");
    {
      await using installed = await provider.create(usual);
      expect(session.running().map((each) => each.id)).toEqual([id]);
      const result = await installed.installSystemPackages({ packages: ["git"], timeoutMs: 30_000 });
      expect(result.status).toEqual({ kind: "exited", code: 0 });
    }
    expect(session.running()).toEqual([]);
  });

  it("keep the certificates that package tools need, also when they are used again", async () => {
    const authority = join(session.folder, "authority.pem");
    writeFileSync(authority, "-- certificates --\n");
    const provider = await session.make({ passEnvironment: { SSL_CERT_FILE: authority } });
    const show = 'cat "$SSL_CERT_FILE"';
    expect((await runOnce(provider, show)).text).toBe("-- certificates --\n");
    expect((await runOnce(provider, show)).text).toBe("-- certificates --\n");
    await using sandbox = await provider.create(usual);
    await sandbox.snapshot({ key: "with-certificates", paths: [] });
    expect((await shell(sandbox, show)).stdout.text).toBe("-- certificates --\n");
  });

  it("are replaced in silence when one has died, or has little time left", async () => {
    const provider = await session.make({ lifetimeMs: 8_000 });
    const first = await runOnce(provider, "true");
    await session.running()[0]?.breakDown("lost");
    const second = await runOnce(provider, "echo fine");
    expect(second.text).toBe("fine\n");
    expect(second.id).not.toBe(first.id);
    await new Promise((resolve) => setTimeout(resolve, 4_100));
    const third = await runOnce(provider, "echo fine");
    expect(third.text).toBe("fine\n");
    expect(third.id).not.toBe(second.id);
  });

  it("are never shared by two at a time, and leave no more than one behind", async () => {
    const provider = await session.make();
    await runOnce(provider, "true");
    const texts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => runOnce(provider, `echo ${index} > /tmp/a; sleep 0.5; cat /tmp/a`)),
    );
    expect(texts.map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`));
    expect(session.running()).toHaveLength(1);
  }, 90_000);

  it("end with their provider, also those still in use", async () => {
    const provider = await session.make();
    await runOnce(provider, "true");
    const used = await provider.create({ ...usual, network: "full" });
    const running = shell(used, "sleep 60").catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await provider[Symbol.asyncDispose]();
    expect(session.running()).toEqual([]);
    expect(await running).toMatchObject({ name: "SandboxError" });
    await used[Symbol.asyncDispose]();
    expect(session.running()).toEqual([]);
  });

  it("get what was asked for and no more: network, memory, cores, times and tags", async () => {
    const provider = await session.make({
      tags: { run: "run-1", tenant: "octo" },
      egressDomains: ["pypi.org", "*.pythonhosted.org"],
      gpu: "T4",
      cpuCores: 3,
      lifetimeMs: 90_500,
    });
    await using closed = await provider.create({ ...usual, limits: { ...usual.limits, memoryMb: 4096 } });
    await using _open = await provider.create({ ...usual, network: "full" });
    const [offline, online] = session.running();
    expect(offline?.network).toEqual({ access: "BLOCKED", cidrs: [], domains: [] });
    expect(online?.network).toMatchObject({ access: "ALLOWLIST", domains: ["pypi.org", "*.pythonhosted.org"] });
    expect(offline?.resources).toMatchObject({
      memoryMb: 2048,
      memoryMbMax: 4096 * 1.25 + 512,
      milliCpu: 3000,
    });
    expect(offline?.resources?.gpuConfig?.count ?? 0).toBe(0);
    expect(offline?.definition).toMatchObject({ timeoutSecs: 91, idleTimeoutSecs: 91 });
    expect(offline?.tags).toEqual({
      product: "codedistiller",
      run: "run-1",
      tenant: "octo",
      owner: expect.stringMatching(/^[\w-]+$/),
      created: expect.stringMatching(/^\d{13}$/),
    });
    expect(Math.abs(Date.now() - Number(offline?.tags.created))).toBeLessThan(60_000);
    await closed[Symbol.asyncDispose]();
    await using _withGpu = await provider.create({ ...usual, gpu: true });
    expect(session.running().at(-1)?.resources?.gpuConfig).toMatchObject({ gpuType: "T4", count: 1 });
    const without = await session.make();
    await using _asked = await without.create({ ...usual, gpu: true });
    expect(session.running().at(-1)?.resources?.gpuConfig?.count ?? 0).toBe(0);
  });

  it("build their image once, and no more in the next provider", async () => {
    const recipe = { base: "ubuntu:24.04", commands: ["RUN echo built > /etc/built"] };
    const lines: string[] = [];
    const provider = await session.make({ image: recipe, onProgress: (text) => lines.push(text) });
    const [{ text }] = await Promise.all([
      runOnce(provider, "cat /etc/built"),
      runOnce(provider, "true", { network: "full" }),
    ]);
    expect(text).toBe("built\n");
    const described = await provider.describe();
    const builds = session.countCalls(/^ImageGetOrCreate$/);
    expect(lines).toEqual(["=> RUN echo built > /etc/built"]);
    const again = await session.make({ image: recipe, onProgress: (line) => lines.push(line) });
    expect((await runOnce(again, "cat /etc/built")).text).toBe("built\n");
    expect((await again.describe()).image).toBe(described.image);
    expect(session.countCalls(/^ImageGetOrCreate$/)).toBeLessThanOrEqual(2 * builds);
    expect(lines).toHaveLength(1);
  });

  it("keep no secret of ours in what they remember", async () => {
    const provider = await session.make();
    {
      await using sandbox = await provider.create(usual);
      await sandbox.snapshot({ key: "noted", paths: [] });
      const environment = await run(sandbox, ["env"]);
      expect(environment.stdout.text).not.toContain(session.server.environment.MODAL_TOKEN_SECRET);
    }
    const state = join(session.folder, "state");
    expect(filesWith(state, "im-")).not.toEqual([]);
    const { MODAL_TOKEN_ID, MODAL_TOKEN_SECRET } = session.server.environment;
    for (const secret of [MODAL_TOKEN_ID, MODAL_TOKEN_SECRET]) expect(filesWith(state, secret)).toEqual([]);
  });
});
