import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Image, ModalClient, Sandbox, SandboxCreateParams } from "modal";
import { DistillerError, SandboxError } from "../../errors.ts";
import type { ImageRecipe } from "../image.ts";
import { once } from "../once.ts";
import { createBuildLog } from "./build-log.ts";
import { callModal } from "./call-modal.ts";
import { isNotFound } from "./describe-modal-error.ts";
import { openModalClient } from "./modal-client.ts";
import { type ModalDeadlines, usualDeadlines } from "./modal-deadlines.ts";
import { createSandboxEnds, type SandboxEnd } from "./sandbox-ends.ts";

/** Modal by its own SDK. Each call has a deadline of ours, as the SDK's have none, and ends with our signal. */
export interface ModalConnection {
  /** Names the workspace's side of what we keep there: another token sees other images. */
  readonly account: string;
  readonly deadlines: ModalDeadlines;
  /** Builds the image where Modal does not have it yet; returns its id. */
  buildImage(recipe: ImageRecipe, onProgress: (text: string) => void, signal?: AbortSignal): Promise<string>;
  createSandbox(imageId: string, params: SandboxCreateParams, signal?: AbortSignal): Promise<Sandbox>;
  /** The first word to Modal: throws SandboxError where it does not accept us, or does not answer. */
  greet(signal?: AbortSignal): Promise<void>;
  /** Running sandboxes of our app with all these tags. */
  listSandboxes(tags: Record<string, string>, signal?: AbortSignal): Promise<Sandbox[]>;
  /** All tags of a sandbox; null where it is gone. */
  readTags(sandbox: Sandbox, signal?: AbortSignal): Promise<Record<string, string> | null>;
  /** How a sandbox ended, asked of Modal now; null where it runs, or nobody can tell. */
  findEnd(sandbox: Sandbox): Promise<SandboxEnd | null>;
  /** Ends a sandbox; one that is gone already is no error. */
  endSandbox(sandbox: Sandbox, signal?: AbortSignal): Promise<void>;
  removeImage(imageId: string, signal?: AbortSignal): Promise<void>;
  /** Ends calls that are still under way, so that none keeps the process alive. */
  close(): Promise<void>;
}

/** How often the end of a sandbox is asked for, and the pauses between, in milliseconds. */
const endingTries = 12;
const endingPauseMs = 250;

export interface ConnectOptions {
  /** Sandboxes and images are kept together under this name. */
  appName: string;
  deadlines?: Partial<ModalDeadlines> | undefined;
}

export async function connectToModal({ appName, ...options }: ConnectOptions): Promise<ModalConnection> {
  const deadlines = { ...usualDeadlines, ...options.deadlines };
  const { shortMs, createMs, buildMs } = deadlines;
  const log = createBuildLog();
  const ends = createSandboxEnds();
  const { client, close } = await openModalClient([log.middleware, ends.middleware]);
  /** What comes to be although nobody waits for it any more is ended then. */
  const unwanted = new Set<Promise<unknown>>();
  const soon = <Result>(what: string, action: () => Promise<Result>, signal?: AbortSignal) =>
    callModal({ what, deadlineMs: shortMs, signal }, action);
  const openApp = once((signal) =>
    soon("a look at the app", () => client.apps.fromName(appName, { createIfMissing: true }), signal),
  );

  function endWhenMade(creating: Promise<Sandbox>): void {
    const ending = creating.then((sandbox) => sandbox.terminate()).catch(() => undefined);
    unwanted.add(ending);
    ending.then(() => unwanted.delete(ending));
  }

  return {
    account: nameAccount(client),
    deadlines,
    async buildImage({ base, commands }, onProgress, signal) {
      const from = client.images.fromRegistry(base);
      const image = commands.length > 0 ? from.dockerfileCommands([...commands]) : from;
      using _listening = log.listen(onProgress);
      const app = await openApp(signal);
      const call = { what: "the build of the image", deadlineMs: buildMs, signal };
      try {
        return (await callModal(call, () => image.build(app))).imageId;
      } catch (error) {
        throw describeBuildFailure(error, base, log.text());
      }
    },
    async createSandbox(imageId, params, signal) {
      const app = await openApp(signal);
      const creating = (async () => {
        const image: Image = await client.images.fromId(imageId);
        return client.sandboxes.create(app, image, params);
      })();
      try {
        return await callModal({ what: "the start of a sandbox", deadlineMs: createMs, signal }, () => creating);
      } catch (error) {
        endWhenMade(creating);
        throw error;
      }
    },
    async greet(signal) {
      await openApp(signal);
    },
    async listSandboxes(tags, signal) {
      const { appId } = await openApp(signal);
      return soon("the list of sandboxes", () => collect(client.sandboxes.list({ appId, tags })), signal);
    },
    async readTags(sandbox, signal) {
      return (await soon("the tags of a sandbox", () => sandbox.getTags().catch(passOver), signal)) ?? null;
    },
    async findEnd(sandbox) {
      // The end of a sandbox may be known a moment later than that of what ran in it.
      for (let tries = 0; tries < endingTries; tries += 1) {
        const answer = await soon("a look at a sandbox", () => sandbox.poll()).catch(() => "unknown");
        if (answer !== null) return answer === "unknown" ? null : ends.endOf(sandbox.sandboxId);
        await sleep(endingPauseMs);
      }
      return null;
    },
    async endSandbox(sandbox, signal) {
      await soon("the end of a sandbox", () => sandbox.terminate().catch(passOver), signal);
    },
    async removeImage(imageId, signal) {
      await soon("the removal of an image", () => client.images.delete(imageId).catch(passOver), signal);
    },
    async close() {
      const over = new AbortController();
      const late = sleep(deadlines.lateMs, undefined, { signal: over.signal }).catch(() => undefined);
      await Promise.race([Promise.all(unwanted), late]);
      over.abort();
      close();
    },
  };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** For what is gone meanwhile; throws any other error. */
function passOver(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

function describeBuildFailure(error: unknown, base: string, log: string): unknown {
  if (!(error instanceof DistillerError) || !/^sandbox-(failed|settings)$/.test(error.code)) return error;
  return new SandboxError({
    code: "sandbox-image",
    userMessage: `Modal could not build the image from ${base}: ${log.split("\n").at(-1)?.slice(0, 300) || error.userMessage}`,
    cause: `${error.userMessage}\n${log}`,
  });
}

/** Without the token itself: names of folders are no place for secrets. */
function nameAccount({ profile }: ModalClient): string {
  const { serverUrl, environment = "", tokenId = "" } = profile as unknown as Record<string, string | undefined>;
  return createHash("sha256").update([serverUrl, environment, tokenId].join("\n")).digest("hex").slice(0, 12);
}
