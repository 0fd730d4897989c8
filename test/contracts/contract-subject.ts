import type { CommandResult, CreateSandboxOptions, Sandbox, SandboxProvider } from "../../src/sandboxes/sandbox.ts";

/** A provider that is held to the contract. */
export interface ContractSubject {
  name: string;
  makeProvider: () => Promise<SandboxProvider>;
  can: SandboxCapabilities;
  elsewhere: ProviderElsewhere;
}

/** What a provider can hold; a test of something else is left out for it. */
interface SandboxCapabilities {
  /** Nothing of the host is in sight but its system. */
  isolated: boolean;
  /** Folders shown with `readOnly`, and snapshots, cannot be written to. */
  readOnly: boolean;
  /** The number of processes is held down by the kernel. */
  processes: boolean;
  /** Processes that leave their session are ended all the same. */
  daemons: boolean;
  /** With network "full" a program reaches a server on this machine's loopback. */
  hostLoopback: boolean;
}

/** How another process of ours makes the same provider. */
export interface ProviderElsewhere {
  /** Below src/sandboxes, for example `local.ts`. */
  module: string;
  /** The function of the module, for example `createLocalProvider`. */
  maker: string;
  /** As JSON; the environment is handed on as it is, and can be asked for by `environment: null`. */
  options: Readonly<Record<string, unknown>> & { stateFolder: string };
}

/** What the parts of the contract share. */
export interface ContractTools {
  provider: () => SandboxProvider;
  create: (options?: Partial<CreateSandboxOptions>) => Promise<Sandbox>;
  can: SandboxCapabilities;
  /** It stands in our environment. */
  secret: string;
  elsewhere: ProviderElsewhere;
}

export const limits = { memoryMb: 512, processes: 64, diskMb: 200 };

export function run(
  sandbox: Sandbox,
  argv: [string, ...string[]],
  options: Partial<Parameters<Sandbox["run"]>[0]> = {},
): Promise<CommandResult> {
  return sandbox.run({ argv, cwd: "/work", timeoutMs: 30_000, ...options });
}

export function shell(sandbox: Sandbox, script: string): Promise<CommandResult> {
  return run(sandbox, ["sh", "-c", script]);
}

export async function findPython(provider: SandboxProvider): Promise<string> {
  const { pythons } = await provider.describe();
  return pythons.find(({ version }) => version.startsWith("3."))?.path ?? "python3";
}
