import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createModalProvider, type ModalProviderOptions } from "../../src/sandboxes/modal.ts";
import { passThroughEnvironment } from "../../src/sandboxes/pass-through-environment.ts";
import { describeSandboxContract } from "../contracts/sandbox-contract.ts";
import { type ModalServer, startModalServer } from "../support/modal-server/modal-server.ts";
import { sandboxImage } from "../support/sandbox-image.ts";

const image = await sandboxImage();
const folder = mkdtempSync(join(tmpdir(), "modal-provider-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(image !== null)("at Modal", () => {
  let server: ModalServer;
  beforeAll(async () => {
    server = await startModalServer({ rootfs: image?.rootfs ?? "" });
    Object.assign(process.env, server.environment);
  });
  afterAll(async () => {
    for (const name of Object.keys(server.environment)) delete process.env[name];
    server.expectNoViolations();
    await server[Symbol.asyncDispose]();
  });

  const usual = {
    image: { base: "ubuntu:24.04", commands: [] },
    cpuCores: 2,
    gpu: null,
    egressDomains: null,
    lifetimeMs: 600_000,
    stateFolder: join(folder, "state"),
    passEnvironment: passThroughEnvironment(process.env).variables,
  };

  function makeProvider(options: Partial<ModalProviderOptions> = {}) {
    return createModalProvider({ ...usual, ...options });
  }

  describeSandboxContract({
    name: "the Modal provider",
    makeProvider,
    elsewhere: { module: "modal.ts", maker: "createModalProvider", options: usual },
    can: { isolated: true, readOnly: true, processes: true, daemons: true, hostLoopback: true },
  });
});
