import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { EmulatedSandbox } from "./emulated-sandbox.ts";
import type { Faults } from "./faults.ts";
import { GrpcError } from "./grpc-error.ts";
import type { ImageStore } from "./image-store.ts";
import type { SandboxDefinition, SandboxTag } from "./protocol.ts";

interface CreateEmulatedSandbox {
  /** Those of the older calls have another form of id; clients tell them apart by it. */
  version: 1 | 2;
  appId: string;
  definition: SandboxDefinition | null;
  tags: readonly SandboxTag[];
  environment: Record<string, string>;
}

export interface SandboxStore {
  /** All that ever were, in the order of their making. */
  readonly all: readonly EmulatedSandbox[];
  create(options: CreateEmulatedSandbox): Promise<EmulatedSandbox>;
  get(sandboxId: string): EmulatedSandbox;
  getByTask(taskId: string): EmulatedSandbox;
  endAll(): Promise<void>;
}

export function createSandboxStore(options: { folder: string; images: ImageStore; faults: Faults }): SandboxStore {
  const { folder, images, faults } = options;
  const all: EmulatedSandbox[] = [];
  let lastCreation = 0;

  async function create({ version, appId, definition, tags, environment }: CreateEmulatedSandbox) {
    if (definition === null) throw new GrpcError("INVALID_ARGUMENT", "There is no definition.");
    const { name } = definition;
    if (name && all.some((other) => other.name === name && other.appId === appId && isRunning(other))) {
      throw new GrpcError("ALREADY_EXISTS", `Sandbox with name '${name}' already exists`);
    }
    // Lists are paged by it.
    lastCreation = Math.max(Date.now() / 1000, lastCreation + 0.001);
    const sandbox = new EmulatedSandbox({
      id: `sb-${randomBytes(version === 1 ? 11 : 13).toString("hex")}`,
      taskId: `ta-${randomBytes(11).toString("hex")}`,
      appId,
      definition,
      tags: readTags(tags),
      image: images.get(definition.imageId),
      environment,
      folder: join(folder, `sandbox-${all.length}`),
      createdAt: lastCreation,
    });
    all.push(sandbox);
    const death = faults.take("dies-before-start");
    if (death) sandbox.die(death.exception);
    else await sandbox.start();
    return sandbox;
  }

  function find(what: string, matches: (sandbox: EmulatedSandbox) => boolean): EmulatedSandbox {
    const found = all.find((sandbox) => matches(sandbox) && !sandbox.forgotten);
    if (found === undefined) throw new GrpcError("NOT_FOUND", `${what} not found.`);
    return found;
  }

  return {
    all,
    create,
    get: (sandboxId) => find(`Sandbox ${sandboxId}`, ({ id }) => id === sandboxId),
    getByTask: (taskId) => find(`Task ${taskId}`, (sandbox) => sandbox.taskId === taskId),
    async endAll() {
      await Promise.all(all.map((sandbox) => sandbox.breakDown("terminated")));
    },
  };
}

export function isRunning({ result, forgotten }: EmulatedSandbox): boolean {
  return result === undefined && !forgotten;
}

export function readTags(tags: readonly SandboxTag[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ tagName, tagValue }) => [tagName, tagValue]));
}

export function writeTags(tags: Record<string, string>): SandboxTag[] {
  return Object.entries(tags).map(([tagName, tagValue]) => ({ tagName, tagValue }));
}
