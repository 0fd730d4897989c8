import { createHash, randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildLayer, parentState } from "./build-layer.ts";
import type { EmulatedSandbox } from "./emulated-sandbox.ts";
import type { Faults } from "./faults.ts";
import { GrpcError } from "./grpc-error.ts";
import type { ImageDefinition } from "./protocol.ts";

/** What a sandbox starts with. */
export interface BuiltImage {
  id: string;
  /** Folders, the topmost first. */
  layers: string[];
  environment: Record<string, string>;
  workingFolder: string;
}

export interface ImageBuild {
  id: string;
  status: "building" | "built" | "failed";
  log: string[];
  exception: string;
  /** Resolves at the next line of the log and at the end. */
  change: Promise<void>;
}

export interface ImageStoreOptions {
  rootfs: string;
  /** For the layers of this server. */
  folder: string;
  /** Where layers that were built are kept for the next server. */
  layerCache: string | undefined;
  faults: Faults;
}

/** Images as chains of layers above one root file system, whatever the name in the registry. */
export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #images = new Map<string, BuiltImage & { expires: number }>();
  readonly #builds = new Map<string, ImageBuild>();
  readonly #snapshots = new Map<string, Promise<BuiltImage>>();
  readonly #hostLayer: string;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#hostLayer = join(options.folder, "host");
    for (const path of ["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"]) {
      if (!existsSync(path)) continue;
      mkdirSync(join(this.#hostLayer, dirname(path)), { recursive: true });
      cpSync(path, join(this.#hostLayer, path), { dereference: true });
    }
    mkdirSync(join(options.folder, "layers"), { recursive: true });
  }

  get ids(): string[] {
    return [...this.#images.keys()];
  }

  get(id: string): BuiltImage {
    const image = this.#images.get(id);
    if (image === undefined || image.expires < Date.now()) throw new GrpcError("NOT_FOUND", `Image ${id} not found.`);
    return image;
  }

  remove(id: string): void {
    this.get(id);
    this.#images.delete(id);
    this.#builds.delete(id);
  }

  build(id: string): ImageBuild {
    const build = this.#builds.get(id);
    if (build === undefined) throw new GrpcError("NOT_FOUND", `Image ${id} not found.`);
    return build;
  }

  /** The same commands on the same base are the same image; one that failed is built again. */
  ensure(definition: ImageDefinition, secrets: Record<string, string>, force: boolean): ImageBuild {
    const base = definition.baseImages.map(({ imageId, dockerTag }) => ({ dockerTag, image: this.get(imageId) }))[0];
    const parent = base?.image ?? { ...parentState, layers: [this.#hostLayer, this.#options.rootfs] };
    const identity = [base?.image.id ?? this.#options.rootfs, definition.dockerfileCommands, secrets];
    const hash = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 22);
    const id = force ? newImageId() : `im-${hash}`;
    const known = this.#builds.get(id);
    if (known !== undefined && known.status !== "failed") return known;
    const steps = { change: Promise.withResolvers<void>() };
    const build: ImageBuild = { id, status: "building", log: [], exception: "", change: steps.change.promise };
    const changed = (): void => {
      const { resolve } = steps.change;
      steps.change = Promise.withResolvers();
      build.change = steps.change.promise;
      resolve();
    };
    const log = (line: string): void => {
      build.log.push(line);
      changed();
    };
    this.#builds.set(id, build);
    const { folder, layerCache, faults } = this.#options;
    buildLayer({ id, definition, parent, secrets, folder, layerCache: force ? undefined : layerCache, faults, log })
      .then((image) => {
        this.#images.set(id, { ...image, expires: Number.POSITIVE_INFINITY });
        build.status = "built";
      })
      .catch((error: unknown) => {
        build.exception = error instanceof Error ? error.message : String(error);
        build.status = "failed";
      })
      .finally(changed);
    return build;
  }

  /** Asked for again under the same name, it is the same image. */
  snapshot(options: { sandbox: EmulatedSandbox; snapshotId: string; ttlSeconds: number }): Promise<BuiltImage> {
    const known = this.#snapshots.get(options.snapshotId);
    if (known !== undefined) return known;
    const making = this.#copySnapshot(options);
    this.#snapshots.set(options.snapshotId, making);
    making.catch(() => this.#snapshots.delete(options.snapshotId));
    return making;
  }

  async #copySnapshot({ sandbox, ttlSeconds }: { sandbox: EmulatedSandbox; ttlSeconds: number }): Promise<BuiltImage> {
    const id = newImageId();
    const layer = join(this.#options.folder, "layers", id);
    await sandbox.place.copyUpper(layer);
    const { layers, environment, workingFolder } = sandbox.image;
    const image = { id, layers: [layer, ...layers], environment, workingFolder };
    const expires = ttlSeconds < 0 ? Number.POSITIVE_INFINITY : Date.now() + ttlSeconds * 1000;
    this.#images.set(id, { ...image, expires });
    return image;
  }
}

function newImageId(): string {
  return `im-${randomBytes(11).toString("hex")}`;
}
