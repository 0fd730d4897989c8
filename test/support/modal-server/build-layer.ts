import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Faults } from "./faults.ts";
import type { BuiltImage } from "./image-store.ts";
import { IsolatedPlace } from "./isolated-place.ts";
import { type Instruction, parseDockerfile } from "./parse-dockerfile.ts";
import type { ImageDefinition } from "./protocol.ts";

export interface BuildLayerOptions {
  id: string;
  definition: ImageDefinition;
  parent: Omit<BuiltImage, "id">;
  /** Variables for the building only. */
  secrets: Record<string, string>;
  folder: string;
  layerCache: string | undefined;
  faults: Faults;
  log: (text: string) => void;
}

/** What an image of a registry has to say of itself. */
export const parentState = {
  environment: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" },
  workingFolder: "/root",
};

/** Runs the commands of one layer in a sandbox with the host's network. Rejects with what Modal would tell as the exception. */
export async function buildLayer(options: BuildLayerOptions): Promise<BuiltImage> {
  const { id, definition, parent, secrets, folder, faults, log, layerCache } = options;
  const planned = faults.take("build-failure");
  if (planned) {
    log(planned.log ?? "");
    throw new Error(planned.exception);
  }
  const instructions = parseDockerfile(definition.dockerfileCommands);
  const image: BuiltImage = { ...parent, id, layers: [...parent.layers] };
  if (!instructions.some(({ kind }) => kind === "run" || kind === "working-folder")) {
    for (const instruction of instructions) applySetting(image, instruction);
    return image;
  }
  const layer = join(layerCache ?? join(folder, "layers"), id);
  const settings = `${layer}.json`;
  if (existsSync(settings)) {
    log(`=> Using cached layer ${id}\n`);
    return { ...image, ...JSON.parse(readFileSync(settings, "utf8")), layers: [layer, ...parent.layers] };
  }
  mkdirSync(dirname(layer), { recursive: true });
  const place = await IsolatedPlace.start({
    folder: join(layerCache ?? folder, `${id}.build-${process.pid}`),
    layers: parent.layers,
    network: "host",
    command: null,
    workingFolder: "/",
    environment: parent.environment,
    memoryMb: buildMemoryMb,
  });
  await using _place = place;
  let cwd = "/";
  for (const instruction of instructions) {
    applySetting(image, instruction);
    const environment = { ...image.environment, ...secrets };
    if (instruction.kind === "run") await runStep(place, instruction.argv, { cwd, environment, log });
    if (instruction.kind === "working-folder") {
      await runStep(place, ["mkdir", "-p", instruction.path], { cwd, environment, log });
      cwd = instruction.path;
    }
  }
  await place.end();
  const { environment, workingFolder } = image;
  // Another server may have been quicker.
  if (!existsSync(layer)) renameSync(place.upper, layer);
  writeFileSync(settings, JSON.stringify({ environment, workingFolder }));
  return { ...image, layers: [layer, ...parent.layers] };
}

const buildMemoryMb = 8192;

function applySetting(image: BuiltImage, instruction: Instruction): void {
  if (instruction.kind === "environment") image.environment = { ...image.environment, ...instruction.variables };
  if (instruction.kind === "working-folder") image.workingFolder = instruction.path;
}

async function runStep(
  place: IsolatedPlace,
  argv: string[],
  { cwd, environment, log }: { cwd: string; environment: Record<string, string>; log: (text: string) => void },
): Promise<void> {
  const text = argv.slice(argv[1] === "-c" ? 2 : 0).join(" ");
  log(`=> RUN ${text}\n`);
  const program = place.enter({ argv, workingFolder: cwd, environment });
  program.stdin.end();
  for (const stream of [program.stdout, program.stderr]) stream.setEncoding("utf8").on("data", log);
  const end = await program.ended;
  if (end !== null && "code" in end && end.code === 0) return;
  const status =
    end === null ? "the builder is gone" : "code" in end ? `exit code ${end.code}` : `signal ${end.signal}`;
  throw new Error(`RUN ${text} failed: ${status}`);
}
