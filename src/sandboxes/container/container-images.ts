import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SandboxError } from "../../errors.ts";
import { formatDockerfile, hashRecipe, type ImageRecipe } from "../image.ts";
import { checkSnapshotKey } from "../snapshots.ts";
import { type ContainerEngine, lastLine } from "./container-engine.ts";
import { createdLabel } from "./container-machine.ts";

/** Fetching or building an image may take so long, in milliseconds. */
const imageMs = 60 * 60_000;
const commitMs = 20 * 60_000;
const snapshotRepository = "codedistiller-snapshot";

export interface PrepareImageOptions {
  engine: ContainerEngine;
  /** The name of an image to take, or what to build one from. */
  image: string | ImageRecipe;
  onProgress: (text: string) => void;
  signal?: AbortSignal | undefined;
}

/** Returns an image that is there, after fetching or building it where it was not; `id` names what it holds. */
export async function prepareImage({
  engine,
  image,
  onProgress,
  signal,
}: PrepareImageOptions): Promise<{ name: string; id: string }> {
  const name = typeof image === "string" ? image : `codedistiller-sandbox:${hashRecipe(image)}`;
  const id = await findImage(engine, name, signal);
  if (id !== null) return { name, id };
  const onLine = (line: string) => onProgress(line.slice(0, 200));
  const call = { timeoutMs: imageMs, onLine, signal };
  onProgress(
    typeof image === "string" ? `fetching the image ${name}` : `building the image ${name}, once; it takes minutes`,
  );
  const answer =
    typeof image === "string"
      ? await engine.run(["pull", name], call)
      : await engine.run(["build", "--tag", name, "-"], { ...call, input: formatDockerfile(image) });
  const made = answer.worked ? await findImage(engine, name, signal) : null;
  if (made !== null) return { name, id: made };
  throw new SandboxError({
    code: "sandbox-image",
    userMessage: `${engine.name} could not ${typeof image === "string" ? "fetch" : "build"} the image ${name}: ${lastLine(answer.stderr)}. Name another by container_image, or fetch it by your own means.`,
    retryable: true,
    cause: answer.stderr.slice(-8_000),
  });
}

async function findImage(engine: ContainerEngine, name: string, signal?: AbortSignal): Promise<string | null> {
  const answer = await engine.run(["image", "inspect", "--format", "{{.Id}}", name], { signal });
  return answer.worked ? answer.stdout.trim() : null;
}

/** Snapshots of environments as images of the engine; a file for each says when it was used last, which no engine tells. */
export interface ContainerSnapshots {
  imageOf(key: string): string;
  has(key: string): Promise<boolean>;
  save(container: string, key: string, signal?: AbortSignal): Promise<void>;
  remove(key: string): Promise<void>;
  /** Those that nobody has used for so long. */
  list(): Promise<Array<{ key: string; unusedMs: number }>>;
}

export function createContainerSnapshots(engine: ContainerEngine, folder: string): ContainerSnapshots {
  const imageOf = (key: string) => {
    checkSnapshotKey(key);
    return `${snapshotRepository}:${key}`;
  };
  async function touch(key: string): Promise<void> {
    const now = new Date();
    await mkdir(folder, { recursive: true });
    await utimes(join(folder, key), now, now).catch(() => writeFile(join(folder, key), ""));
  }
  return {
    imageOf,
    async has(key) {
      const there = (await findImage(engine, imageOf(key))) !== null;
      if (there) await touch(key);
      return there;
    },
    async save(container, key, signal) {
      await touch(key);
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
      await engine.run(["rmi", imageOf(key)]);
      await rm(join(folder, key), { force: true });
    },
    async list() {
      const names = await readdir(folder).catch(() => []);
      return Promise.all(
        names.map(async (key) => ({ key, unusedMs: Date.now() - (await stat(join(folder, key))).mtimeMs })),
      );
    },
  };
}
