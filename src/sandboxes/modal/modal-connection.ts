import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { App, Image, ModalClient, Sandbox, SandboxCreateParams } from "modal";
import { DistillerError, SandboxError, throwIfCancelled } from "../../errors.ts";
import type { ImageRecipe } from "../image.ts";
import { createBuildLog } from "./build-log.ts";
import { describeModalError, outage } from "./describe-modal-error.ts";
import { createSandboxEnds } from "./sandbox-ends.ts";

/** Modal by its own SDK. Each call has a deadline of ours, as the SDK's have none, and ends with our signal. */
export interface ModalConnection {
  /** Names the workspace's side of what we keep there: another token sees other images. */
  readonly account: string;
  /** Builds the image where Modal does not have it yet; returns its id. */
  buildImage(recipe: ImageRecipe, onProgress: (text: string) => void, signal?: AbortSignal): Promise<string>;
  createSandbox(imageId: string, params: SandboxCreateParams, signal?: AbortSignal): Promise<Sandbox>;
  /** Running sandboxes of our app with all these tags. */
  listSandboxes(tags: Record<string, string>): Promise<Array<{ sandbox: Sandbox; tags: Record<string, string> }>>;
  /** Whether it was ended for want of memory, as far as has been seen. */
  ranOutOfMemory(sandboxId: string): boolean;
  removeImage(imageId: string): Promise<void>;
  call<Result>(what: string, deadlineMs: number, action: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
  close(): void;
}

const shortMs = 60_000;
const createMs = 10 * 60_000;
const buildMs = 60 * 60_000;

/** Sandboxes and images are kept together under a name. */
export async function connectToModal(appName: string): Promise<ModalConnection> {
  // Half a second of start-up that only those pay who use it.
  const { ModalClient, NotFoundError } = await import("modal");
  const log = createBuildLog();
  const ends = createSandboxEnds();
  const client = new ModalClient({ grpcMiddleware: [log.middleware, ends.middleware] });
  let app: Promise<App> | undefined;
  const appOnce = () =>
    (app ??= call("apps.fromName", shortMs, () => client.apps.fromName(appName, { createIfMissing: true })).catch(
      (error: unknown) => {
        app = undefined;
        throw error;
      },
    ));

  async function call<Result>(
    what: string,
    deadlineMs: number,
    action: () => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    throwIfCancelled(signal);
    const ended = new AbortController();
    const watch = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    try {
      return await Promise.race([
        action().catch((error: unknown) => {
          throw describeModalError(error, what);
        }),
        sleep(deadlineMs, undefined, { signal: watch }).then(
          () => {
            throw outage(`${what} did not answer within ${Math.round(deadlineMs / 1000)} s`);
          },
          () => {
            throwIfCancelled(signal);
            return new Promise<never>(() => undefined);
          },
        ),
      ]);
    } finally {
      ended.abort();
    }
  }

  return {
    account: nameAccount(client),
    call,
    async buildImage({ base, commands }, onProgress, signal) {
      const from = client.images.fromRegistry(base);
      const image = commands.length > 0 ? from.dockerfileCommands([...commands]) : from;
      using _listening = log.listen(onProgress);
      const inApp = await appOnce();
      try {
        return (await call("the build of the image", buildMs, () => image.build(inApp), signal)).imageId;
      } catch (error) {
        if (!(error instanceof SandboxError) || error.code !== "sandbox-failed") throw error;
        throw new SandboxError({
          code: "sandbox-image",
          userMessage: `Modal could not build the image from ${base}: ${log.text().split("\n").at(-1)?.slice(0, 300) || error.userMessage}`,
          cause: `${error.userMessage}\n${log.text()}`,
        });
      }
    },
    async createSandbox(imageId, params, signal) {
      const inApp = await appOnce();
      // Cancelled in the middle, it may come to be all the same: whoever waits for it no more ends it.
      const creating = (async () => {
        const image: Image = await client.images.fromId(imageId);
        return client.sandboxes.create(inApp, image, params);
      })();
      try {
        return await call("the start of a sandbox", createMs, () => creating, signal);
      } catch (error) {
        creating.then((sandbox) => sandbox.terminate()).catch(() => undefined);
        throw error;
      }
    },
    async listSandboxes(tags) {
      const { appId } = await appOnce();
      return call("the list of sandboxes", shortMs, async () => {
        const found = [];
        for await (const sandbox of client.sandboxes.list({ appId, tags }))
          found.push({ sandbox, tags: await sandbox.getTags() });
        return found;
      });
    },
    ranOutOfMemory: ends.ranOutOfMemory,
    removeImage: (imageId) =>
      call("the removal of an image", shortMs, () => client.images.delete(imageId)).catch((error: unknown) => {
        if (!(error instanceof DistillerError && error.cause instanceof NotFoundError)) throw error;
      }),
    close: () => client.close(),
  };
}

/** Without the token itself: names of folders are no place for secrets. */
function nameAccount({ profile }: ModalClient): string {
  const { serverUrl, environment = "", tokenId = "" } = profile as unknown as Record<string, string | undefined>;
  return createHash("sha256").update([serverUrl, environment, tokenId].join("\n")).digest("hex").slice(0, 12);
}
