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

function makeProvider(options: Partial<ContainerProviderOptions> = {}) {
  return createContainerProvider({
    image,
    stateFolder: join(folder, "state"),
    passEnvironment: passThroughEnvironment(process.env).variables,
    environment: process.env,
    cpuCores: 2,
    gpu: false,
    ...options,
  });
}

describe.runIf(image !== "")("in containers", () => {
  describeSandboxContract("the container provider", makeProvider, {
    isolated: true,
    readOnly: true,
    processes: true,
    daemons: true,
    hostLoopback: false,
  });
});
