import { join } from "node:path";
import type { SandboxCreateParams } from "modal";
import { SandboxError, throwIfCancelled } from "../errors.ts";
import type { ImageRecipe } from "./image.ts";
import { connectToModal } from "./modal/modal-connection.ts";
import type { ModalDeadlines } from "./modal/modal-deadlines.ts";
import { createModalMachine } from "./modal/modal-machine.ts";
import { createModalSnapshots } from "./modal/modal-snapshots.ts";
import { ourTags, removeOrphanedSandboxes } from "./modal/remove-orphaned-sandboxes.ts";
import { createSpare } from "./modal/spare-sandbox.ts";
import { once } from "./once.ts";
import { ownName } from "./owner.ts";
import { describeMachine, describingLimits } from "./remote/describe-machine.ts";
import type { Machine } from "./remote/machine.ts";
import { chooseAccount, openSandbox, type RemoteSandbox, type RemoteSandboxOptions } from "./remote/remote-sandbox.ts";
import { settleRemoteSettings } from "./remote/settle-remote-settings.ts";
import {
  type CreateSandboxOptions,
  type Leftover,
  type ReapOptions,
  type SandboxProvider,
  usualBounds,
} from "./sandbox.ts";
import { missingSnapshot, removeUnusedSnapshots } from "./snapshots.ts";

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
  const { appName = "codedistiller", onProgress = () => undefined } = options;
  // Modal counts in seconds.
  const lifetimeMs = Math.ceil(options.lifetimeMs / 1000) * 1000;
  const connection = await connectToModal({ appName, deadlines: options.deadlines });
  const snapshots = createModalSnapshots(
    connection,
    join(options.stateFolder, `snapshots-modal-${connection.account}`),
  );
  const settings = settleRemoteSettings(options.passEnvironment);
  const image = once((signal) => connection.buildImage(options.image, onProgress, signal));
  const spare = createSpare();
  const machines = new Set<Machine>();

  async function create(wanted: CreateSandboxOptions): Promise<RemoteSandbox> {
    const { network, limits, snapshot, fresh = false, handOver = false, signal } = wanted;
    throwIfCancelled(signal);
    const gpu = wanted.gpu ? options.gpu : null;
    const traits = JSON.stringify([network, limits, snapshot ?? null, gpu]);
    const reused = fresh || handOver ? null : await spare.take(traits);
    if (reused !== null) return reused;
    const imageId = snapshot === undefined ? await image(signal) : await snapshots.find(snapshot);
    if (imageId === null) throw missingSnapshot(snapshot ?? "");
    const egress =
      network === "full" && options.egressDomains ? { outboundDomainAllowlist: [...options.egressDomains] } : {};
    const params: SandboxCreateParams = {
      timeoutMs: lifetimeMs,
      idleTimeoutMs: Math.min(idleMs, lifetimeMs),
      cpu: options.cpuCores,
      memoryMiB: Math.min(limits.memoryMb, reservedMemoryMb),
      memoryLimitMiB: Math.ceil(limits.memoryMb * headroom.factor) + headroom.besideMb,
      workdir: "/",
      tags: { ...options.tags, ...ourTags, owner: ownName(), created: String(Date.now()) },
      ...(network === "none" ? { blockNetwork: true } : egress),
      ...(gpu ? { gpu } : {}),
    };
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
    const usableUntil = Date.now() + lifetimeMs / 2;
    const release = fresh ? undefined : (used: RemoteSandboxOptions) => spare.put({ traits, used, usableUntil });
    const account = { uid: chooseAccount(), limits, handOver, ...settings };
    return openSandbox({ machine, ...account, ...(release ? { release } : {}) }, { signal });
  }

  async function reap(bounds: ReapOptions): Promise<Leftover[]> {
    return [
      ...(await removeOrphanedSandboxes(connection, bounds)),
      ...(await removeUnusedSnapshots(snapshots, bounds)),
    ];
  }

  try {
    // The first word to Modal: a bad token is told before anything else is done.
    if (options.reapAtStart ?? true) await reap(usualBounds);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return {
    name: "modal",
    describe: once(async (signal) => {
      const imageId = await image(signal);
      await using sandbox = await create({ network: "none", limits: describingLimits, fresh: true });
      // A GPU is not paid for only to be named.
      return { ...(await describeMachine(sandbox, signal)), gpu: options.gpu, provider: "modal", image: imageId };
    }),
    create,
    hasSnapshot: async (key) => (await snapshots.find(key)) !== null,
    removeSnapshot: snapshots.remove,
    reap,
    async [Symbol.asyncDispose]() {
      await spare.close();
      // Whatever is still in use ends as well.
      await Promise.all([...machines].map((machine) => machine.remove()));
      await connection.close();
    },
  };
}
