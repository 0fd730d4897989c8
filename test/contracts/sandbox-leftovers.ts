import { type ChildProcess, spawn } from "node:child_process";
import { expect, it } from "vitest";
import type { SandboxProvider } from "../../src/sandboxes/sandbox.ts";
import { type ContractTools, limits, type ProviderElsewhere } from "./contract-subject.ts";
import { countSleepers, sleepMarker, until } from "./host-processes.ts";

/** What a provider owes where a process of ours is killed. */
export function describeLeftovers(
  { can, elsewhere }: ContractTools,
  makeProvider: () => Promise<SandboxProvider>,
): void {
  it("leaves nothing of a process that was killed, once another has started", async () => {
    const marker = sleepMarker(4);
    const script = can.daemons ? `setsid sleep ${marker} & sleep ${marker}` : `sleep ${marker}`;
    const holder = startHolder(elsewhere, ["sh", "-c", script]);
    await until(() => countSleepers(marker) >= (can.daemons ? 2 : 1));
    holder.kill("SIGKILL");
    await new Promise((resolve) => holder.once("close", resolve));
    await using provider = await makeProvider();
    await until(() => countSleepers(marker) === 0);
    const left = await provider.reap({ snapshotsUnusedMs: Number.POSITIVE_INFINITY, dryRun: true });
    expect(left).toEqual([]);
  });
}

/** Another process of ours that runs a command in a sandbox. */
export function startHolder({ module, maker, options }: ProviderElsewhere, argv: readonly string[]): ChildProcess {
  const command = { argv, cwd: "/work", timeoutMs: 60_000 };
  const settings = "environment" in options ? "{ ...options, environment: process.env }" : "options";
  const script = `
    const { ${maker}: makeProvider } = await import(${JSON.stringify(new URL(`../../src/sandboxes/${module}`, import.meta.url))});
    const options = ${JSON.stringify(options)};
    const provider = await makeProvider(${settings});
    const sandbox = await provider.create({ network: "none", limits: ${JSON.stringify(limits)} });
    await sandbox.run(${JSON.stringify(command)});`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "ignore", "inherit"] });
}
