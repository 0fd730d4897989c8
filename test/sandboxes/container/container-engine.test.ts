import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { CancelledError } from "../../../src/errors.ts";
import { findContainerEngine } from "../../../src/sandboxes/container/container-engine.ts";
import { findRunFlags } from "../../../src/sandboxes/container/find-run-flags.ts";
import { createContainerProvider } from "../../../src/sandboxes/container.ts";
import { limits } from "../../contracts/contract-subject.ts";
import { countSleepers, sleepMarker, until } from "../../contracts/host-processes.ts";
import { dockerVersion, makeFakeEngines, podmanVersion } from "./fake-engines.ts";

const folder = mkdtempSync(join(tmpdir(), "container-engine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.useRealTimers());

const newFolder = () => mkdtempSync(join(folder, "engines-"));
const refusing = 'echo "Cannot connect to the Docker daemon. Is it running?" >&2; exit 1';

describe("the container engine", () => {
  it("is Docker where both answer, and the other where that was chosen", async () => {
    const { environment, calls } = makeFakeEngines(newFolder(), { docker: dockerVersion, podman: podmanVersion });
    expect(await findContainerEngine({ environment })).toMatchObject({ name: "docker", version: "27.1.0" });
    expect(calls()).toHaveLength(1);
    expect(await findContainerEngine({ environment, wanted: "podman" })).toMatchObject({
      name: "podman",
      version: "4.3.1",
    });
    expect(calls()).toHaveLength(2);
  });

  it("is Podman where Docker is a client without a service", async () => {
    const { environment } = makeFakeEngines(newFolder(), { docker: refusing, podman: podmanVersion });
    expect(await findContainerEngine({ environment })).toMatchObject({ name: "podman" });
    const chosen = findContainerEngine({ environment, wanted: "docker" });
    await expect(chosen).rejects.toMatchObject({ code: "sandbox-unavailable" });
    await expect(chosen).rejects.toThrow(/docker: Cannot connect to the Docker daemon/);
  });

  it("says of each why it is none", async () => {
    const { environment } = makeFakeEngines(newFolder(), { docker: refusing });
    const refusal = findContainerEngine({ environment });
    await expect(refusal).rejects.toMatchObject({ code: "sandbox-unavailable" });
    await expect(refusal).rejects.toThrow(/docker: Cannot connect .*podman: .*ENOENT.*install Podman or Docker/);
    const odd = makeFakeEngines(newFolder(), { docker: "echo surprise", podman: "exit 0" });
    await expect(findContainerEngine(odd)).rejects.toThrow(/docker: it gave no version; podman: it gave no version/);
  });

  it("is the other where one hangs", async () => {
    const marker = sleepMarker(7);
    const { environment } = makeFakeEngines(newFolder(), {
      docker: `PATH=/bin sleep ${marker}`,
      podman: podmanVersion,
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const finding = findContainerEngine({ environment });
    await untilSleeping(marker);
    vi.advanceTimersByTime(20_000);
    vi.useRealTimers();
    expect(await finding).toMatchObject({ name: "podman" });
    expect(countSleepers(marker)).toBe(0);
  });

  it("is given up with all that it started when it takes too long, or when nobody waits any more", async () => {
    const marker = sleepMarker(8);
    const hanging = `[ "$1" = version ] && { ${dockerVersion}; exit; }; trap "" TERM; PATH=/bin; sleep ${marker} & sleep ${marker}; sleep ${marker}`;
    const engine = await findContainerEngine(makeFakeEngines(newFolder(), { docker: hanging }));
    const slow = engine.run(["ps", "--all"], { timeoutMs: 300 });
    await expect(slow).rejects.toMatchObject({ code: "sandbox-lost", retryable: true });
    await expect(slow).rejects.toThrow("docker ps did not end within 0 s: see whether its service is well.");
    expect(countSleepers(marker)).toBe(0);
    const abort = new AbortController();
    const cancelled = engine.run(["pull", "x"], { signal: abort.signal });
    await until(() => countSleepers(marker) > 0);
    abort.abort();
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(countSleepers(marker)).toBe(0);
  });

  it("gets of our environment what it needs and no more", async () => {
    const own = newFolder();
    const { environment } = makeFakeEngines(own, { docker: `/usr/bin/env > ${own}.env; ${dockerVersion}` });
    const more = {
      DOCKER_HOST: "unix:///run/x",
      HTTPS_PROXY: "http://p",
      OPENAI_API_KEY: "secret",
      GITHUB_TOKEN: "secret",
    };
    await findContainerEngine({ environment: { ...environment, ...more } });
    const given = readFileSync(`${own}.env`, "utf8");
    expect(given).toContain("DOCKER_HOST=unix:///run/x\n");
    expect(given).toContain("HTTPS_PROXY=http://p\n");
    expect(given).not.toContain("secret");
  });

  it("is elsewhere where its address says so", async () => {
    const { environment } = makeFakeEngines(newFolder(), { docker: dockerVersion, podman: podmanVersion });
    const isLocal = async (more: Record<string, string>, wanted?: "podman") =>
      (await findContainerEngine({ environment: { ...environment, ...more }, wanted })).isLocal;
    expect(await isLocal({})).toBe(true);
    expect(await isLocal({ DOCKER_HOST: "unix:///run/user/1000/docker.sock" })).toBe(true);
    expect(await isLocal({ DOCKER_HOST: "tcp://10.0.0.1:2376" })).toBe(false);
    expect(await isLocal({ DOCKER_HOST: "ssh://build@host" })).toBe(false);
    expect(await isLocal({ CONTAINER_HOST: "ssh://build@host" }, "podman")).toBe(false);
  });
});

describe("limits of the kernel", () => {
  /** Starts containers without limits, and with them from the given try on. */
  async function findLimits(firstGoodTry: number): Promise<{ limited: boolean; told: string[] }> {
    const own = newFolder();
    const count = `${own}/tries`;
    const { environment } = makeFakeEngines(own, {
      docker: `[ "$1" = version ] && { ${dockerVersion}; exit; }
        case "$*" in
          *--memory*)
            echo try >> ${count}
            [ "$(/usr/bin/wc -l < ${count})" -ge ${firstGoodTry} ] || { echo "cgroups are busy" >&2; exit 126; } ;;
        esac`,
    });
    const engine = await findContainerEngine({ environment });
    const told: string[] = [];
    const onProgress = (text: string) => told.push(text);
    const flags = await findRunFlags({ engine, image: "some-image", shown: null, onProgress, signal: undefined });
    return { limited: flags.limited, told };
  }

  it("are not given up for a failure that passes", async () => {
    expect(await findLimits(1)).toEqual({ limited: true, told: [] });
    expect(await findLimits(2)).toEqual({ limited: true, told: [] });
  });

  it("are not given up in silence", async () => {
    expect(await findLimits(1000)).toEqual({
      limited: false,
      told: [expect.stringMatching(/^docker cannot have the kernel hold .*\(cgroups are busy\): they are watched/)],
    });
  });
});

describe("what earlier runs left", () => {
  const start = (environment: Record<string, string>, stateFolder: string, onProgress?: (text: string) => void) =>
    createContainerProvider({
      ...{ image: "some-image", stateFolder, passEnvironment: {}, environment, cpuCores: 1, gpu: false },
      ...(onProgress ? { onProgress } : {}),
    });

  it("stops no start where a note cannot be read, or is none of ours", async () => {
    const own = newFolder();
    const { environment, calls } = makeFakeEngines(own, { docker: `[ "$1" = version ] && ${dockerVersion}` });
    const notes = join(own, "state", "snapshots-docker");
    mkdirSync(notes, { recursive: true });
    symlinkSync("/nowhere", join(notes, "broken"));
    writeFileSync(join(notes, ".of another program"), "");
    utimesSync(join(notes, ".of another program"), 0, 0);
    const told: string[] = [];
    await using _provider = await start(environment, join(own, "state"), (text) => told.push(text));
    expect(told).toEqual([]);
    expect(calls().filter((call) => call.includes("rmi"))).toEqual([]);
  });

  it("stops no start where the engine refuses or fails", async () => {
    const own = newFolder();
    const id = "a".repeat(64);
    const { environment, calls } = makeFakeEngines(own, {
      docker: `case "$1 $2" in
        "version "*) ${dockerVersion} ;;
        "images "*) echo sha256:${id} ;;
        "image inspect") echo "sha256:${id} 2020-01-01T00:00:00Z " ;;
        *) echo "database is locked" >&2; exit 1 ;;
      esac`,
    });
    await using _provider = await start(environment, join(own, "state"));
    expect(calls().at(-1)).toBe(`docker rmi sha256:${id} `.trim());
  });
});

describe("folders of this machine", () => {
  /** Does what a provider asks until a container is started; `sees` is what a program says of a file that is shown. */
  const answering = (sees: string) => `
    case "$1 $2" in
      "version "*) ${dockerVersion} ;;
      "image inspect") echo sha256:1 ;;
      "run "*) echo ${sees} ;;
      "exec "*) exit 1 ;;
    esac`;

  async function mountsWith(sees: string, more: Record<string, string> = {}): Promise<string[]> {
    const own = newFolder();
    const { environment, calls } = makeFakeEngines(own, { docker: answering(sees) });
    const provider = await createContainerProvider({
      image: "some-image",
      stateFolder: join(own, "state"),
      passEnvironment: {},
      environment: { ...environment, ...more },
      cpuCores: 1,
      gpu: false,
    });
    await expect(provider.create({ network: "none", limits })).rejects.toMatchObject({ code: "sandbox-lost" });
    if (more.DOCKER_HOST) expect(provider.warmDownloadCache).toBeUndefined();
    else if (sees !== "True") expect(await provider.warmDownloadCache?.(["six"], "/usr/bin/python3")).toBe(false);
    expect(calls().filter((call) => call.startsWith("docker rm --force"))).toHaveLength(1);
    const started = calls().find((call) => call.includes("--detach")) ?? "";
    return started.split(" ").filter((word) => word.startsWith("type=bind"));
  }

  it("are shown where the engine sees them", async () => {
    expect(await mountsWith("True")).toEqual([
      expect.stringMatching(/source=.*\/state\/wheels,target=\/opt\/wheels,readonly/),
    ]);
  });

  it("are not shown where the engine is elsewhere, or runs around us", async () => {
    expect(await mountsWith("True", { DOCKER_HOST: "tcp://10.0.0.1:2376" })).toEqual([]);
    expect(await mountsWith("False")).toEqual([]);
  });
});

async function untilSleeping(marker: string): Promise<void> {
  while (countSleepers(marker) === 0) await new Promise((resolve) => setImmediate(resolve));
}
