import type { Config } from "../config.ts";
import type { EngineName } from "../sandboxes/container/container-engine.ts";
import { createContainerProvider } from "../sandboxes/container.ts";
import { defaultImage } from "../sandboxes/image.ts";
import { createLocalProvider } from "../sandboxes/local.ts";
import { createModalProvider } from "../sandboxes/modal.ts";
import { passThroughEnvironment } from "../sandboxes/pass-through-environment.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import { type Host, stateFolderOf } from "./host.ts";

export interface ConstructOptions {
  config: Config;
  host: Host;
  /** Whose run it is. */
  tenant: string;
  /** Null outside of runs. */
  runId: string | null;
  onProgress: (text: string) => void;
  /** Tells a person what has to be known before anything runs. */
  warn: (text: string) => void;
  /** False: what dead runs left is not looked for now. */
  reapAtStart?: boolean;
}

export function constructModal(options: ConstructOptions): Promise<SandboxProvider> {
  const { config, runId, tenant } = options;
  const stepMs = config.max_runtime_mins * 60_000;
  return createModalProvider({
    ...common(options),
    image: config.sandbox_image === null ? defaultImage : { base: config.sandbox_image, commands: [] },
    cpuCores: config.sandbox_cpu_cores,
    gpu: config.gpu,
    egressDomains: config.egress_domains,
    // The clean room has twice the time; Modal's own bound is a day.
    lifetimeMs: Math.min(2 * stepMs + 30 * 60_000, 24 * 3600_000),
    tags: { ...(runId ? { run: runId } : {}), tenant },
  });
}

export function constructContainers(
  options: ConstructOptions,
  engine: EngineName | null = options.config.container_engine,
): Promise<SandboxProvider> {
  const { config, runId, tenant } = options;
  return createContainerProvider({
    ...common(options),
    engine: engine ?? undefined,
    image: config.sandbox_image ?? defaultImage,
    cpuCores: config.sandbox_cpu_cores,
    environment: options.host.environment,
    gpu: config.gpu !== null,
    labels: { ...(runId ? { "codedistiller.run": runId } : {}), "codedistiller.tenant": tenant },
  });
}

export function constructLocal(options: ConstructOptions, isolation: "bubblewrap" | "none"): Promise<SandboxProvider> {
  return createLocalProvider({
    ...common(options),
    isolation,
    hostPath: options.host.environment.PATH ?? "/usr/bin:/bin",
  });
}

function common({ host, warn, onProgress, reapAtStart = true }: ConstructOptions) {
  const passed = passThroughEnvironment(host.environment);
  for (const name of passed.dropped) warn(`${name} is not passed to sandboxes, because it holds a password.`);
  return {
    stateFolder: stateFolderOf(host),
    passEnvironment: passed.variables,
    onProgress,
    signal: host.signal,
    reapAtStart,
  };
}
