import { randomBytes } from "node:crypto";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SandboxError } from "../../errors.ts";
import { checkSnapshotKey, isSnapshotKey, listNotes, type SnapshotIndex, type SnapshotUse } from "../snapshots.ts";
import { type ContainerEngine, lastLine } from "./container-engine.ts";
import { findImage } from "./container-images.ts";
import { createdLabel, ownerLabel } from "./container-machine.ts";

const commitMs = 20 * 60_000;
const repository = "codedistiller-snapshot";

/** Snapshots of environments as images of the engine; a file for each says when it was used last, which no engine tells. */
export interface ContainerSnapshots extends SnapshotIndex {
  imageOf(key: string): string;
  has(key: string, signal?: AbortSignal): Promise<boolean>;
  save(container: string, key: string, signal?: AbortSignal): Promise<void>;
  /** All that are ours: those of other state folders count from when they were made, and what is replaced as unused. */
  list(signal?: AbortSignal): Promise<SnapshotUse[]>;
}

export interface ContainerSnapshotsOptions {
  engine: ContainerEngine;
  /** Host folder for the notes; made if it is not there. */
  folder: string;
  /** Labels that say whose a container is; a snapshot outlives it, and is not to have them. */
  labels: readonly string[];
}

export function createContainerSnapshots({ engine, folder, labels }: ContainerSnapshotsOptions): ContainerSnapshots {
  const imageOf = (key: string) => {
    checkSnapshotKey(key);
    return `${repository}:${key}`;
  };
  async function note(key: string, usedAt: Date): Promise<void> {
    await mkdir(folder, { recursive: true });
    await utimes(join(folder, key), usedAt, usedAt).catch(async () => {
      await writeFile(join(folder, key), "");
      await utimes(join(folder, key), usedAt, usedAt);
    });
  }
  return {
    imageOf,
    async has(key, signal) {
      const there = (await findImage(engine, imageOf(key), signal)) !== null;
      if (there) await note(key, new Date());
      return there;
    },
    async save(container, key, signal) {
      const replaced = await findImage(engine, imageOf(key), signal);
      await note(key, new Date());
      // A container's labels cannot be left out, only emptied.
      const changes = [
        ...[ownerLabel, ...labels].map((name) => `${name}=`),
        `${createdLabel}=${new Date().toISOString()}`,
      ];
      const argv = ["commit", ...changes.flatMap((change) => ["--change", `LABEL ${change}`]), container, imageOf(key)];
      const answer = await engine.run(argv, { timeoutMs: commitMs, signal });
      if (!answer.worked)
        throw new SandboxError({
          code: "snapshot-failed",
          userMessage: `The environment could not be kept: ${lastLine(answer.stderr)}`,
          retryable: true,
          cause: answer.stderr,
        });
      // Refused where a sandbox is using it, or another snapshot stands on it: nameless, it is found again later.
      if (replaced !== null) await engine.run(["rmi", replaced]).catch(() => undefined);
    },
    async remove(key, signal) {
      if (isNameless(key)) {
        await engine.run(["rmi", key], { signal });
        return;
      }
      if (await removeImage(engine, imageOf(key), signal)) {
        await rm(join(folder, key), { force: true });
        return;
      }
      // A sandbox is using it. A name can be taken from it all the same, where it has another, to be removed by later.
      if (key.startsWith(removedPrefix)) return;
      const doomed = `${removedPrefix}${randomBytes(8).toString("hex")}`;
      await engine.run(["tag", imageOf(key), imageOf(doomed)], { signal });
      await engine.run(["rmi", imageOf(key)], { signal });
      await rm(join(folder, key), { force: true });
    },
    async list(signal) {
      const noted = await listNotes(folder, isSnapshotKey);
      const keys = new Set(noted.map(({ key }) => key));
      return [...noted, ...(await listImages(engine, signal)).filter(({ key }) => !keys.has(key))];
    },
  };
}

const removedPrefix = "removed-";

/** Whether it is gone, or never was. */
async function removeImage(engine: ContainerEngine, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  const answer = await engine.run(["rmi", name], { signal });
  return answer.worked || (await findImage(engine, name, signal)) === null;
}

/** An image whose name another one was given is known by its id, which is no key. */
function isNameless(key: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(key);
}

async function listImages(engine: ContainerEngine, signal: AbortSignal | undefined): Promise<SnapshotUse[]> {
  const argv = ["images", "--filter", `label=${createdLabel}`, "--quiet", "--no-trunc"];
  const ids = new Set((await engine.run(argv, { signal })).stdout.match(/\b[0-9a-f]{64}\b/g));
  if (ids.size === 0) return [];
  const format = `{{.Id}} {{index .Config.Labels "${createdLabel}"}} {{join .RepoTags " "}}`;
  // One that is removed meanwhile makes the command fail; the others are told all the same.
  const inspected = await engine.run(["image", "inspect", "--format", format, ...ids], { signal });
  return inspected.stdout.split("\n").flatMap(readImageLine);
}

function readImageLine(line: string): SnapshotUse[] {
  const [, id, created = "", tags = ""] = /^(?:sha256:)?([0-9a-f]{64}) (\S+) ?(.*)$/.exec(line) ?? [];
  if (id === undefined) return [];
  const ageMs = Date.now() - (Date.parse(created) || Date.now());
  // One that is being made has no name yet.
  if (tags === "") return [{ key: `sha256:${id}`, unusedMs: ageMs > commitMs ? sinceEverMs() : ageMs }];
  const keys = tags.split(" ").flatMap((tag) => /^(?:localhost\/)?codedistiller-snapshot:(.+)$/.exec(tag)?.[1] ?? []);
  return keys.map((key) => ({ key, unusedMs: key.startsWith(removedPrefix) ? sinceEverMs() : ageMs }));
}

/** For what was removed or replaced, and is there only since it was in use then. */
function sinceEverMs(): number {
  return Date.now();
}
