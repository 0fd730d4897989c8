import { expect, it } from "vitest";
import { SandboxError } from "../../src/errors.ts";
import type { CommandResult, Sandbox } from "../../src/sandboxes/sandbox.ts";
import { skipAloud } from "../support/command-line.ts";
import { type ContractTools, run } from "./contract-subject.ts";

/** A package that no image has, of a few kilobytes, with a program of its name. */
const small = "hello";

/** What a provider owes where packages of the system are asked for. */
export function describeSystemPackages({ provider, create }: ContractTools): void {
  it("installs packages of the system and keeps them in snapshots, or says that it cannot", async () => {
    await using sandbox = await create({ network: "full" });
    if (!(await provider().describe()).systemPackages) {
      await expect(install(sandbox, [small])).rejects.toMatchObject({ code: "no-system-packages" });
      return;
    }
    for (const refused of ["-o=APT::Foo=x", "a b", "/tmp/x.deb", "x;id", "Upper", "", "x\n", "a/bookworm", "$(id)"]) {
      await expect(install(sandbox, [small, refused]), refused).rejects.toThrow(SandboxError);
    }
    await expect(install(sandbox, [])).rejects.toThrow(SandboxError);
    expect((await run(sandbox, [small])).status).toEqual({ kind: "exited", code: 127 });

    const unknown = await install(sandbox, ["no-such-package-7f3a"]);
    expect(unknown.status).toEqual({ kind: "exited", code: 100 });
    if (!`${unknown.stdout.text}${unknown.stderr.text}`.match(/^Get:|^Hit:/m)) {
      skipAloud("archive of Debian packages within reach", false);
      return;
    }
    expect(unknown.stderr.text).toContain("Unable to locate package no-such-package-7f3a");
    expect((await install(sandbox, [small], 300)).status).toEqual({ kind: "timed-out" });
    expect((await install(sandbox, [small])).status).toEqual({ kind: "exited", code: 0 });
    expect((await run(sandbox, [small])).stdout.text).toBe("Hello, world!\n");
    expect((await install(sandbox, [small])).stdout.text).toBe(`Already installed: ${small}\n`);

    const key = `packages-${process.pid}-${Date.now()}`;
    await sandbox.snapshot({ key, paths: [] });
    try {
      await using later = await create({ snapshot: key });
      expect((await run(later, [small])).stdout.text).toBe("Hello, world!\n");
      expect((await run(later, ["apt-get", "remove", "--yes", small])).status).not.toMatchObject({ code: 0 });
      expect((await run(later, [small])).status).toEqual({ kind: "exited", code: 0 });
      await using other = await create();
      expect((await run(other, [small])).status).toEqual({ kind: "exited", code: 127 });
    } finally {
      await provider().removeSnapshot(key);
    }
  }, 300_000);
}

function install(sandbox: Sandbox, packages: string[], timeoutMs = 150_000): Promise<CommandResult> {
  return sandbox.installSystemPackages({ packages, timeoutMs });
}
