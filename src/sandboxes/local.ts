import { randomInt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { availableParallelism, machine, totalmem } from "node:os";
import { basename, join } from "node:path";
import { SandboxError, throwIfCancelled } from "../errors.ts";
import { baseEnvironment } from "./command.ts";
import type { Owner } from "./local/beneath.ts";
import { createBubblewrapLauncher } from "./local/bubblewrap.ts";
import { removeOrphanedGroups } from "./local/control-group.ts";
import { warmDownloadCache } from "./local/download-cache.ts";
import { findInterpreters, type HostInterpreters } from "./local/interpreters.ts";
import {
  endOrphanedProcesses,
  findOrphanedFolders,
  liveFolderName,
  makeWritableFolders,
} from "./local/live-folders.ts";
import { LocalSandbox, removeFolder } from "./local/local-sandbox.ts";
import { settlePackageSettings } from "./local/package-settings.ts";
import type { SandboxPlace } from "./local/place.ts";
import { probeBubblewrap } from "./local/probe-bubblewrap.ts";
import { createProcessTable } from "./local/process-table.ts";
import { makeOutputPipes } from "./local/program-output.ts";
import { copySnapshot, createSnapshotStore, linkSnapshot } from "./local/snapshots.ts";
import { shownFolders, writeSettings } from "./local/system-folders.ts";
import { createUnconfinedLauncher } from "./local/unconfined.ts";
import { reapAtStart } from "./reap-at-start.ts";
import type { CreateSandboxOptions, Leftover, ReapOptions, SandboxDescription, SandboxProvider } from "./sandbox.ts";
import { tryEach } from "./try-each.ts";

export interface LocalProviderOptions {
  /** `none` runs programs on the bare host, as our own account; it has to be asked for by name. */
  isolation: "bubblewrap" | "none";
  /** Host folder for snapshots, shared wheels and the files of running sandboxes; made if it is not there. */
  stateFolder: string;
  /** What passThroughEnvironment let through. */
  passEnvironment: Readonly<Record<string, string>>;
  /** PATH of the host: where bubblewrap and interpreters are looked for. */
  hostPath: string;
  /** Told of what cannot be done now, and stops nobody. */
  onProgress?: (text: string) => void;
  signal?: AbortSignal | undefined;
  /** False: what dead runs left is not looked for now. */
  reapAtStart?: boolean;
}

/** Sandboxes on this machine. Throws SandboxError, code `sandbox-unavailable`, where the asked isolation cannot be had. */
export async function createLocalProvider(options: LocalProviderOptions): Promise<SandboxProvider> {
  const { isolation, stateFolder, hostPath } = options;
  const isolated = isolation === "bubblewrap";
  const launcher = isolated
    ? createBubblewrapLauncher(await probeBubblewrap({ hostPath }))
    : createUnconfinedLauncher();
  const asRoot = process.getuid?.() === 0;
  const folders = await makeStateFolders(stateFolder, isolated);
  const settings = isolated
    ? settlePackageSettings(options.passEnvironment, { wheelsFolder: folders.wheels, shown: shownFolders })
    : { environment: options.passEnvironment, mounts: [] };
  const snapshots = createSnapshotStore({ folder: folders.snapshots, ownedByRoot: isolated && asRoot });
  const table = createProcessTable();

  async function reap(bounds: ReapOptions): Promise<Leftover[]> {
    const orphans = findOrphanedFolders(folders.live);
    if (!bounds.dryRun) {
      endOrphanedProcesses(orphans.map(({ path }) => path));
      await Promise.all(orphans.map(({ path }) => removeFolder(path)));
      removeOrphanedGroups();
    }
    const left = orphans.map(({ path, ageMs }): Leftover => ({ kind: "sandbox", name: basename(path), ageMs }));
    const kept = snapshotFolders.map((name) => join(stateFolder, name)).filter(existsSync);
    const swept = await tryEach(kept, (kind) =>
      createSnapshotStore({ folder: kind, ownedByRoot: false }).sweep(bounds),
    );
    return [...left, ...swept.flat()];
  }
  const { onProgress = () => undefined, signal } = options;
  if (options.reapAtStart ?? true) await reapAtStart(reap, { onProgress, signal });

  let interpreters: Promise<HostInterpreters> | undefined;
  const interpretersOnce = () =>
    (interpreters ??= findInterpreters({ hostPath, privateFolder: stateFolder, otherAccount: isolated && asRoot }));

  async function create({
    network,
    limits,
    snapshot,
    handOver = false,
    signal,
  }: CreateSandboxOptions): Promise<LocalSandbox> {
    throwIfCancelled(signal);
    const kept = snapshot === undefined ? [] : await snapshots.mountsOf(snapshot);
    const { prefixes } = isolated ? await interpretersOnce() : { prefixes: [] };
    const folder = join(folders.live, liveFolderName());
    const place: SandboxPlace = {
      folder,
      workFolder: join(folder, "work"),
      temporaryFolder: join(folder, "tmp"),
      network,
      limits,
      owner: isolated && asRoot ? chooseOwner() : null,
      mounts: [...prefixes.map((prefix) => ({ host: prefix, inside: prefix })), ...settings.mounts],
      environment: { ...baseEnvironment, ...settings.environment },
    };
    try {
      await mkdir(folder, { mode: 0o700 });
      await makeWritableFolders(place);
      await makeOutputPipes(folder);
      if (isolated) await writeSettings(join(folder, "etc"), place.owner);
      if (handOver) await copySnapshot(place, kept);
      else if (isolated) place.mounts.push(...kept);
      else await linkSnapshot(place, kept);
    } catch (error) {
      await removeFolder(folder);
      const userMessage = `A sandbox could not be made in ${stateFolder}: ${error instanceof Error ? error.message : error}`;
      throw new SandboxError({ code: "sandbox-failed", userMessage, cause: error });
    }
    return new LocalSandbox({ place, launcher, snapshots, table });
  }

  return {
    name: isolated ? "local" : "none",
    async describe() {
      return describeHost({ provider: isolated ? "local" : "none", isolated, ...(await interpretersOnce()) });
    },
    create,
    hasSnapshot: (key) => snapshots.has(key),
    removeSnapshot: (key) => snapshots.remove(key),
    reap,
    async [Symbol.asyncDispose]() {},
    // Without isolation any program could write to the shared wheels.
    ...(isolated
      ? {
          warmDownloadCache: (requirements: readonly string[], python: string, signal?: AbortSignal) =>
            warmDownloadCache({ folder: folders.wheels, create, requirements, python, signal }),
        }
      : {}),
  };
}

/** Of sandboxes with isolation, and without. */
const snapshotFolders = ["snapshots", "snapshots-unconfined"] as const;

/**
 * As root each sandbox gets an account that nothing else on the host uses, so that its programs own only their own
 * files and are counted by themselves. Below 2^21, which old tar formats can still write.
 */
function chooseOwner(): Owner {
  const id = 30 * 65_536 + randomInt(65_536);
  return { uid: id, gid: id };
}

async function makeStateFolders(stateFolder: string, isolated: boolean) {
  const folders = {
    live: join(stateFolder, "live"),
    // An environment built on the bare host holds other paths, and anyone could have changed it.
    snapshots: join(stateFolder, snapshotFolders[isolated ? 0 : 1]),
    wheels: join(stateFolder, "wheels"),
  };
  try {
    await mkdir(stateFolder, { recursive: true, mode: 0o700 });
    for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
    await chmod(folders.wheels, 0o755);
  } catch (error) {
    const userMessage = `The folder ${stateFolder} for sandboxes cannot be made: choose another or make it writable.`;
    throw new SandboxError({ code: "sandbox-state-folder", userMessage, cause: error });
  }
  return folders;
}

function describeHost({
  provider,
  isolated,
  pythons,
}: Pick<SandboxDescription, "provider" | "isolated" | "pythons">): SandboxDescription {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const constrained = process.constrainedMemory();
  const memoryBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return {
    provider,
    image: null,
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? "Linux",
    architecture: machine(),
    pythons,
    cpuCores: availableParallelism(),
    memoryMb: Math.floor(memoryBytes / 2 ** 20),
    isolated,
    // The system's folders are read-only in a sandbox; without one, installing there is not for an example to do.
    systemPackages: false,
    gpu: !isolated && existsSync("/dev/nvidia0") ? "NVIDIA" : null,
    tools: toolsOfInterest.filter((tool) =>
      ["/usr/local/bin", "/usr/bin", "/bin"].some((folder) => existsSync(join(folder, tool))),
    ),
  };
}

const toolsOfInterest = [
  "gcc",
  "g++",
  "gfortran",
  "make",
  "cmake",
  "ninja",
  "git",
  "curl",
  "wget",
  "java",
  "R",
  "julia",
  "mpirun",
  "conda",
];
