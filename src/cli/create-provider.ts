import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import type { Config } from "../config.ts";
import { CancelledError, DistillerError, SandboxError } from "../errors.ts";
import type { ProviderRequest } from "../jobs/run-job.ts";
import { createContainerProvider } from "../sandboxes/container.ts";
import { defaultImage } from "../sandboxes/image.ts";
import { createLocalProvider } from "../sandboxes/local.ts";
import { createModalProvider } from "../sandboxes/modal.ts";
import { passThroughEnvironment } from "../sandboxes/pass-through-environment.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import { stateFolderOf, type Terminal } from "./terminal.ts";

export interface CreateProviderOptions extends ProviderRequest {
  config: Config;
  terminal: Terminal;
  /** Whose run it is. */
  tenant: string;
  /** Tells a person what has to be known before anything runs. */
  warn: (text: string) => void;
}

/**
 * The provider that a configuration asks for. Throws SandboxError with what to do where it cannot be had; another one
 * is taken only for `auto`, and never one without isolation.
 */
export async function createProvider(options: CreateProviderOptions): Promise<SandboxProvider> {
  const { config, dryRun, warn } = options;
  // A plan runs nothing, so it needs no isolation to describe the machine.
  if (dryRun) return createLocal(options, "none");
  switch (config.sandbox) {
    case "auto":
      return chooseProvider(options);
    case "modal":
      return createModal(options);
    case "container":
      return createContainer(options);
    case "local":
      return createLocal(options, "bubblewrap");
    case "none":
      warn(
        "WARNING: --sandbox none runs the repository's code on this machine without isolation, as your own account. Only for code you trust.",
      );
      return createLocal(options, "none");
  }
}

/** Modal where its tokens are set, else a container, else bubblewrap, each only if it works; says why. */
async function chooseProvider(options: CreateProviderOptions): Promise<SandboxProvider> {
  const { terminal, warn } = options;
  const tokens = findModalTokens(terminal);
  if (tokens !== null) return because(await createModal(options), tokens);
  const problems: string[] = [];
  for (const [kind, create] of [
    ["container", () => createContainer(options)],
    ["local", () => createLocal(options, "bubblewrap")],
  ] as const) {
    try {
      const provider = await create();
      // What an engine cannot fetch or start is known when it has been asked to.
      await provider.describe(terminal.signal);
      const reasons = ["no Modal token is set", ...problems];
      return because(provider, reasons.join("; "));
    } catch (error) {
      if (!(error instanceof DistillerError) || error instanceof CancelledError) throw error;
      problems.push(`${kind}: ${error.userMessage.replace(/\.$/, "")}`);
      if (kind === "container" && error.code !== "sandbox-unavailable") warn(error.userMessage);
    }
  }
  throw new SandboxError({
    code: "sandbox-unavailable",
    userMessage: [
      "There is nowhere to run programs apart from this machine. Do one of these:",
      "  set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET (https://modal.com),",
      "  install Podman or Docker, or install bubblewrap (apt-get install bubblewrap),",
      "  or, for code you trust only, --sandbox none.",
      ...problems.map((problem) => `  (${problem})`),
    ].join("\n"),
  });
}

function because(provider: SandboxProvider, chosenBecause: string): SandboxProvider {
  return { ...provider, chosenBecause };
}

const ModalFile = z.record(z.string(), z.looseObject({ token_id: z.string().optional() }));

/** Where Modal's tokens were found, in words; null where there are none. They themselves are left to Modal's SDK. */
function findModalTokens({
  environment,
  homeFolder,
}: Pick<Terminal, "environment" | "homeFolder">): string | null {
  if (environment.MODAL_TOKEN_ID && environment.MODAL_TOKEN_SECRET)
    return "MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are set";
  const file = environment.MODAL_CONFIG_PATH || join(homeFolder, ".modal.toml");
  if (!existsSync(file)) return null;
  try {
    const profiles = ModalFile.safeParse(parseToml(readFileSync(file, "utf8"))).data ?? {};
    return Object.values(profiles).some(({ token_id }) => token_id) ? `${file} holds a token` : null;
  } catch {
    return null;
  }
}

function createModal(options: CreateProviderOptions): Promise<SandboxProvider> {
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

function createContainer(options: CreateProviderOptions): Promise<SandboxProvider> {
  const { config, runId, tenant } = options;
  return createContainerProvider({
    ...common(options),
    engine: config.container_engine ?? undefined,
    image: config.sandbox_image ?? defaultImage,
    cpuCores: config.sandbox_cpu_cores,
    environment: options.terminal.environment,
    gpu: config.gpu !== null,
    labels: { ...(runId ? { "codedistiller.run": runId } : {}), "codedistiller.tenant": tenant },
  });
}

function createLocal(options: CreateProviderOptions, isolation: "bubblewrap" | "none"): Promise<SandboxProvider> {
  return createLocalProvider({
    ...common(options),
    isolation,
    hostPath: options.terminal.environment.PATH ?? "/usr/bin:/bin",
  });
}

function common({ terminal, warn, onProgress }: CreateProviderOptions) {
  const passed = passThroughEnvironment(terminal.environment);
  for (const name of passed.dropped) warn(`${name} is not passed to sandboxes, because it holds a password.`);
  return {
    stateFolder: stateFolderOf(terminal),
    passEnvironment: passed.variables,
    onProgress,
    signal: terminal.signal,
  };
}
