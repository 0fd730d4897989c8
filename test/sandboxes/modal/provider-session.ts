import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModalProvider, type ModalProviderOptions } from "../../../src/sandboxes/modal.ts";
import type {
  CommandResult,
  CreateSandboxOptions,
  RunCommandOptions,
  Sandbox,
  SandboxProvider,
} from "../../../src/sandboxes/sandbox.ts";
import type { EmulatedSandbox } from "../../support/modal-server/emulated-sandbox.ts";
import { type ModalServer, startModalServer } from "../../support/modal-server/modal-server.ts";

/** A server, whose settings are in this process's environment meanwhile, and providers that use it. */
export interface ProviderSession extends AsyncDisposable {
  server: ModalServer;
  /** Holds what providers remember, and files of the test's own. */
  folder: string;
  make(options?: Partial<ModalProviderOptions>): Promise<SandboxProvider>;
  /** Sandboxes that run. */
  running(): EmulatedSandbox[];
  /** How often a method was called. */
  countCalls(method: RegExp): number;
  /** Disposes of all providers; throws where sandboxes are left, or faults that did not happen. */
  reset(): Promise<void>;
}

export async function openProviderSession(rootfs: string): Promise<ProviderSession> {
  const folder = mkdtempSync(join(tmpdir(), "modal-session-"));
  const server = await startModalServer({ rootfs, folder });
  Object.assign(process.env, server.environment);
  const providers: SandboxProvider[] = [];
  const running = () => server.sandboxes.filter(({ result, forgotten }) => result === undefined && !forgotten);
  return {
    server,
    folder,
    running,
    async make(options) {
      const provider = await createModalProvider({ ...providerOptions(join(folder, "state")), ...options });
      providers.push(provider);
      return provider;
    },
    countCalls: (method) => server.calls.filter((call) => method.test(call.method)).length,
    async reset() {
      for (const provider of providers.splice(0)) await provider[Symbol.asyncDispose]();
      const left = running().map(({ id }) => id);
      await Promise.all(running().map((sandbox) => sandbox.breakDown("terminated")));
      const planned = server.faults.pending;
      server.faults.clear();
      server.expectNoViolations();
      if (left.length > 0) throw new Error(`Sandboxes are left: ${left.join(", ")}`);
      if (planned.length > 0) throw new Error(`Did not happen: ${JSON.stringify(planned)}`);
    },
    async [Symbol.asyncDispose]() {
      for (const name of Object.keys(server.environment)) delete process.env[name];
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function providerOptions(stateFolder: string): ModalProviderOptions {
  return {
    image: { base: "ubuntu:24.04", commands: [] },
    cpuCores: 2,
    gpu: null,
    egressDomains: null,
    lifetimeMs: 600_000,
    stateFolder,
    passEnvironment: {},
  };
}

/** What a sandbox of these tests is given. */
export const usual: CreateSandboxOptions = {
  network: "none",
  limits: { memoryMb: 512, processes: 64, diskMb: 200 },
};

export function run(
  sandbox: Sandbox,
  argv: [string, ...string[]],
  options: Partial<RunCommandOptions> = {},
): Promise<CommandResult> {
  return sandbox.run({ argv, cwd: "/work", timeoutMs: 30_000, ...options });
}

export function shell(sandbox: Sandbox, script: string): Promise<CommandResult> {
  return run(sandbox, ["sh", "-c", script]);
}
