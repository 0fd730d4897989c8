import { SandboxError } from "../../errors.ts";
import { formatDockerfile, hashRecipe, type ImageRecipe } from "../image.ts";
import { type ContainerEngine, type EngineAnswer, type EngineCallOptions, lastLine } from "./container-engine.ts";
import { findRuntime } from "./find-run-flags.ts";

/** Fetching or building an image may take so long, in milliseconds. */
const imageMs = 60 * 60_000;

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
  const name = nameImage(image);
  const id = await findImage(engine, name, signal);
  if (id !== null) return { name, id };
  const tell = (line: string) => onProgress(line.slice(0, 200));
  tell(typeof image === "string" ? `fetching the image ${name}` : `building the image ${name}, once; it takes minutes`);
  const call = { timeoutMs: imageMs, onLine: tell, signal };
  const answer =
    typeof image === "string" ? await engine.run(["pull", name], call) : await build(engine, name, image, call);
  const made = answer.worked ? await findImage(engine, name, signal) : null;
  if (made !== null) return { name, id: made };
  throw new SandboxError({
    code: "sandbox-image",
    userMessage: `${engine.name} could not ${typeof image === "string" ? "fetch" : "build"} the image ${name}: ${lastLine(answer.stderr)}. Name another by sandbox_image, or fetch it by your own means.`,
    // Engines try again by themselves; a name that is wrong stays wrong.
    cause: answer.stderr.slice(-8_000),
  });
}

/** Podman builds by the same means that it runs containers by, and the usual one may not work on this machine. */
async function build(
  engine: ContainerEngine,
  name: string,
  recipe: ImageRecipe,
  call: EngineCallOptions,
): Promise<EngineAnswer> {
  let runtime: readonly string[] = [];
  if (engine.name === "podman") {
    if ((await findImage(engine, recipe.base, call.signal)) === null) {
      const fetched = await engine.run(["pull", recipe.base], call);
      if (!fetched.worked) return fetched;
    }
    runtime = await findRuntime(engine, recipe.base, call.signal);
  }
  return engine.run([...runtime, "build", "--tag", name, "-"], { ...call, input: formatDockerfile(recipe) });
}

/** The name of an image, or the one that is given to what is built. */
export function nameImage(image: string | ImageRecipe): string {
  return typeof image === "string" ? image : `codedistiller-sandbox:${hashRecipe(image)}`;
}

/** What names an image's contents; null where the engine does not have it. */
export async function findImage(engine: ContainerEngine, name: string, signal?: AbortSignal): Promise<string | null> {
  const answer = await engine.run(["image", "inspect", "--format", "{{.Id}}", name], { signal });
  return answer.worked ? answer.stdout.trim() : null;
}
