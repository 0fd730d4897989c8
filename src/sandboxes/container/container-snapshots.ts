import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SandboxError } from "../../errors.ts";
import { checkSnapshotKey } from "../snapshots.ts";
import { type ContainerEngine, lastLine } from "./container-engine.ts";
import { findImage } from "./container-images.ts";
import { createdLabel } from "./container-machine.ts";

const commitMs = 20 * 60_000;
const repository = "codedistiller-snapshot";

/** Snapshots of environments as images of the engine; a file for each says when it was used last, which no engine tells. */
export interface ContainerSnapshots {
  imageOf(key: string): string;
  has(key: string): Promise<boolean>;
  save(container: string, key: string, signal?: AbortSignal): Promise<void>;
  remove(key: string): Promise<void>;
  /** All that are ours: those of other state folders count from when they were made. */
  list(): Promise<Array<{ key: string; unusedMs: number }>>;
}

export function createContainerSnapshots(engine: ContainerEngine, folder: string): ContainerSnapshots {
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
    async has(key) {
      const there = (await findImage(engine, imageOf(key))) !== null;
      if (there) await note(key, new Date());
      return there;
    },
    async save(container, key, signal) {
      await note(key, new Date());
      const label = `LABEL ${createdLabel}=${new Date().toISOString()}`;
      const argv = ["commit", "--change", label, container, imageOf(key)];
      const answer = await engine.run(argv, { timeoutMs: commitMs, signal });
      if (!answer.worked)
        throw new SandboxError({
          code: "snapshot-failed",
          userMessage: `The environment could not be kept: ${lastLine(answer.stderr)}`,
          retryable: true,
          cause: answer.stderr,
        });
    },
    async remove(key) {
      if (await removeImage(engine, imageOf(key))) {
        await rm(join(folder, key), { force: true });
        return;
      }
      // A sandbox is using it. A name can be taken from it all the same, where it has another, to be removed by later.
      if (key.startsWith(removedPrefix)) return;
      const doomed = `${removedPrefix}${randomBytes(8).toString("hex")}`;
      await engine.run(["tag", imageOf(key), imageOf(doomed)]);
      await engine.run(["rmi", imageOf(key)]);
      await rm(join(folder, key), { force: true });
    },
    async list() {
      const names: string[] = await readdir(folder).catch(() => []);
      const noted = await Promise.all(
        names.map(async (key) => ({ key, unusedMs: Date.now() - (await stat(join(folder, key))).mtimeMs })),
      );
      const others = (await listImages(engine)).filter(({ key }) => !names.includes(key));
      return [...noted, ...others];
    },
  };
}

const removedPrefix = "removed-";

/** Whether it is gone, or never was. */
async function removeImage(engine: ContainerEngine, name: string): Promise<boolean> {
  const answer = await engine.run(["rmi", name]);
  return answer.worked || (await findImage(engine, name)) === null;
}

async function listImages(engine: ContainerEngine): Promise<Array<{ key: string; unusedMs: number }>> {
  const argv = ["images", "--filter", `label=${createdLabel}`, "--format", "{{.Repository}}:{{.Tag}}"];
  const { stdout } = await engine.run(argv);
  const names = stdout.split("\n").filter((name) => /^(localhost\/)?codedistiller-snapshot:[\w.-]+$/.test(name));
  if (names.length === 0) return [];
  const format = `{{index .Config.Labels "${createdLabel}"}} {{join .RepoTags " "}}`;
  const inspected = await engine.run(["image", "inspect", "--format", format, ...names]);
  return inspected.stdout.split("\n").flatMap((line) => {
    const [created = "", ...tags] = line.split(" ");
    const keys = tags.flatMap((tag) => tag.split(`${repository}:`).slice(1));
    const usedAt = (key: string) => (key.startsWith(removedPrefix) ? 0 : Date.parse(created) || Date.now());
    return keys.map((key) => ({ key, unusedMs: Date.now() - usedAt(key) }));
  });
}
