import { join } from "node:path";
import type { SandboxCreateParams } from "modal";
import { SandboxError, throwIfCancelled } from "../errors.ts";
import type { ImageRecipe } from "./image.ts";
import { connectToModal, type ModalConnection } from "./modal/modal-connection.ts";
import type { ModalDeadlines } from "./modal/modal-deadlines.ts";
import { createModalMachine } from "./modal/modal-machine.ts";
import { createModalSnapshots, type ModalSnapshots } from "./modal/modal-snapshots.ts";
import { ourTags, removeOrphanedSandboxes } from "./modal/remove-orphaned-sandboxes.ts";
import { createSpare, type SpareSandbox } from "./modal/spare-sandbox.ts";
import { once } from "./once.ts";
import { ownName } from "./owner.ts";
import { reapAtStart } from "./reap-at-start.ts";
import { describeMachine, describingLimits } from "./remote/describe-machine.ts";
import type { Machine } from "./remote/machine.ts";
import { chooseAccount, openSandbox, type RemoteSandbox, type RemoteSandboxOptions } from "./remote/remote-sandbox.ts";
import { settleRemoteSettings } from "./remote/settle-remote-settings.ts";
import type { CreateSandboxOptions, Leftover, ReapOptions, SandboxProvider } from "./sandbox.ts";
import { missingSnapshot, removeUnusedSnapshots } from "./snapshots.ts";
import { tryEach } from "./try-each.ts";

/** Address and tokens are the SDK's to find: in MODAL_SERVER_URL, MODAL_TOKEN_ID, MODAL_TOKEN_SECRET, or ~/.modal.toml. */
export interface ModalProviderOptions {
  /** Sandboxes and images are kept together under this name. */
  appName?: string;
  image: ImageRecipe;
  /** Physical cores that a sandbox is given at least. */
  cpuCores: number;
  /** For sandboxes that ask for one, as Modal names it: `T4`, `A100:2`; null for none. */
  gpu: string | null;
  /** Domains that a sandbox with network may reach, `*.` in front for all below; null for all. */
  egressDomains: readonly string[] | null;
  /** A sandbox ends by itself after so long, in milliseconds, whatever became of us. */
  lifetimeMs: number;
  /** Host folder for notes about snapshots; made if it is not there. */
  stateFolder: string;
  /** What passThroughEnvironment let through. */
  passEnvironment: Readonly<Record<string, string>>;
  /** Put on every sandbox, for those who look after the workspace: the run, and whose it is. */
  tags?: Readonly<Record<string, string>>;
  onProgress?: (text: string) => void;
  signal?: AbortSignal | undefined;
  /** False: what dead runs left is not looked for now. */
  reapAtStart?: boolean;
  /** Longest waits for answers, where the usual ones do not fit. */
  deadlines?: Partial<ModalDeadlines>;
}

/** A sandbox that nobody uses for so long ends, in milliseconds: an author may think for minutes in between. */
const idleMs = 15 * 60_000;
/**
 * Modal's own bound on memory, as a part of what programs may take and in MiB beside it: so far above that the agent
 * sees it coming, since Modal does not tell who was ended for it.
 */
const headroom = { factor: 1.25, besideMb: 512 };
/** Memory that is paid for whether it is used or not, in MiB. */
const reservedMemoryMb = 2048;

/**
 * Sandboxes of Modal. One is kept for the iterations of a run: between two programs nothing of the first is left in
 * it. Throws SandboxError where Modal does not accept us or does not answer.
 */
export async function createModalProvider(options: ModalProviderOptions): Promise<SandboxProvider> {
  const { onProgress = () => undefined, signal } = options;
  const workshop = await openWorkshop(options);
  const { connection, snapshots, image, spare, machines } = workshop;
  const create = (wanted: CreateSandboxOptions) => createSandbox(workshop, options, wanted);

  async function reap(bounds: ReapOptions): Promise<Leftover[]> {
    const left = await tryEach(
      [() => removeOrphanedSandboxes(connection, bounds), () => removeUnusedSnapshots(snapshots, bounds)],
      (remove) => remove(),
    );
    return left.flat();
  }
  try {
    // A bad token is told before anything else is done.
    if (options.reapAtStart ?? true) {
      await connection.greet(signal);
      await reapAtStart(reap, { onProgress, signal });
    }
  } catch (error) {
    await connection.close();
    throw error;
  }
  return {
    name: "modal",
    describe: once(async (describing) => {
      const imageId = await image(describing);
      const wanted = { network: "none", limits: describingLimits, fresh: true, signal: describing } as const;
      await using sandbox = await create(wanted);
      // A GPU is not paid for only to be named.
      const found = await describeMachine(sandbox, describing);
      return { ...found, gpu: options.gpu, provider: "modal", image: imageId };
    }),
    create,
    hasSnapshot: async (key) => (await snapshots.find(key)) !== null,
    removeSnapshot: (key) => snapshots.remove(key),
    reap,
    async [Symbol.asyncDispose]() {
      await spare.close();
      // Whatever is still in use ends as well.
      await Promise.all([...machines].map((machine) => machine.remove()));
      await connection.close();
    },
  };
}

/** What all sandboxes of a provider are made with. */
interface Workshop {
  connection: ModalConnection;
  snapshots: ModalSnapshots;
  /** Id of the image that they start from, built by whoever needs it first. */
  image: (signal?: AbortSignal) => Promise<string>;
  settings: ReturnType<typeof settleRemoteSettings>;
  spare: SpareSandbox;
  /** All that run. */
  machines: Set<Machine>;
  /** In milliseconds; Modal counts in seconds. */
  lifetimeMs: number;
}

async function openWorkshop(options: ModalProviderOptions): Promise<Workshop> {
  const { appName = "codedistiller", stateFolder, deadlines, onProgress = () => undefined } = options;
  const settings = settleRemoteSettings(options.passEnvironment);
  const connection = await connectToModal({ appName, deadlines });
  return {
    connection,
    snapshots: createModalSnapshots(connection, join(stateFolder, `snapshots-modal-${connection.account}`)),
    image: once((signal) => connection.buildImage(options.image, onProgress, signal)),
    settings,
    spare: createSpare(),
    machines: new Set(),
    lifetimeMs: Math.ceil(options.lifetimeMs / 1000) * 1000,
  };
}

async function createSandbox(
  workshop: Workshop,
  options: ModalProviderOptions,
  wanted: CreateSandboxOptions,
): Promise<RemoteSandbox> {
  const { snapshots, image, settings, spare, lifetimeMs } = workshop;
  const { network, limits, snapshot, fresh = false, handOver = false, signal } = wanted;
  throwIfCancelled(signal);
  const gpu = wanted.gpu ? options.gpu : null;
  const kept = snapshot === undefined ? null : await snapshots.find(snapshot);
  if (snapshot !== undefined && kept === null) throw missingSnapshot(snapshot);
  // By the image and not by the key, under which another snapshot may have been kept since.
  const traits = JSON.stringify([network, limits, kept, gpu]);
  const reused = fresh || handOver ? null : await spare.take(traits, signal);
  if (reused !== null) return reused;
  const imageId = kept ?? (await image(signal));
  const params = sandboxParams(options, { network, limits, gpu, lifetimeMs });
  const machine = await startMachine(workshop, { imageId, params, snapshot, signal });
  const usableUntil = Date.now() + lifetimeMs / 2;
  const release = fresh ? undefined : (used: RemoteSandboxOptions) => spare.put({ traits, used, usableUntil });
  const account = { uid: chooseAccount(), limits, handOver, ...settings };
  return openSandbox({ machine, ...account, ...(release ? { release } : {}) }, { signal });
}

interface StartMachineOptions {
  imageId: string;
  params: SandboxCreateParams;
  /** Key of the snapshot that the image is of. */
  snapshot: string | undefined;
  signal: AbortSignal | undefined;
}

/** Throws SandboxError, code `snapshot-missing`, where Modal has not kept the image of a snapshot. */
async function startMachine(
  { connection, snapshots, machines, lifetimeMs }: Workshop,
  { imageId, params, snapshot, signal }: StartMachineOptions,
): Promise<Machine> {
  const sandbox = await connection.createSandbox(imageId, params, signal).catch(async (error: unknown) => {
    if (snapshot === undefined || !(error instanceof SandboxError) || error.code !== "sandbox-lost") throw error;
    await snapshots.forget(snapshot);
    throw missingSnapshot(snapshot, error);
  });
  const machine = createModalMachine({
    connection,
    sandbox,
    lifetimeMs,
    keep: snapshots.save,
    onRemoved: () => machines.delete(machine),
  });
  machines.add(machine);
  return machine;
}

function sandboxParams(
  { cpuCores, egressDomains, tags }: ModalProviderOptions,
  {
    network,
    limits,
    gpu,
    lifetimeMs,
  }: Pick<CreateSandboxOptions, "network" | "limits"> & { gpu: string | null; lifetimeMs: number },
): SandboxCreateParams {
  const egress = network === "full" && egressDomains ? { outboundDomainAllowlist: [...egressDomains] } : {};
  return {
    timeoutMs: lifetimeMs,
    idleTimeoutMs: Math.min(idleMs, lifetimeMs),
    cpu: cpuCores,
    memoryMiB: Math.min(limits.memoryMb, reservedMemoryMb),
    memoryLimitMiB: Math.ceil(limits.memoryMb * headroom.factor) + headroom.besideMb,
    workdir: "/",
    tags: { ...tags, ...ourTags, owner: ownName(), created: String(Date.now()) },
    ...(network === "none" ? { blockNetwork: true } : egress),
    ...(gpu ? { gpu } : {}),
  };
}
