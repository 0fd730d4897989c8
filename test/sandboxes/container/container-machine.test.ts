import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findContainerEngine } from "../../../src/sandboxes/container/container-engine.ts";
import { startContainer } from "../../../src/sandboxes/container/container-machine.ts";
import { findRunFlags } from "../../../src/sandboxes/container/find-run-flags.ts";
import type { Machine } from "../../../src/sandboxes/remote/machine.ts";
import { makePrivatePodman, podman } from "../../support/private-podman.ts";
import { containerImage } from "../../support/sandbox-image.ts";

const image = (await containerImage()) ?? "";
const folder = mkdtempSync(join(tmpdir(), "container-machine-"));
const environment = image === "" ? {} : { ...process.env, ...makePrivatePodman(join(folder, "podman")) };
const limits = { memoryMb: 64, processes: 64, diskMb: 64 };
const python = ["python3", "-c"] as const;
const tooMuch = "held = []\nwhile True: held.append(b'x' * (16 << 20))";

describe.runIf(image !== "")("a container as a machine", () => {
  let makeMachine: () => Promise<Machine>;
  let isLimited = false;
  beforeAll(async () => {
    const engine = await findContainerEngine({ environment, wanted: "podman" });
    const flags = await findRunFlags({ engine, image, shown: null, signal: undefined });
    isLimited = flags.limited;
    const usual = { network: "none", limits, cpuCores: 1, gpu: false, mounts: [], labels: {} } as const;
    makeMachine = () => startContainer({ engine, flags, image, ...usual, keep: async () => undefined });
  });
  afterAll(() => {
    // Takes away what Podman has mounted for its storage, where no container is left.
    podman(environment, "ps", "--all", "--external");
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a command in the place of the agent; what becomes of it, as far as the engine can tell. */
  async function explain(machine: Machine, argv: readonly string[]): Promise<unknown> {
    const process = await machine.start(argv);
    expect((await process.ended()).code).toBe(137);
    return machine.explainLoss?.();
  }

  it("tells an agent that the kernel ended for memory from one that was ended otherwise", async ({ skip }) => {
    if (!isLimited) skip("the kernel holds no limits here");
    const machine = await makeMachine();
    try {
      expect(await explain(machine, ["sh", "-c", "kill -9 $$"])).toBe(null);
      expect(await explain(machine, [...python, tooMuch])).toBe("out-of-memory");
    } finally {
      await machine.remove();
    }
  });

  it("does not know where it was ended itself, or is gone", async () => {
    const machine = await makeMachine();
    const [name = ""] = podman(environment, "ps", "--format", "{{.Names}}").split("\n");
    try {
      const process = await machine.start(["sleep", "60"]);
      podman(environment, "kill", name);
      await process.ended();
      expect(await machine.explainLoss?.()).toBe(null);
    } finally {
      await machine.remove();
    }
    expect(await machine.explainLoss?.()).toBe(null);
  });
});
