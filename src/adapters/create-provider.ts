import type { Config } from "../config.ts";
import { CancelledError, DistillerError, SandboxError } from "../errors.ts";
import type { ProviderRequest } from "../jobs/job.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import { type ConstructOptions, constructContainers, constructLocal, constructModal } from "./construct-provider.ts";
import { findExecutable } from "./find-executable.ts";
import { findModalTokens } from "./find-modal-tokens.ts";

export type CreateProviderOptions = Omit<ConstructOptions, "reapAtStart"> & ProviderRequest;

/**
 * The provider that a configuration asks for. Throws SandboxError with what to do where it cannot be had; another one
 * is taken only for `auto`, and never one without isolation.
 */
export async function createProvider(options: CreateProviderOptions): Promise<SandboxProvider> {
  const { config, dryRun, warn } = options;
  // A plan runs nothing, so it needs no isolation to describe the machine.
  if (dryRun) return constructLocal(options, "none");
  switch (config.sandbox) {
    case "auto":
      return chooseProvider(options);
    case "modal":
      return constructModal(options);
    case "container":
      refuseEgressDomains(config);
      return constructContainers(options);
    case "local":
    case "none": {
      refuseEgressDomains(config);
      const unused = settingsGiven(config, ["sandbox_image", "container_engine", "gpu"]);
      if (unused.length > 0) warn(`${unused.join(", ")}: not used where the sandbox is ${config.sandbox}.`);
      if (config.sandbox === "local") return constructLocal(options, "bubblewrap");
      warn(
        "WARNING: --sandbox none runs the repository's code on this machine without isolation, as your own account. Only for code you trust.",
      );
      return constructLocal(options, "none");
    }
  }
}

/** Modal where its tokens are set, else a container, else bubblewrap, each only if it works; says why. */
async function chooseProvider(options: CreateProviderOptions): Promise<SandboxProvider> {
  const { config, host, warn } = options;
  const tokens = findModalTokens(host);
  if (tokens !== null) return because(await constructModal(options).catch(adviseAnother), tokens);
  const problems: string[] = [];
  for (const [kind, construct] of [
    ["container", () => constructContainers(options)],
    ["local", () => constructLocal(options, "bubblewrap")],
  ] as const) {
    if (config.egress_domains !== null) {
      problems.push(`${kind}: it cannot hold egress_domains`);
      continue;
    }
    const asked = settingsGiven(config, ["sandbox_image", "container_engine"]);
    if (kind === "local" && asked.length > 0) {
      problems.push(`local: it knows no ${asked.join(" and no ")}`);
      continue;
    }
    const engines = config.container_engine === null ? (["docker", "podman"] as const) : [config.container_engine];
    if (kind === "container" && engines.every((name) => findExecutable(name, host) === null)) {
      problems.push(`${engines.join(" and ")}: not installed`);
      continue;
    }
    try {
      return because(await proven(await construct(), host.signal), ["no Modal token is set", ...problems].join("; "));
    } catch (error) {
      if (!(error instanceof DistillerError) || error instanceof CancelledError) throw error;
      // Whoever named the image or the engine has to mend that, not to look elsewhere.
      if (asked.length > 0) throw error;
      if (kind === "container" && error.code !== "sandbox-unavailable") warn(error.userMessage);
      problems.push(`${kind}: ${shorten(error.userMessage)}`);
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

/** Who bounds the network for safety must not get a sandbox without that bound. */
function refuseEgressDomains({ sandbox, egress_domains }: Config): void {
  if (egress_domains === null) return;
  throw new SandboxError({
    code: "sandbox-settings",
    userMessage: `egress_domains can be held by Modal only, not where the sandbox is ${sandbox}: use --sandbox modal, or leave it away.`,
  });
}

/** The beginning of a message, for a line among others: as many of its whole clauses as fit. */
function shorten(message: string): string {
  const [line = ""] = message.split("\n");
  if (line.length <= longestReason) return line.replace(/\.$/, "");
  const start = line.slice(0, longestReason);
  const end = Math.max(start.lastIndexOf(": "), start.lastIndexOf(". "));
  return end > 0 ? start.slice(0, end) : `${start.trimEnd()}…`;
}

const longestReason = 140;

/** Those of some keys of the configuration that somebody gave. */
function settingsGiven<Key extends keyof Config>(config: Config, keys: readonly Key[]): Key[] {
  return keys.filter((key) => config[key] !== null);
}

/** What an engine cannot fetch or start is known when it has been asked to. */
async function proven(provider: SandboxProvider, signal: AbortSignal): Promise<SandboxProvider> {
  try {
    await provider.describe(signal);
    return provider;
  } catch (error) {
    await provider[Symbol.asyncDispose]();
    throw error;
  }
}

/** Tokens that are set are meant: nothing else is taken in silence where Modal does not work. */
function adviseAnother(error: unknown): never {
  if (!(error instanceof SandboxError)) throw error;
  const { code, userMessage, retryable } = error;
  throw new SandboxError({
    code,
    userMessage: `${userMessage} Without Modal: --sandbox container, or --sandbox local.`,
    retryable,
    cause: error,
  });
}

function because(provider: SandboxProvider, chosenBecause: string): SandboxProvider {
  return { ...provider, chosenBecause };
}
