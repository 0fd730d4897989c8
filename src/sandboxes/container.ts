import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { throwIfCancelled } from "../errors.ts";
import { type ContainerEngine, type EngineName, findContainerEngine } from "./container/container-engine.ts";
import { type PrepareImageOptions, prepareImage } from "./container/container-images.ts";
import { startContainer } from "./container/container-machine.ts";
import { createContainerSnapshots } from "./container/container-snapshots.ts";
import { findRunFlags, type RunFlags } from "./container/find-run-flags.ts";
import { removeOrphanedContainers } from "./container/remove-orphaned-containers.ts";
import type { ImageRecipe } from "./image.ts";
import { warmDownloadCache } from "./local/download-cache.ts";
import { settlePackageSettings } from "./local/package-settings.ts";
import { once } from "./once.ts";
import { describeMachine, describingLimits } from "./remote/describe-machine.ts";
import { chooseAccount, openSandbox, type RemoteSandbox } from "./remote/remote-sandbox.ts";
import { settleRemoteSettings } from "./remote/settle-remote-settings.ts";
import {
  type CreateSandboxOptions,
  type Leftover,
  type ReapOptions,
  type SandboxProvider,
  usualBounds,
} from "./sandbox.ts";
import { missingSnapshot, removeUnusedSnapshots } from "./snapshots.ts";

export interface ContainerProviderOptions {
  /** Docker, then Podman, where nobody chose. */
  engine?: EngineName | undefined;
  /** The name of an image, or what to build one from. It needs python3 with its venv module. */
  image: string | ImageRecipe;
  /** Host folder for shared wheels and for notes about snapshots; made if it is not there. */
  stateFolder: string;
  /** What passThroughEnvironment let through. */
  passEnvironment: Readonly<Record<string, string>>;
  /** Our own environment, of which the engine's command line gets what it needs. */
  environment: Readonly<Record<string, string | undefined>>;
  cpuCores: number;
  /** Whether sandboxes that ask for one get the GPUs of the machine. */
  gpu: boolean;
  /** Put on every container, for those who look after the machine. */
  labels?: Readonly<Record<string, string>>;
  /** Told while an image is fetched or built. */
  onProgress?: (text: string) => void;
  signal?: AbortSignal | undefined;
  /** False: what dead runs left is not looked for now. */
  reapAtStart?: boolean;
}

/** Sandboxes as containers of Docker or Podman. Throws SandboxError, code `sandbox-unavailable`, where neither answers. */
export async function createContainerProvider(options: ContainerProviderOptions): Promise<SandboxProvider> {
  const { environment, stateFolder, onProgress = () => undefined } = options;
  const engine = await findContainerEngine({ environment, wanted: options.engine, signal: options.signal });
  const wheels = join(stateFolder, "wheels");
  await mkdir(wheels, { recursive: true, mode: 0o755 });
  const shown = engine.isLocal ? join(stateFolder, "shown") : null;
  if (shown !== null) await writeFile(shown, "");
  const snapshots = createContainerSnapshots(engine, join(stateFolder, `snapshots-${engine.name}`));

  const ready = once((signal: AbortSignal | undefined) =>
    prepare(engine, { image: options.image, onProgress, signal, shown }),
  );
  const settle = once(async () => {
    const { showsFolders } = (await ready()).flags;
    return showsFolders
      ? { ...settlePackageSettings(options.passEnvironment, { wheelsFolder: wheels, shown: [] }), files: {} }
      : { ...settleRemoteSettings(options.passEnvironment), mounts: [] };
  });

  async function create({
    network,
    limits,
    snapshot,
    handOver = false,
    gpu = false,
    signal,
  }: CreateSandboxOptions): Promise<RemoteSandbox> {
    throwIfCancelled(signal);
    const { image, flags } = await ready(signal);
    const settings = await settle(signal);
    if (snapshot !== undefined && !(await snapshots.has(snapshot))) throw missingSnapshot(snapshot);
    const machine = await startContainer({
      engine,
      flags,
      image: snapshot === undefined ? image.name : snapshots.imageOf(snapshot),
      network,
      limits,
      cpuCores: options.cpuCores,
      gpu: gpu && options.gpu,
      mounts: settings.mounts,
      labels: options.labels ?? {},
      keep: snapshots.save,
      signal,
    });
    return openSandbox(
      { machine, uid: chooseAccount(), limits, environment: settings.environment, files: settings.files, handOver },
      { signal },
    );
  }

  async function reap(bounds: ReapOptions): Promise<Leftover[]> {
    return [...(await removeOrphanedContainers(engine, bounds)), ...(await removeUnusedSnapshots(snapshots, bounds))];
  }
  if (options.reapAtStart ?? true) await reap(usualBounds);

  const describe = once(async (signal) => {
    const { image } = await ready(signal);
    await using sandbox = await create({ network: "none", limits: describingLimits, gpu: options.gpu });
    return { ...(await describeMachine(sandbox, signal)), provider: "container", image: image.id };
  });
  return {
    name: "container",
    describe,
    create,
    hasSnapshot: snapshots.has,
    removeSnapshot: snapshots.remove,
    ...(engine.isLocal
      ? {
          warmDownloadCache: async (requirements: readonly string[], python: string, signal?: AbortSignal) =>
            (await ready(signal)).flags.showsFolders &&
            warmDownloadCache({ folder: wheels, create, requirements, python, signal }),
        }
      : {}),
    reap,
    async [Symbol.asyncDispose]() {},
  };
}

async function prepare(
  engine: ContainerEngine,
  { shown, ...options }: Omit<PrepareImageOptions, "engine"> & { shown: string | null },
): Promise<{ image: { name: string; id: string }; flags: RunFlags }> {
  const image = await prepareImage({ engine, ...options });
  return { image, flags: await findRunFlags({ engine, image: image.name, shown, signal: options.signal }) };
}
