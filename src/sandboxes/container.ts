import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { throwIfCancelled } from "../errors.ts";
import { type ContainerEngine, type EngineName, findContainerEngine } from "./container/container-engine.ts";
import { prepareImage } from "./container/container-images.ts";
import { startContainer } from "./container/container-machine.ts";
import { type ContainerSnapshots, createContainerSnapshots } from "./container/container-snapshots.ts";
import { type ContainerMount, findRunFlags, type RunFlags } from "./container/find-run-flags.ts";
import { removeOrphanedContainers } from "./container/remove-orphaned-containers.ts";
import type { ImageRecipe } from "./image.ts";
import { warmDownloadCache } from "./local/download-cache.ts";
import { settlePackageSettings } from "./local/package-settings.ts";
import { once } from "./once.ts";
import { reapAtStart } from "./reap-at-start.ts";
import { describeMachine, describingLimits } from "./remote/describe-machine.ts";
import { chooseAccount, openSandbox, type RemoteSandbox } from "./remote/remote-sandbox.ts";
import { settleRemoteSettings } from "./remote/settle-remote-settings.ts";
import type { CreateSandboxOptions, Leftover, ReapOptions, SandboxProvider } from "./sandbox.ts";
import { missingSnapshot, removeUnusedSnapshots } from "./snapshots.ts";
import { tryEach } from "./try-each.ts";

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
  const { onProgress = () => undefined, signal } = options;
  const workshop = await openWorkshop(options);
  const { engine, snapshots, ready } = workshop;
  const create = (wanted: CreateSandboxOptions) => createContainer(workshop, options, wanted);

  async function reap(bounds: ReapOptions): Promise<Leftover[]> {
    const left = await tryEach(
      [() => removeOrphanedContainers(engine, bounds), () => removeUnusedSnapshots(snapshots, bounds)],
      (remove) => remove(),
    );
    return left.flat();
  }
  if (options.reapAtStart ?? true) await reapAtStart(reap, { onProgress, signal });

  return {
    name: "container",
    describe: once(async (describing) => {
      const { image } = await ready(describing);
      const wanted = { network: "none", limits: describingLimits, gpu: options.gpu, signal: describing } as const;
      await using sandbox = await create(wanted);
      return { ...(await describeMachine(sandbox, describing)), provider: "container", image: nameContent(image) };
    }),
    create,
    hasSnapshot: (key) => snapshots.has(key),
    removeSnapshot: (key) => snapshots.remove(key),
    ...(engine.isLocal
      ? {
          warmDownloadCache: async (requirements: readonly string[], python: string, warming?: AbortSignal) =>
            (await ready(warming)).flags.showsFolders &&
            warmDownloadCache({ folder: workshop.wheels, create, requirements, python, signal: warming }),
        }
      : {}),
    reap,
    async [Symbol.asyncDispose]() {},
  };
}

/** What all containers of a provider are made with. */
interface Workshop {
  engine: ContainerEngine;
  snapshots: ContainerSnapshots;
  /** Host folder of shared wheels. */
  wheels: string;
  /** The image, fetched or built by whoever needs it first, and how containers are started from it. */
  ready(signal?: AbortSignal): Promise<{ image: { name: string; id: string }; flags: RunFlags }>;
  /** Settings of package tools, as programs in a container can use them. */
  settle(signal?: AbortSignal): Promise<{
    environment: Record<string, string>;
    files: Record<string, Uint8Array>;
    mounts: ContainerMount[];
  }>;
}

async function openWorkshop(options: ContainerProviderOptions): Promise<Workshop> {
  const { environment, stateFolder, image, labels = {}, onProgress = () => undefined } = options;
  const engine = await findContainerEngine({ environment, wanted: options.engine, signal: options.signal });
  const wheels = join(stateFolder, "wheels");
  await mkdir(wheels, { recursive: true, mode: 0o755 });
  const shown = engine.isLocal ? join(stateFolder, "shown") : null;
  if (shown !== null) await writeFile(shown, "");
  const folder = join(stateFolder, `snapshots-${engine.name}`);
  const ready = once(async (signal) => {
    const prepared = await prepareImage({ engine, image, onProgress, signal });
    const flags = await findRunFlags({ engine, image: prepared.name, shown, onProgress, signal });
    return { image: prepared, flags };
  });
  const settle = once(async (signal) => {
    const { showsFolders } = (await ready(signal)).flags;
    return showsFolders
      ? { ...settlePackageSettings(options.passEnvironment, { wheelsFolder: wheels, shown: [] }), files: {} }
      : { ...settleRemoteSettings(options.passEnvironment), mounts: [] };
  });
  const snapshots = createContainerSnapshots({ engine, folder, labels: Object.keys(labels) });
  return { engine, snapshots, wheels, ready, settle };
}

async function createContainer(
  { engine, snapshots, ready, settle }: Workshop,
  options: Pick<ContainerProviderOptions, "cpuCores" | "gpu" | "labels">,
  { network, limits, snapshot, handOver = false, gpu = false, signal }: CreateSandboxOptions,
): Promise<RemoteSandbox> {
  throwIfCancelled(signal);
  const { image, flags } = await ready(signal);
  const { environment, files, mounts } = await settle(signal);
  if (snapshot !== undefined && !(await snapshots.has(snapshot, signal))) throw missingSnapshot(snapshot);
  const machine = await startContainer({
    engine,
    flags,
    image: snapshot === undefined ? image.name : snapshots.imageOf(snapshot),
    network,
    limits,
    cpuCores: options.cpuCores,
    gpu: gpu && options.gpu,
    mounts,
    labels: options.labels ?? {},
    keep: snapshots.save,
    signal,
  });
  return openSandbox({ machine, uid: chooseAccount(), limits, environment, files, handOver }, { signal });
}

/** A name for people, and enough of what it holds to tell it from what had the name before. */
function nameContent({ name, id }: { name: string; id: string }): string {
  return `${name} (${id.replace(/^sha256:/, "").slice(0, 16)})`;
}
