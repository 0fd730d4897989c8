import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe } from "vitest";
import { type ContainerProviderOptions, createContainerProvider } from "../../src/sandboxes/container.ts";
import { passThroughEnvironment } from "../../src/sandboxes/pass-through-environment.ts";
import { describeSandboxContract } from "../contracts/sandbox-contract.ts";
import { containerImage } from "../support/sandbox-image.ts";

const image = (await containerImage()) ?? "";
const folder = mkdtempSync(join(tmpdir(), "container-provider-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const usual = {
  image,
  stateFolder: join(folder, "state"),
  passEnvironment: passThroughEnvironment(process.env).variables,
  cpuCores: 2,
  gpu: false,
};

function makeProvider(options: Partial<ContainerProviderOptions> = {}) {
  return createContainerProvider({ ...usual, environment: process.env, ...options });
}

describe.runIf(image !== "")("in containers", () => {
  describeSandboxContract({
    name: "the container provider",
    makeProvider,
    elsewhere: { module: "container.ts", maker: "createContainerProvider", options: { ...usual, environment: null } },
    can: { isolated: true, readOnly: true, processes: true, daemons: true, hostLoopback: false },
  });
});
